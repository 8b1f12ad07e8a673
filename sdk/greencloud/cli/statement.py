"""``greencloud statement``: what an account is told of a closed period, with the proof that anybody can check offline."""

from __future__ import annotations

from pathlib import Path

import click

from greencloud.cli._options import data_option
from greencloud.durable import replace_file

__all__ = ["command"]


@click.command(name="statement")
@data_option
@click.option("--account", required=True, metavar="ID", help="The account, or a pool in parentheses.")
@click.option("--period", required=True, metavar="PERIOD", help="A closed period: 2026, 2026-Q4, 2026-11 or 2026-11-27.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path(), show_default="here", metavar="DIR", help="Where to."
)
def command(data: Path, account: str, period: str, out: Path) -> None:
    """Write the statement of an account, the published root and the log of roots, for the account to verify.

    \b
    Example:
      greencloud statement --data ./data --account acme --period 2026-11 --out acme
      greencloud verify acme/statement.json --root acme/root.json --log acme/log.jsonl
    """
    from greencloud.engine import DataDirectory
    from greencloud.proof import canonical, fingerprint

    closes = DataDirectory.open(data, create=False).closes
    statement, root = closes.statement(account, period)
    out.mkdir(parents=True, exist_ok=True)
    files = {"statement.json": canonical(statement), "root.json": canonical(root), "log.jsonl": closes.log_file.read_bytes()}
    for name, content in files.items():
        replace_file(out / name, content)
        click.echo(str(out / name))
    key = fingerprint(bytes.fromhex(root["key"]))
    click.echo(
        f"verify it with: greencloud verify {out / 'statement.json'} --root {out / 'root.json'} --log {out / 'log.jsonl'}", err=True
    )
    click.echo(f"signed by the key {key}, which the provider publishes elsewhere too", err=True)
