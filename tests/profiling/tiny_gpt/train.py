"""Train the small GPT on random text."""

import argparse
import sys

import torch
from model import GPT

parser = argparse.ArgumentParser()
parser.add_argument("--iterations", type=int, default=6)
parser.add_argument("--fail-at", type=int, default=-1)
parser.add_argument("--exit-with", type=int, default=0)
options = parser.parse_args()

torch.manual_seed(0)
device = "cuda" if torch.cuda.is_available() else "cpu"
model = GPT().to(device)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)


def batches():
    for _ in range(options.iterations):
        ids = torch.randint(96, (4, 129), device=device)
        yield ids[:, :-1], ids[:, 1:]


total = 0.0
for step, (ids, targets) in enumerate(batches()):
    if step == options.fail_at:
        raise RuntimeError("the disk is full")
    _, loss = model(ids, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    total += loss.item()
print(f"mean loss {total / options.iterations:.4f}")
sys.exit(options.exit_with)
