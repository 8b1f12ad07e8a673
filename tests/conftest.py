"""What holds for every test."""

from __future__ import annotations

import os
import sys

from hypothesis import Phase, settings
from hypothesis.internal.conjecture import engine

# A process that a test starts would compile every module of ours anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A machine that is busy with other work is not a failure. A law that fails has to say by which example before the two minutes of a
# test are over: so no lines are traced to explain it (in pure Python, a hundred times as slow as the law), and shrinking, which may
# take five minutes by default, ends earlier.
settings.register_profile("greencloud", deadline=None, phases=[phase for phase in Phase if phase is not Phase.explain])
settings.load_profile("greencloud")
assert engine.MAX_SHRINKING_SECONDS == 300, "Hypothesis names it otherwise now"
engine.MAX_SHRINKING_SECONDS = 45
