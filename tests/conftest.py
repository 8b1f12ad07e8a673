"""What holds for every test."""

from __future__ import annotations

import os
import sys

from hypothesis import settings
from hypothesis.internal.conjecture import engine

from profiles import DEFAULT

# A process that a test starts would compile every module of ours anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# ``--hypothesis-profile`` takes another. Shrinking may go on for five minutes by default; here it ends before the two of a test.
settings.load_profile(DEFAULT)
assert engine.MAX_SHRINKING_SECONDS == 300, "Hypothesis names it otherwise now"
engine.MAX_SHRINKING_SECONDS = 45
