"""A verifier of statements and logs, written from docs/proof.md alone; ValueError is a fault."""

from __future__ import annotations

import json
import re
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def need(condition: bool, fault: str) -> None:
    if not condition:
        raise ValueError(fault)


def jcs(value: Any) -> bytes:
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return b"{" + b",".join(jcs(name) + b":" + jcs(value[name]) for name in names) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(jcs, value)) + b"]"
    return json.dumps(value, ensure_ascii=False).encode()


def read(content: bytes) -> Any:
    value = json.loads(content)
    need(jcs(value) == content.removesuffix(b"\n"), "not canonical")
    return value


def numbers(amounts: list[str], bits: int) -> list[int]:
    need(len(amounts) == 7 and all(text.isdecimal() and str(int(text)) == text for text in amounts), "amounts")
    need(all(int(text) < 1 << bits for text in amounts), "an amount is too large")
    return list(map(int, amounts))


def add(*rows: list[int]) -> list[int]:
    total = [sum(column) for column in zip([0] * 7, *rows, strict=True)]
    need(all(amount < 1 << 128 for amount in total), "a sum overflows")
    return total


def sums(amounts: list[int]) -> bytes:
    return b"".join(amount.to_bytes(16) for amount in amounts)


def check_entry(entry: dict[str, Any]) -> None:
    signed = jcs({name: value for name, value in entry.items() if name != "signature"})
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(entry["key"])).verify(bytes.fromhex(entry["signature"]), signed)
    except InvalidSignature:
        raise ValueError("signature") from None
    if entry["kind"] == "close":
        close = entry["body"]
        need((close["start"], close["end"]) == span(close["period"]), "span")
        need(datetime.fromisoformat(entry["time"]) >= datetime.fromisoformat(close["end"]), "closed before its end")


def span(name: str) -> tuple[str, str]:
    need(re.fullmatch("[0-9]{4}(-Q[1-4]|-[0-9]{2}|-[0-9]{2}-[0-9]{2})?", name) is not None, "period")
    year, month, months = int(name[:4]), 1, 12
    if len(name) > 4:
        month, months = (int(name[6]) * 3 - 2, 3) if "Q" in name else (int(name[5:7]), 1)
    first, after = date(year, month, int(name[8:] or 1)), month - 1 + months
    end = first + timedelta(1) if len(name) == 10 else date(year + after // 12, after % 12 + 1, 1)
    return f"{first}T00:00:00Z", f"{end}T00:00:00Z"


def check_log(log: list[dict[str, Any]], key: str) -> None:
    previous, in_force, closes, times = "0" * 64, log[0]["key"], dict[str, int](), [datetime.fromisoformat(e["time"]) for e in log]
    need(times == sorted(times), "time")
    need(log[0]["kind"] == "key" and log[0]["body"]["key"] == in_force, "the first entry")
    for at, entry in enumerate(log):
        check_entry(entry)
        need((entry["index"], entry["previous"], entry["key"]) == (at, previous, in_force), "chain")
        previous = sha256(jcs(entry)).hexdigest()
        if entry["kind"] == "key":
            in_force = entry["body"]["key"]
        else:
            need(entry["body"]["restates"] == closes.get(entry["body"]["period"]), "closed twice")
            closes[entry["body"]["period"]] = at
    need(key in {sha256(bytes.fromhex(entry["key"])).hexdigest() for entry in log}, "key")


def check_statement(said: dict[str, Any], entry: dict[str, Any]) -> None:
    check_entry(entry)
    close, hashes, lines = entry["body"], [], [[0] * 7]
    need(said["format"] == "greencloud-statement/1" and entry["kind"] == "close", "format")
    need(said["close"] == {"index": entry["index"]} | {name: close[name] for name in ("period", "start", "end")}, "close")
    for line in said["lines"]:
        told = jcs({"amounts": line["amounts"], "dimensions": line["dimensions"]})
        hashes.append(sha256(b"\2" + bytes.fromhex(line["salt"]) + told).digest())
        lines.append(numbers(line["amounts"], 96))
    totals, rows = numbers(said["totals"], 96), [numbers(share["amounts"], 96) for share in said["shares"]]
    need(add(*lines) == totals == add(*rows), "totals")
    need(len({share["position"] for share in said["shares"]}) == len(rows) == close["shares"], "shares")
    head = jcs({"account": said["account"], "lines": len(hashes), "period": close["period"], "totals": said["totals"]})
    digest = sha256(b"\3" + bytes.fromhex(said["blinding"]) + head + b"".join(hashes)).digest()
    for index, share in enumerate(said["shares"]):
        row = rows[index]
        node = sha256(b"\0" + bytes.fromhex(share["salt"]) + digest + bytes([index, len(rows)]) + sums(row)).digest()
        need(len(share["path"]) == close["depth"] and 0 <= share["position"] < 1 << close["depth"], "depth")
        for level, step in enumerate(share["path"]):
            beside = numbers(step["amounts"], 128)
            pair = [node + sums(row), bytes.fromhex(step["hash"]) + sums(beside)]
            node, row = sha256(b"\1" + b"".join(pair[:: -1 if share["position"] >> level & 1 else 1])).digest(), add(row, beside)
        need(node.hex() == close["root"] and row == numbers(close["totals"], 128), "root")
