"""Charts that verbs draw to a file, whose suffix says how. A wrong suffix is told before anything is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from greencloud.cli._output import write_file

__all__ = ["CHART", "draw_chart"]

_SUFFIXES: Final = ("svg", "png", "pdf", "html", "json")


class Chart(click.ParamType[Path]):
    """A file whose suffix says how the chart is drawn."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(value)
        if path.suffix.lower().removeprefix(".") not in _SUFFIXES:
            self.fail(f"{str(value)!r}: a chart is written as .{', .'.join(_SUFFIXES)}", param, ctx)
        return path


CHART: Final = Chart()


def draw_chart(spec: dict[str, Any], file: Path) -> None:
    """Whole, or not at all. Raises OSError, MissingExtraError."""
    from greencloud.report.drawing import draw

    write_file(file, draw(spec, file.suffix.lower().removeprefix(".")))
    click.echo(f"wrote {file}", err=True)
