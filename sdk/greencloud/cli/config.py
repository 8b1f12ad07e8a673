"""``greencloud config``: the profiles of the configuration file, and where each value in force is from."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from greencloud.cli._options import output_option
from greencloud.cli._output import write_file

if TYPE_CHECKING:
    from greencloud.client import ClientConfig

__all__ = ["command"]

_KEYS = ("server", "token_file", "ca_file", "client_cert", "client_key", "timeout_s")
_PROFILE = click.option("--profile", metavar="NAME", help="The profile.  [env var: GREENCLOUD_PROFILE, else default]")


@click.group(name="config")
def command() -> None:
    """Show and change the profiles that servers are asked by. A token never stands in the file: it has a file of its own.

    \b
    Examples:
      greencloud config set server footprint.example:4317
      greencloud config set token_file ~/.config/greencloud/token --profile prod
      greencloud config list --profile prod
    """


@command.command(name="path")
def path_command() -> None:
    """Print where the file is, or would be."""
    click.echo(str(_path()))


@command.command(name="list")
@_PROFILE
@output_option("table", "json")
def list_command(profile: str | None, output: str) -> None:
    """List the values in force, and where each is from: the environment, or a profile.

    Example: greencloud config list -o json
    """
    found = [(key, text, source) for key in (*_KEYS[:1], "token", *_KEYS[1:]) for text, source in [_value(_load(profile), key)]]
    if output == "json":
        told = [{"key": key, "value": text or None, "source": source or None} for key, text, source in found]
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    widths = [max(len(row[place]) for row in found) for place in (0, 1)]
    for key, text, source in found:
        click.echo(f"{key:{widths[0]}}  {text:{widths[1]}}  {source}".rstrip())


@command.command(name="get")
@click.argument("key", type=click.Choice(_KEYS))
@_PROFILE
def get_command(key: str, profile: str | None) -> None:
    """Print the value of KEY that is in force; ends with exit code 5 where there is none.

    Example: greencloud config get server
    """
    text, _ = _value(_load(profile), key)
    if not text:
        click.echo(f"greencloud: {key} is not set", err=True)
        raise click.exceptions.Exit(5)
    click.echo(text)


@command.command(name="set")
@click.argument("key", type=click.Choice(_KEYS))
@click.argument("value")
@_PROFILE
def set_command(key: str, value: str, profile: str | None) -> None:
    """Set KEY of a profile in the file; comments and everything else in it stay as they are.

    Example: greencloud config set server footprint.example:4317 --profile prod
    """
    from greencloud.cli._config_text import with_value

    written: str | float = value
    if key == "timeout_s":
        try:
            written = float(value)
        except ValueError:
            raise click.BadParameter(f"{value!r} is not a number of seconds", param_hint="VALUE") from None
        if not math.isfinite(written):
            raise click.BadParameter(f"{value!r} is not a number of seconds", param_hint="VALUE")
    elif key == "server":
        from greencloud.client.channel import ChannelSettings

        ChannelSettings(value)  # raises ConfigError where it is no address
    else:
        written = str(Path(value).expanduser().absolute())
    name = profile or os.environ.get("GREENCLOUD_PROFILE") or "default"
    path = _path()
    text = with_value(path.read_text(encoding="utf-8") if path.exists() else "", name, key, written)
    _check(path, text, name)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_file(path, text)
    click.echo(f"set {key} of profile {name} in {path}", err=True)


def _check(path: Path, text: str, profile: str) -> None:
    """Raises ConfigError where the client would not take the file."""
    from greencloud.client import ClientConfig

    environment = {name: value for name, value in os.environ.items() if name in ("HOME", "XDG_CONFIG_HOME", "GREENCLOUD_CONFIG")}
    ClientConfig.load(profile, environ=environment, files=lambda asked: text if asked == path else None)


def _path() -> Path:
    from greencloud.client.config import config_path

    return config_path({name: value for name, value in os.environ.items() if value})


def _load(profile: str | None) -> ClientConfig:
    from greencloud.client import ClientConfig

    return ClientConfig.load(profile)


def _value(config: ClientConfig, key: str) -> tuple[str, str]:
    """As text, and where it is from; a token is never shown."""
    found = getattr(config, key)
    source = config.sources.get(key, "")
    if key == "token":
        return ("(set, not shown)" if found else "", source)
    if found in ("", None):
        return "", ""
    return str(found), source or "default"
