"""OTLP files to records: what collectors and SDKs write to disk instead of sending.

``.json``, ``.jsonl`` and ``.ndjson`` hold OTLP JSON, one export request per line or document, traces and metrics mixed at will
(logs are passed over). ``.binpb``, ``.pb`` and ``.otlp`` hold protobuf: one request, or several, each after its length (a varint,
or four bytes big-endian as the Collector's file exporter writes). Each may be compressed as ``.gz``. Protobuf does not say which
signal it is, so that is told by what parses into spans with ids or metrics with data.

Records come as they are in the file: admit them like any request.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from greencloud.errors import DecodeError, NotFoundError
from greencloud.telemetry.otlp import from_json, is_envelope, signal_of
from greencloud.telemetry.record import Record

__all__ = ["records_from_file"]

_JSON: Final = frozenset({".json", ".jsonl", ".ndjson"})
_BINARY: Final = frozenset({".binpb", ".pb", ".otlp"})
_SIGNALS: Final = {"resourceSpans": "traces", "resourceMetrics": "metrics"}
_PASSED_OVER: Final = frozenset({"resourceLogs", "resourceProfiles"})


def records_from_file(path: Path, *, role: str, account: str, received_ns: int) -> Iterator[Record]:
    """The export requests of a file, as if the caller had sent them.

    Raises:
        NotFoundError: no such file.
        DecodeError: the extension is not known, or the content is not what it says (names the line or byte).
    """
    path = Path(path)
    suffix = Path(path.stem).suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()
    if suffix not in _JSON | _BINARY:
        raise DecodeError(
            f"{path}: the extension {path.suffix!r} is not one of an OTLP file",
            advice="name OTLP JSON .json, .jsonl or .ndjson, protobuf .binpb, .pb or .otlp; add .gz when it is compressed",
        )
    data = _read(path)
    found = _from_json(path, data) if suffix in _JSON else _from_binary(path, data)
    for signal, payload in found:
        yield Record(signal, role, account, received_ns, payload)


def _read(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix.lower() == ".gz" else data
    except FileNotFoundError:
        raise NotFoundError(f"there is no file {path}", advice="check the path") from None
    except IsADirectoryError:
        raise NotFoundError(f"{path} is a directory", advice="name the files in it") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DecodeError(f"{path}: not whole gzip data: {error}", advice="write the file again, or drop .gz") from error


def _from_json(path: Path, data: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DecodeError(f"{path}:{line}: not UTF-8", advice="OTLP JSON is UTF-8; is the file protobuf (.binpb)?") from error
    decoder = json.JSONDecoder()
    end = 0
    line = 1
    while (at := _skip_space(text, end)) < len(text):
        line += text.count("\n", end, at)
        try:
            document, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            line += text[at : getattr(error, "pos", at)].rstrip().count("\n")
            what = getattr(error, "msg", "nested too deeply")
            raise DecodeError(f"{path}:{line}: not JSON: {what}", advice="write one export request per line") from error
        yield from _requests(path, line, document)
        line += text.count("\n", at, end)


def _requests(path: Path, line: int, document: Any) -> Iterator[tuple[str, bytes]]:
    if not isinstance(document, dict) or (document and not document.keys() & (_SIGNALS.keys() | _PASSED_OVER)):
        raise DecodeError(
            f"{path}:{line}: no OTLP export request",
            advice="each line is an object with resourceSpans or resourceMetrics, in lowerCamelCase",
        )
    for key, signal in _SIGNALS.items():
        if key in document:
            try:
                yield signal, from_json(signal, {key: document[key]})
            except DecodeError as error:
                raise DecodeError(f"{path}:{line}: {error.message}", advice=error.advice) from error


def _skip_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _from_binary(path: Path, data: bytes) -> Iterator[tuple[str, bytes]]:
    if not data:
        return
    signal = signal_of(data)
    if signal:
        yield signal, data
        return
    for lengths in (_after_varint, _after_four_bytes):
        parts = _cut(data, lengths)
        if parts is not None:
            signals = [signal_of(part) for _, part in parts]
            if any(signals):
                for (at, part), signal in zip(parts, signals, strict=True):
                    if part and not signal and not is_envelope(part):
                        raise DecodeError(
                            f"{path}: the message at byte {at} is no OTLP traces or metrics request",
                            advice="write one signal's export requests, each after its length",
                        )
                    if signal:
                        yield signal, part
                return
    raise DecodeError(
        f"{path}: byte 0: neither an OTLP export request nor several, each after its length",
        advice="write protobuf of ExportTraceServiceRequest or ExportMetricsServiceRequest, or OTLP JSON as .jsonl",
    )


def _cut(data: bytes, length_at: Any) -> list[tuple[int, bytes]] | None:
    """Messages with their offsets, or None where the lengths do not end with the data."""
    found = []
    at = 0
    while at < len(data):
        length, start = length_at(data, at)
        if start == 0 or start + length > len(data):
            return None
        found.append((start, data[start : start + length]))
        at = start + length
    return found


def _after_varint(data: bytes, at: int) -> tuple[int, int]:
    length = 0
    for shift in range(0, 35, 7):
        if at >= len(data):
            break
        length |= (data[at] & 0x7F) << shift
        at += 1
        if not data[at - 1] & 0x80:
            return length, at
    return 0, 0


def _after_four_bytes(data: bytes, at: int) -> tuple[int, int]:
    return (int.from_bytes(data[at : at + 4]), at + 4) if at + 4 <= len(data) else (0, 0)
