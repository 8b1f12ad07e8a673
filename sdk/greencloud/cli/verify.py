"""``greencloud verify``: is a statement true? Offline, with no server, secret or data directory."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from greencloud.cli._options import output_option
from greencloud.errors import ProofError
from greencloud.proof import (
    MAX_LOG_BYTES,
    MAX_ROOT_BYTES,
    MAX_STATEMENT_BYTES,
    MEASURES,
    Finding,
    parse,
    parse_log,
    read_file,
    verify,
)

__all__ = ["command"]

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class Fingerprint(click.ParamType[str]):
    """SHA-256 of a public key."""

    name = "fingerprint"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch("[0-9a-f]{64}", plain := str(value).strip().lower()):
            self.fail(f"{value!r} is not a fingerprint: 64 hexadecimal digits, as the provider publishes it", param, ctx)
        return plain


@click.command(name="verify")
@click.argument("statement", type=FILE)
@click.option("--root", type=FILE, required=True, metavar="FILE", help="The published root of the period (root.json).")
@click.option("--log", type=FILE, metavar="FILE", help="The provider's log of roots (log.jsonl).")
@click.option("--key", type=Fingerprint(), metavar="FINGERPRINT", help="The provider's key, from a place that you trust.")
@output_option("text", "json")
def command(statement: Path, root: Path, log: Path | None, key: str | None, output: str) -> None:
    """Verify STATEMENT against the published root of its period.

    Needs these files and nothing else. Ends with exit code 0 if the statement is proven, 1 if there is a fault.

    Example: greencloud verify statement.json --root root.json --log log.jsonl --key 5e0d...
    """
    faults: list[Finding] = []
    document = _read(faults, "statement", statement, MAX_STATEMENT_BYTES)
    entry = _read(faults, "root", root, MAX_ROOT_BYTES)
    entries = _read(faults, "log", log, MAX_LOG_BYTES) if log else None
    findings = faults or verify(document, entry, entries, key)
    proven = not any(finding.status == "fault" for finding in findings)
    if output == "json":
        click.echo(json.dumps({"proven": proven, "findings": [asdict(finding) for finding in findings]}, indent=2))
    else:
        _show(findings, document if proven else None)
    if not proven:
        sys.exit(1)


def _read(faults: list[Finding], topic: str, path: Path, limit: int) -> Any:
    try:
        content = read_file(path, topic, limit=limit)
        return parse_log(content, str(path)) if topic == "log" else parse(content, str(path))
    except ProofError as error:
        faults.append(Finding(topic, "fault", error.message, error.advice))
        return None


def _show(findings: list[Finding], document: Any) -> None:
    for finding in findings:
        click.echo(_printable(f"{finding.status:5}  {finding.topic:10} {finding.text}"))
        if finding.remedy:
            click.echo(_printable(f"{'':18}{finding.remedy}"))
    if document is None:
        click.echo("NOT PROVEN: do not rely on this statement")
        return
    compared = not any(finding.topic == "key" and finding.status == "note" for finding in findings)
    condition = "" if compared else ", if the key above is the provider's"
    click.echo(_printable(f"PROVEN{condition}: account {document['account']}, {document['close']['period']}"))
    width = max(map(len, document["totals"]))
    for measure, amount in zip(MEASURES, document["totals"], strict=True):
        click.echo(f"{measure:>30}  {amount:>{width}}")


def _printable(text: str) -> str:
    """Names in a file of unknown origin may hold what a terminal would obey."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
