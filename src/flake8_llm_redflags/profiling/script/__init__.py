"""Profiling a user's own script: every statement a range, every operator on its line, joined with the findings."""
