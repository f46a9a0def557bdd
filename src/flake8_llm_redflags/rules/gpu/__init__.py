"""GPU efficiency (LRF7xx): what makes the accelerator wait for the host, and memory kept for nothing."""
