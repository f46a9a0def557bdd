"""A flake8 plugin that reads LLM and ML code the way a strong engineer reads it in a code review."""

__version__ = "0.1.0"
