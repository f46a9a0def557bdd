"""LLM calls and agents (LRF2xx)."""
