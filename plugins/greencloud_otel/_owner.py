"""The core in use: in Cython where it was built, else in pure Python. Both give the same figures.

``OTEL_PYTHON_GREENCLOUD_CORE`` names one: ``compiled``, ``python``, or ``auto``, which is the default. A compiled core that is not
there or does not load is no error: the other one is as exact. Without the interpreter's lock it is never loaded, as importing it
would bring the lock back for the whole application.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Final

from greencloud_otel._python import Plain
from greencloud_otel.environment_variables import OTEL_PYTHON_GREENCLOUD_CORE

__all__ = [
    "CLOSED",
    "CORE",
    "FREE_THREADED",
    "SLOT",
    "Era",
    "Handover",
    "Plain",
    "Process",
    "Tally",
    "bind_spans",
    "close",
    "end_hook",
    "owner_here",
    "process",
    "restart",
    "restart_in_child",
    "set_clock",
    "switch",
    "tally_of",
]

FREE_THREADED: Final = not getattr(sys, "_is_gil_enabled", lambda: True)()
"""Without the interpreter's lock two threads can lose each other's additions to one span."""


def _wanted() -> bool:
    wanted = os.environ.get(OTEL_PYTHON_GREENCLOUD_CORE, "").strip().lower() or "auto"
    if wanted not in {"auto", "compiled", "python"}:
        logging.getLogger("greencloud_otel").warning("%s=%s: not auto, compiled or python.", OTEL_PYTHON_GREENCLOUD_CORE, wanted)
    return wanted != "python" and not FREE_THREADED


if TYPE_CHECKING:
    from greencloud_otel import _python as core
else:
    from greencloud_otel import _python as core

    if _wanted():
        try:
            from greencloud_otel import _compiled as core
        except Exception:  # whatever a foreign binary may raise: ImportError is only the likeliest
            if os.environ.get(OTEL_PYTHON_GREENCLOUD_CORE, "").strip().lower() == "compiled":
                logging.getLogger("greencloud_otel").warning("The compiled core does not load: using Python.", exc_info=True)

CORE: Final = core.CORE
CLOSED: Final = core.CLOSED
SLOT: Final = core.SLOT
process: Final = core.process
Era = core.Era
Handover = core.Handover
Process = core.Process
Tally = core.Tally
bind_spans = core.bind_spans
close = core.close
end_hook = core.end_hook
owner_here = core.owner_here
restart = core.restart
restart_in_child = core.restart_in_child
set_clock = core.set_clock
switch = core.switch
tally_of = core.tally_of
