"""``greencloud restatements``: what was restated, from a data directory or from a server, with the same output."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import click

from greencloud.cli._options import INSTANT
from greencloud.results import Restatement

__all__ = ["command"]


@click.command(name="restatements")
@click.option("--data", "data_path", metavar="DIR", type=click.Path(path_type=Path), help="Read this data directory.")
@click.option("--server", metavar="HOST:PORT", help="Ask this server instead.")
@click.option("--token", envvar="GREENCLOUD_TOKEN", show_envvar=True, metavar="JWT", help="Bearer token for the server.")
@click.option("--token-file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="File with the bearer token.")
@click.option(
    "--account", "accounts", multiple=True, metavar="ID", help="Lines of this account (repeatable); all that you may see."
)
@click.option("--from", "start", type=INSTANT, metavar="TIME", help="Windows that start at or after this.")
@click.option("--to", "end", type=INSTANT, metavar="TIME", help="Windows that start before this.")
@click.option("-o", "--output", type=click.Choice(["table", "json", "jsonl", "csv"]), default="table", help="The format.")
def command(
    *,
    data_path: Path | None,
    server: str | None,
    token: str | None,
    token_file: Path | None,
    accounts: tuple[str, ...],
    start: datetime | None,
    end: datetime | None,
    output: str,
) -> None:
    """List restatements of final figures: old, new and difference of each line, the cause, who asked for it, and when.

    \b
    Examples:
      greencloud restatements --data ./data
      greencloud restatements --data ./data --account acme --from 2026-07-01 --to 2026-08-01 -o csv
      GREENCLOUD_TOKEN=... greencloud restatements --server localhost:4317 -o jsonl
    """
    if (data_path is None) == (server is None):
        raise click.UsageError("Give either --data DIR or --server HOST:PORT.")
    if start is not None and end is not None and start >= end:
        raise click.UsageError("--from must be before --to.")
    if data_path is not None:
        found = _from_directory(data_path, accounts, start, end)
    else:
        assert server is not None
        found = _from_server(server, token_file.read_text().strip() if token_file else token, accounts, start, end)
    click.echo(_render(found, output), nl=False)


def _render(found: list[Restatement], output: str) -> str:
    from greencloud.report import restatements_csv, restatements_document, restatements_jsonl, restatements_table

    match output:
        case "json":
            return json.dumps(restatements_document(found), indent=2, ensure_ascii=False) + "\n"
        case "jsonl":
            return restatements_jsonl(found)
        case "csv":
            return restatements_csv(found)
        case _:
            return restatements_table(found)


def _from_directory(path: Path, accounts: tuple[str, ...], start: datetime | None, end: datetime | None) -> list[Restatement]:
    from greencloud.engine import DataDirectory

    return DataDirectory.open(path, create=False).ledger.snapshot().restatements(start, end, accounts or None)


def _from_server(
    target: str, token: str | None, accounts: tuple[str, ...], start: datetime | None, end: datetime | None
) -> list[Restatement]:
    from greencloud.client import Client

    with Client(target, token=token) as client:
        return list(client.list_restatements(start=start, end=end, accounts=accounts))
