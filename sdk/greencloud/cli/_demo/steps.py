"""Progress on standard error: one line a step, with the time since the start. In colour where rich is installed and may."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import click

__all__ = ["Steps"]


class Steps:
    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start = clock()
        self._console: Any = None
        try:
            from rich.console import Console
        except ImportError:
            return
        self._console = Console(stderr=True, soft_wrap=True)

    def say(self, text: str) -> None:
        elapsed = f"{self._clock() - self._start:6.1f} s"
        if self._console is None:
            click.echo(f"{elapsed}  {text}", err=True)
        else:
            from rich.text import Text

            self._console.print(Text.assemble((elapsed, "cyan"), "  ", text))
