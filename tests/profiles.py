"""How many examples a law is tried on: so many in the default run, which has to end in minutes, and four times that in a long one.

Most laws take Hypothesis's hundred, or say a number of their own. A law that is slow (it starts a ledger or a server for each
example) asks here, by the number that it gets in the default run; ``make test-laws`` gives it four times that number, or a number
that it names, and the hundred of the others becomes four hundred.
"""

from __future__ import annotations

from hypothesis import Phase, settings

__all__ = ["DEFAULT", "THOROUGH", "examples"]

DEFAULT = "greencloud"
THOROUGH = "thorough"
USUAL = 100
TIMES = 4

# A machine that is busy with other work is not a failure. A law that fails has to say by which example before the two minutes of a
# test are over: so no lines are traced to explain it (in pure Python, a hundred times as slow as the law).
_PHASES = [phase for phase in Phase if phase is not Phase.explain]

settings.register_profile(DEFAULT, deadline=None, phases=_PHASES, max_examples=USUAL)
settings.register_profile(THOROUGH, deadline=None, phases=_PHASES, max_examples=TIMES * USUAL)


def examples(number: int, *, thorough: int | None = None) -> int:
    """``max_examples`` under the profile that is loaded, of a law with ``number`` of them by default, and of ``thorough`` in the
    long run, where four times as many would be too few."""
    if thorough is not None and settings().max_examples >= TIMES * USUAL:
        return thorough
    return number * settings().max_examples // USUAL
