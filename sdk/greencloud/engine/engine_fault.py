"""What an engine's failure comes down to: one sentence out of the eighty lines of a Java trace with a Python one inside."""

from __future__ import annotations

import re
from typing import Final

from greencloud.errors import GreencloudError, StoreError, StoreUnavailableError

__all__ = ["fault_of", "useful_line"]

_LONGEST: Final = 600
_PYTHON: Final = re.compile(r"^(?:[A-Za-z_][\w.]*\.)?([A-Z]\w*(?:Error|Exception|Interrupt|Exit)): (.+)$", re.MULTILINE)
_CAUSE: Final = re.compile(r"^\s*Caused by: (?:[\w.$]+: )?(.+)$", re.MULTILINE)
_LOST: Final = re.compile(r"(?:ExecutorLostFailure|Lost task)[^\n]*?Reason: ([^\n]+)")
_SECRET: Final = re.compile(r"(?i)((?:token|secret|password|key)=)[^;&\s]+")  # as in the URL of a server
_AGAIN: Final = "what was posted until then stands; begin the run again to go on"
_ADVICE: Final = {
    "No module named": "workers run the Python that PYSPARK_PYTHON names: give one that has it, or send --archive "
    "(greencloud cluster archive makes it)",
    "JAVA_GATEWAY_EXITED": "Spark's driver needs Java 17 or newer: install it, or set JAVA_HOME",
    "PYTHON_VERSION_MISMATCH": "set PYSPARK_PYTHON to a Python on the workers of the driver's minor version",
    "exited with code 137": "most often memory: give workers more, or see docs/scale.md for windows that are too large",
}


def useful_line(text: str) -> str:
    """The line that says why: a worker's last Python error, why its executor was lost, the last cause, or else the first line."""
    text = _SECRET.sub(r"\1…", text)
    for pattern in (_PYTHON, _LOST, _CAUSE):
        if found := [match[match.lastindex or 0].strip() for match in pattern.finditer(text)]:
            return found[-1][:_LONGEST]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0][:_LONGEST] if lines else "it gave no reason"


def fault_of(what: str, error: BaseException, *, advice: str = _AGAIN) -> GreencloudError:
    """An engine's error as one of ours. ``what``: what happened, as "Spark gave up"; ``advice``: where the reason brings none."""
    text = str(error)
    line = useful_line(text)
    kind = StoreUnavailableError if f"{StoreUnavailableError.reason}: " in text else StoreError
    known = (told for word, told in _ADVICE.items() if word in line)
    return kind(f"{what}: {line}", advice=next(known, advice))
