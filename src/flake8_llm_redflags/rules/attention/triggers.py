"""What a file must hold for the rules of this family to read it: shared, so that the family costs one look."""

from __future__ import annotations

TORCH = ("torch",)

#: A softmax, as function, method or module.
SOFTMAX = ("softmax", "Softmax", "_safe_softmax")

#: A product of two tensors.
PRODUCTS = ("matmul", "einsum", "bmm", " @ ", r"torch\.mm\(", r"@\w(?<=\w@\w)")

#: A square root, however it is written.
ROOTS = ("sqrt", r"\*\* ?\(?-?0?\.5", r"pow\(")
