"""Train the small GPT on random text."""

import argparse
import sys
import time

import torch
from data import batches
from evaluation import validate
from model import GPT
from schedule import learning_rate

parser = argparse.ArgumentParser()
parser.add_argument("--iterations", type=int, default=6)
parser.add_argument("--fail-at", type=int, default=-1)
parser.add_argument("--evaluate-every", type=int, default=3)
parser.add_argument("--interrupt-at", type=int, default=-1)
parser.add_argument("--exit-with", type=int, default=0)
options = parser.parse_args()

torch.manual_seed(0)
device = "cuda" if torch.cuda.is_available() else "cpu"
model = GPT().to(device)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

total = 0.0
for step, (ids, targets) in enumerate(batches(options.iterations, device)):
    if step == options.fail_at:
        raise RuntimeError("the disk is full")
    if step == options.interrupt_at:
        print("waiting", flush=True)
        time.sleep(60)
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(step)
    _, loss = model(ids, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    total += loss.item()
    if (step + 1) % options.evaluate_every == 0:
        print(f"step {step + 1}: validation loss {validate(model, device):.4f}")
print(f"mean loss {total / options.iterations:.4f}")
sys.exit(options.exit_with)
