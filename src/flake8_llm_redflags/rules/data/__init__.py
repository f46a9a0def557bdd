"""Data, splits and evaluation (LRF3xx)."""
