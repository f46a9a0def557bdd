"""Secrets, injection and unsafe loading (LRF1xx)."""
