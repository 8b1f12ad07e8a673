"""``greencloud token``: issue a bearer token."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import click

from greencloud.cli._options import DURATION, data_option

__all__ = ["command"]

# As greencloud.server.roles has them, which is not loaded for the help alone; a test compares them.
_FORMER: Final = {"tenant": "customer.admin", "provider": "provider.admin"}
_ROLES: Final = (
    *("customer.viewer", "customer.admin", "customer.writer"),
    *("provider.analyst", "provider.admin", "provider.writer", "auditor"),
    *_FORMER,
)


@click.command(name="token")
@data_option
@click.option("--role", type=click.Choice(_ROLES), required=True, metavar="ROLE", help=f"What it may do: {', '.join(_ROLES[:7])}.")
@click.option("--account", default="", metavar="A", help="The account of a customer.")
@click.option("--subject", default="", metavar="NAME", help="The person that it is for: two persons close a year.")
@click.option("--ttl", type=DURATION, default="30d", metavar="T", help="How long it holds: 30d, 12h, 15m.")
def command(data: Path, role: str, account: str, subject: str, ttl: timedelta) -> None:
    """Print one bearer token. Whoever holds it is the account, so hand it over in private.

    \b
    Examples:
      greencloud token --data ./data --role customer.admin --account acme
      greencloud token --data ./data --role provider.analyst --subject ann --ttl 12h
    """
    if role in _FORMER:
        click.echo(f"note: the role {role} is now called {_FORMER[role]}", err=True)
        role = _FORMER[role]
    of_customer = role.startswith("customer.")
    if of_customer and not account:
        raise click.UsageError(f"a token of the role {role} needs --account")
    if account and not of_customer:
        raise click.UsageError(f"a token of the role {role} is for no one account: leave --account out")
    from greencloud.cli._audit import audited
    from greencloud.engine import DataDirectory
    from greencloud.server import KeyStore

    fresh = not (data / "greencloud.json").exists()
    directory = DataDirectory.open(data, create=True)
    if fresh:
        click.echo(f"note: made a new data directory, {data}; a server of another one will not accept this token", err=True)
    with audited(directory, "token", f"role={role}; account={account}; subject={subject}; ttl={ttl}"):
        token = KeyStore(directory.keys_directory).issue(role, account, ttl=ttl, now=datetime.now(UTC), subject=subject)
    listed = directory.facility().accounts
    if account and listed and account not in listed:
        click.echo(f"warning: the facility book does not list account {account!r}", err=True)
    click.echo(token)
