"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

# A machine that is busy with other work is not a failure.
settings.register_profile("greencloud", deadline=None)
settings.load_profile("greencloud")
