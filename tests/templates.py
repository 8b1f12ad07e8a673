"""Data directories that many tests start from: made once in a process, and copied for each of them."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Hashable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

__all__ = ["made_once"]


def made_once(make: Callable[..., None]) -> Callable[..., Path]:
    """The folder that ``make`` filled when it was first asked for with these arguments. Who asks copies it, and changes nothing."""

    @cache
    def folder(*arguments: Hashable) -> Path:
        kept = TemporaryDirectory(prefix="greencloud-template-")
        atexit.register(kept.cleanup)
        make(Path(kept.name), *arguments)
        return Path(kept.name)

    return folder
