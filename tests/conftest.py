"""Settings of all tests."""

from __future__ import annotations

import os

from hypothesis import settings

# The same examples every time, so that a change fails by its own fault; HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
