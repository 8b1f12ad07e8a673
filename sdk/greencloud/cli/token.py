"""``greencloud token``: issue a bearer token."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from greencloud.cli._options import DURATION, data_option

__all__ = ["command"]


@click.command(name="token")
@data_option
@click.option("--role", type=click.Choice(["tenant", "provider"]), required=True, help="Whom the token is for.")
@click.option("--account", default="", metavar="A", help="The tenant's account.")
@click.option("--ttl", type=DURATION, default="30d", metavar="T", help="How long it holds: 30d, 12h, 15m.")
def command(data: Path, role: str, account: str, ttl: timedelta) -> None:
    """Print one bearer token. Whoever holds it is the account, so hand it over in private.

    \b
    Examples:
      greencloud token --data ./data --role tenant --account acme
      greencloud token --data ./data --role provider --ttl 12h
    """
    if role == "tenant" and not account:
        raise click.UsageError("a tenant's token needs --account")
    if role == "provider" and account:
        raise click.UsageError("a provider's token is for no one account: leave --account out")
    from greencloud.engine import DataDirectory
    from greencloud.server import KeyStore

    fresh = not (data / "greencloud.json").exists()
    directory = DataDirectory.open(data, create=True)
    if fresh:
        click.echo(f"note: made a new data directory, {data}; a server of another one will not accept this token", err=True)
    token = KeyStore(directory.keys_directory).issue(role, account, ttl=ttl, now=datetime.now(UTC))
    listed = directory.facility().accounts
    if account and listed and account not in listed:
        click.echo(f"warning: the facility book does not list account {account!r}", err=True)
    click.echo(token)
