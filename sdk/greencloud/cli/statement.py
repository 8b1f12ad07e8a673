"""``greencloud statement``: what an account is told of a closed period, with the proof that anybody can check offline."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from greencloud.cli._options import output_option
from greencloud.cli._source import Source, source_options
from greencloud.durable import replace_file
from greencloud.results import RootLogEntry, Statement
from greencloud.units import format_instant

__all__ = ["command"]


@click.command(name="statement")
@source_options
@click.option(
    "--account", default="", metavar="ID", help="The account, or a pool in parentheses; of a server, your own if left out."
)
@click.option("--period", default="", metavar="PERIOD", help="A closed period: 2026, 2026-Q4, 2026-11 or 2026-11-27.")
@click.option("--list", "listing", is_flag=True, help="List the closed periods instead.")
@output_option("table", "json")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path(), show_default="here", metavar="DIR", help="Where to."
)
def command(*, source: Source, account: str, period: str, listing: bool, output: str, out: Path) -> None:
    """Write the statement of an account, the published root and the log of roots, for the account to verify.

    \b
    Examples:
      greencloud statement --data ./data --account acme --period 2026-11 --out acme
      greencloud verify acme/statement.json --root acme/root.json --log acme/log.jsonl
      GREENCLOUD_TOKEN=... greencloud statement --server localhost:4317 --list
    """
    if listing:
        click.echo((_listed_document if output == "json" else _listed)(_log(source)), nl=False)
        return
    if not period or (source.data is not None and not account):
        raise click.UsageError("Name an --account and a --period; --list shows the closed ones.")
    statement, log = _statement(source, account, period)
    out.mkdir(parents=True, exist_ok=True)
    files = {
        "statement.json": statement.statement,
        "root.json": statement.root,
        "log.jsonl": b"".join(entry.entry + b"\n" for entry in log),
    }
    for name, content in files.items():
        replace_file(out / name, content)
        click.echo(str(out / name))
    click.echo(
        f"verify it with: greencloud verify {out / 'statement.json'} --root {out / 'root.json'} --log {out / 'log.jsonl'}", err=True
    )
    index = json.loads(statement.root)["index"]
    key = next(entry.key_fingerprint for entry in log if entry.index == index)
    click.echo(f"signed by the key {key}, which the provider publishes elsewhere too", err=True)


def _statement(source: Source, account: str, period: str) -> tuple[Statement, Sequence[RootLogEntry]]:
    """The statement first: the log, which only grows, then has its root."""
    directory = source.directory()
    if directory is None:
        with source.client() as client:
            return client.get_statement(period, account), list(client.list_root_log_entries())
    from greencloud.engine.published import root_log, statement_of

    return statement_of(directory.closes, account, period), root_log(directory.closes)


def _log(source: Source) -> Sequence[RootLogEntry]:
    directory = source.directory()
    if directory is None:
        with source.client() as client:
            return list(client.list_root_log_entries())
    from greencloud.engine.published import root_log

    return root_log(directory.closes)


def _listed_document(log: Sequence[RootLogEntry]) -> str:
    """For programs: ``schema closes``, each ``period index closed start end key_fingerprint restates``."""
    closes = [
        {
            "period": entry.period,
            "index": entry.index,
            "closed": format_instant(entry.created),
            "start": None if entry.start is None else format_instant(entry.start),
            "end": None if entry.end is None else format_instant(entry.end),
            "key_fingerprint": entry.key_fingerprint,
            "restates": entry.restates,
        }
        for entry in log
        if entry.period
    ]
    return json.dumps({"schema": "greencloud.closes/1", "closes": closes}, indent=2) + "\n"


def _listed(log: Sequence[RootLogEntry]) -> str:
    closes = [entry for entry in log if entry.period]
    if not closes:
        return "No period is closed.\n"
    restated = {entry.restates for entry in closes}
    rows = [("period", "closed", "index", "")]
    for entry in closes:
        note = f"restates {entry.restates}" if entry.restates is not None else ""
        later = "restated later" if entry.index in restated else ""
        rows.append((entry.period, format_instant(entry.created), str(entry.index), ", ".join(filter(None, (note, later)))))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "".join("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() + "\n" for row in rows)
