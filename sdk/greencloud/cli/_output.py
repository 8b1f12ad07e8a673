"""Where a verb's answer goes, and in which format: standard output or a file, a pager for a long text on a terminal.

The default format is the table, on a terminal and in a pipe alike: a script that was tried by hand does the same in a pipe. A
file's suffix chooses the format where none is named. Bytes that are no text never go to a terminal.

A file that is there keeps its name and its permissions: what a link points to is replaced, and a device or a pipe is written to.
"""

from __future__ import annotations

import functools
import shutil
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from greencloud.durable import replace_file

__all__ = ["BINARY", "Output", "format_of", "output_options", "write_file"]

F = TypeVar("F", bound=Callable[..., Any])

BINARY: Final = frozenset({"parquet", "arrow", "pdf", "png", "xlsx"})
_SUFFIXES: Final = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".md": "md",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".txt": "table",
}


@dataclass(frozen=True, slots=True)
class Output:
    """``file`` is None for standard output."""

    format: str
    file: Path | None = None
    pager: bool = True

    def write(self, content: str | bytes) -> None:
        """Whole, or not at all where it is a file. Raises OSError."""
        if self.file is not None:
            write_file(self.file, content)
            click.echo(f"wrote {self.file}", err=True)
        elif isinstance(content, str) and self.pager and self.format in ("table", "text") and _longer_than_a_screen(content):
            click.echo_via_pager(content, color=False)
        else:
            click.echo(content, nl=False)


def write_file(path: Path, content: str | bytes) -> None:
    """Whole, or not at all where it is a regular file. Raises OSError, which names ``path``."""
    try:
        mode = path.stat().st_mode if path.exists() else None
        if mode is None or stat.S_ISREG(mode):
            # Of a link that leads nowhere yet, too, what it leads to is made.
            replace_file(path.resolve(), content, None if mode is None else stat.S_IMODE(mode))
        else:
            with path.open("wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error  # and not the name of the file beside it


def output_options(*formats: str) -> Callable[[F], F]:
    """``-o``, ``--out`` and ``--no-pager``, handed over as ``output``; the first format is the default."""

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def command(*, output_format: str | None, out: Path | None, no_pager: bool, **more: Any) -> Any:
            file = None if out is None or str(out) == "-" else out
            chosen = output_format or format_of(file, formats)
            if chosen in BINARY and file is None and sys.stdout.isatty():
                raise click.UsageError(f"{chosen} is not for a terminal: give --out FILE.{chosen}, or redirect it.")
            return function(output=Output(chosen, file, not no_pager), **more)

        options = (
            click.option("-o", "--output", "output_format", type=click.Choice(formats), help=f"The format.  [{formats[0]}]"),
            click.option(
                "--out",
                type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
                metavar="FILE",
                help="Write to this file; its suffix chooses the format where -o does not.",
            ),
            click.option("--no-pager", is_flag=True, help="Show a long table without a pager."),
        )
        found: Any = command
        for option in reversed(options):
            found = option(found)
        return found  # type: ignore[no-any-return]

    return decorate


def format_of(file: Path | None, formats: tuple[str, ...]) -> str:
    """The format of a file by its suffix; the first one where it has none, or there is no file.

    Raises:
        click.UsageError: the suffix is of a format that the verb has not.
    """
    suffix = file.suffix.lower() if file else ""
    found = _SUFFIXES.get(suffix, suffix.removeprefix("."))
    if not found or found == "table":
        return formats[0]
    if found not in formats:
        raise click.UsageError(f"{file}: there is no format {found} here. Choose one of {', '.join(formats)} with -o.")
    return found


def _longer_than_a_screen(text: str) -> bool:
    return sys.stdout.isatty() and sys.stdin.isatty() and text.count("\n") >= shutil.get_terminal_size().lines
