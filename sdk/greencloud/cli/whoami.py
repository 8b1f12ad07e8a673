"""``greencloud whoami``: who the caller is to a server, and what it may do there."""

from __future__ import annotations

import json

import click

from greencloud.cli._output import Output, output_options
from greencloud.cli._source import Source, server_options
from greencloud.results import CallerIdentity
from greencloud.units import format_instant

__all__ = ["command"]


@click.command(name="whoami")
@server_options
@output_options("table", "json")
def command(*, source: Source, output: Output) -> None:
    """Show the role, account and permissions of your credential, and until when it holds.

    \b
    Examples:
      greencloud whoami --profile prod
      GREENCLOUD_TOKEN=... greencloud whoami --server localhost:4317 -o json
    """
    with source.client() as client:
        identity = client.get_caller_identity()
    output.write(_json(identity) if output.format == "json" else _text(identity))


def _json(identity: CallerIdentity) -> str:
    document = {
        "schema": "greencloud.identity/1",
        "role": identity.role,
        "account": identity.account or None,
        "subject": identity.subject,
        "issuer": identity.issuer,
        "expires": format_instant(identity.expires),
        "permissions": list(identity.permissions),
        "member_accounts": list(identity.member_accounts),
        "server_version": identity.server_version,
        "server_time": format_instant(identity.server_time),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _text(identity: CallerIdentity) -> str:
    members = identity.member_accounts
    rows = (
        ("role", identity.role),
        ("account", identity.account or "(none)"),
        (
            "pays for",
            ", ".join(members[:10]) + (f" and {len(members) - 10:,} more" if len(members) > 10 else "") if members else "",
        ),
        ("subject", identity.subject),
        ("issuer", identity.issuer),
        ("expires", format_instant(identity.expires)),
        ("permissions", ", ".join(identity.permissions)),
        ("server", f"greencloud {identity.server_version}, {format_instant(identity.server_time)}"),
    )
    return "".join(f"{name:12} {text}\n" for name, text in rows if text)
