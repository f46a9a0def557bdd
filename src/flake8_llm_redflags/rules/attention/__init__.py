"""Attention, norms and fused operations (LRF5xx)."""
