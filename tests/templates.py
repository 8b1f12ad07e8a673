"""Data directories that many tests start from: made once in a process, and copied for each of them."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from tempfile import TemporaryDirectory

__all__ = ["made_once"]


def made_once(make: Callable[[Path], None]) -> Callable[[], Path]:
    """The folder that ``make`` filled when it was first asked for. Who asks copies it, and leaves it as it is."""

    @cache
    @wraps(make)
    def folder() -> Path:
        kept = TemporaryDirectory(prefix="greencloud-template-")
        atexit.register(kept.cleanup)
        make(Path(kept.name))
        return Path(kept.name)

    return folder
