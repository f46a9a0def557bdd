"""What a file must hold for the rules of this family to read it: shared, so that the family costs one look."""

from __future__ import annotations

from ..rule import Trigger

#: A read of a tensor's value, in a file with a training step of its own.
READ_IN_STEP = Trigger(
    words=(
        ("torch", "lightning", "pytorch_lightning"),
        ("item", "tolist", "float", "int", "cpu", "numpy"),
        ("backward", "training_step", "compute_loss", "autograd", "loss_scaler"),
    )
)
