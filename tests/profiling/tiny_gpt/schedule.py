"""A learning rate that rises and falls."""

import math


def learning_rate(step, peak=1e-3, warm_up=2, last=100):
    if step < warm_up:
        return peak * (step + 1) / warm_up
    return 0.5 * peak * (1 + math.cos(math.pi * min(1.0, (step - warm_up) / last)))
