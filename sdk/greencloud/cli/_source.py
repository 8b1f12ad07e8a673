"""Where a question goes: to a data directory, or to a server with a token; the same for every verb that takes both."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from greencloud.client import Client
    from greencloud.engine import DataDirectory

__all__ = ["Source", "source_options"]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Source:
    """``data`` is None where a server is asked."""

    data: Path | None
    server: str = ""
    token: str | None = None

    def directory(self) -> DataDirectory | None:
        """The data directory; None where a server is asked. Raises StoreError."""
        from greencloud.engine import DataDirectory

        return None if self.data is None else DataDirectory.open(self.data, create=False)

    def client(self) -> Client:
        """A connection to the server, to be closed."""
        from greencloud.client import Client

        return Client(self.server, token=self.token)


def source_options(function: F) -> F:
    """``--data`` or ``--server`` with ``--token`` or ``--token-file``, handed over as ``source``."""

    @functools.wraps(function)
    def command(*, data_path: Path | None, server: str | None, token: str | None, token_file: Path | None, **more: Any) -> Any:
        chosen = click.get_current_context().get_parameter_source("data_path")
        if server is not None and chosen is ParameterSource.ENVIRONMENT:
            data_path = None  # what is typed beats what is set once
        if (data_path is None) == (server is None):
            raise click.UsageError("Give either --data DIR or --server HOST:PORT.")
        source = Source(data_path, server or "", token_file.read_text().strip() if token_file else token)
        return function(source=source, **more)

    options = (
        click.option(
            "--data",
            "data_path",
            metavar="DIR",
            envvar="GREENCLOUD_DATA",
            type=click.Path(path_type=Path, file_okay=False),
            help="Read this data directory.",
        ),
        click.option("--server", metavar="HOST:PORT", help="Ask this server instead."),
        click.option("--token", envvar="GREENCLOUD_TOKEN", show_envvar=True, metavar="JWT", help="Bearer token for the server."),
        click.option(
            "--token-file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="File with the bearer token."
        ),
    )
    found: Any = command
    for option in reversed(options):
        found = option(found)
    return found  # type: ignore[no-any-return]
