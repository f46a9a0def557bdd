"""Validation loss, with autograd left on."""

from data import batches


def validate(model, device, count=2):
    model.eval()
    total = 0.0
    for ids, targets in batches(count, device):
        _, loss = model(ids.to(device), targets.to(device))
        total += loss.item()
    model.train()
    return total / count
