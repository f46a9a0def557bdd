"""KV cache and decoding (LRF6xx)."""
