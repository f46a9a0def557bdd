"""``python -m flake8_llm_redflags`` is the ``redflags`` command."""

from .cli import main

if __name__ == "__main__":
    main()
