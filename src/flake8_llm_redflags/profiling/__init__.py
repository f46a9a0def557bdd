"""Proving the cost: cases, measurement, evidence, the guide's numbers, and the user's own script.

Nothing outside this room imports torch, and nothing in it is imported on the lint path.
"""
