"""Where a question goes: to a data directory, or to a server by a profile; the same for every verb that takes both.

What is typed beats what is set once. Typed, ``--data`` and ``--server`` (or ``--profile``) exclude each other. Where neither is
typed, ``GREENCLOUD_DATA`` counts, then ``GREENCLOUD_SERVER`` or the profile (``GREENCLOUD_PROFILE``, else ``default``) of the
configuration file. Everything else of a server (token, authorities, certificate, timeout) is what ``greencloud.client.config``
finds, with the options over it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from greencloud.client import Client, ClientConfig
    from greencloud.engine import DataDirectory

__all__ = ["Source", "optional_server_options", "server_options", "source_options"]

F = TypeVar("F", bound=Callable[..., Any])

_NEITHER = "Give either --data DIR or --server HOST:PORT."
_NO_SERVER = "Give --server HOST:PORT, or a profile that names one (greencloud config)."


@dataclass(frozen=True, slots=True)
class Source:
    """``data`` is None where a server is asked, and ``config`` where there is a data directory."""

    data: Path | None
    config: ClientConfig | None = None
    insecure: bool | None = field(default=None)

    def directory(self) -> DataDirectory | None:
        """The data directory; None where a server is asked. Raises StoreError."""
        if self.data is None:
            return None
        from greencloud.engine import DataDirectory  # not in a light client

        return DataDirectory.open(self.data, create=False)

    def client(self) -> Client:
        """A connection to the server, to be closed. Raises ConfigError."""
        from greencloud.client import Client

        assert self.config is not None, "a server is asked"
        return Client.from_config(self.config, insecure=self.insecure, app_info="greencloud-cli")


def source_options(function: F) -> F:
    """``--data``, or the options of a server; handed over as ``source``."""

    @functools.wraps(function)
    def command(*, data_path: Path | None, **more: Any) -> Any:
        context = click.get_current_context()
        typed = {name for name in ("data_path", "server", "profile") if _typed(context, name)}
        if "data_path" in typed and len(typed) > 1:
            raise click.UsageError(_NEITHER)
        server = _taken(more)
        if data_path is not None and not typed & {"server", "profile"}:
            return function(source=Source(data_path), **more)
        return function(source=_server(_NEITHER, **server), **more)

    option = click.option(
        "--data",
        "data_path",
        metavar="DIR",
        envvar="GREENCLOUD_DATA",
        show_envvar=True,
        type=click.Path(path_type=Path, file_okay=False),
        help="Read this data directory.",
    )
    found: Any = option(_with_server_options(command))
    return found  # type: ignore[no-any-return]


def server_options(function: F) -> F:
    """The options of a server, for a verb that asks nothing else; handed over as ``source``."""

    @functools.wraps(function)
    def command(**more: Any) -> Any:
        server = _taken(more)
        return function(source=_server(_NO_SERVER, **server), **more)

    return _with_server_options(command)  # type: ignore[no-any-return]


def optional_server_options(function: F) -> F:
    """The options of a server; handed over as ``source``, which is None where neither ``--server`` nor ``--profile`` is typed."""

    @functools.wraps(function)
    def command(**more: Any) -> Any:
        context = click.get_current_context()
        server = _taken(more)
        asked = _typed(context, "server") or _typed(context, "profile")
        return function(source=_server(_NO_SERVER, **server) if asked else None, **more)

    return _with_server_options(command)  # type: ignore[no-any-return]


def _with_server_options(command: Any) -> Any:
    options = (
        click.option("--server", metavar="HOST:PORT", help="Ask this server.  [env var: GREENCLOUD_SERVER]"),
        click.option("--profile", metavar="NAME", help="By this profile of greencloud config.  [env var: GREENCLOUD_PROFILE]"),
        click.option(
            "--token", metavar="JWT", help="Bearer token for the server; other users see it here.  [env var: GREENCLOUD_TOKEN]"
        ),
        click.option(
            "--token-file",
            type=click.Path(path_type=Path, exists=True, dir_okay=False),
            help="File with the bearer token.  [env var: GREENCLOUD_TOKEN_FILE]",
        ),
        click.option("--timeout", type=click.FloatRange(0, min_open=True), metavar="S", help="Seconds for one call.  [30]"),
        click.option("--insecure", is_flag=True, help="Without TLS: a token then travels in the clear."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def _taken(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: parameters.pop(name) for name in ("server", "profile", "token", "token_file", "timeout", "insecure")}


def _server(
    missing: str,
    *,
    server: str | None,
    profile: str | None,
    token: str | None,
    token_file: Path | None,
    timeout: Any,
    insecure: bool,
) -> Source:
    from greencloud.client import ClientConfig

    config = ClientConfig.load(profile).with_values(server=server, token_file=token_file, timeout_s=timeout)
    if token is not None:
        config = config.with_values(token=token)
    if not config.server:
        raise click.UsageError(missing)
    return Source(None, config, insecure or None)


def _typed(context: click.Context, name: str) -> bool:
    return context.params.get(name) is not None and context.get_parameter_source(name) is ParameterSource.COMMANDLINE
