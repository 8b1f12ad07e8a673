"""The headers of the batches in a segment: canonical JSON in the Parquet file's own metadata, compressed where there are many.

Headers and postings are one file, so that neither can be visible without the other. Times are ISO 8601 in UTC, energy is integer
millijoules, keys are sorted. ``format`` is 2; a reader refuses a number that it does not know rather than misread it.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from greencloud.errors import StoreError
from greencloud.results import BatchSummary
from greencloud.units import Energy, format_instant, parse_instant

__all__ = ["FORMAT", "HEADER_KEY", "Header", "canonical_json", "decode_headers", "encode_headers", "summary_fields"]

FORMAT: Final = 2
HEADER_KEY: Final = b"greencloud.batches"
# A day of five-minute windows is some 600 kB.
_LARGEST: Final = 64 << 20

_TEXTS: Final = (
    "id",
    "site",
    "rule",
    "methodology_version",
    "facility_revision",
    "usage_revision",
    "supersedes",
    "requested_by",
    "reason",
)


@dataclass(frozen=True, slots=True)
class Header:
    """What a segment says of one of its batches."""

    summary: BatchSummary
    totals: dict[str, int]


def canonical_json(value: Any) -> str:
    """One text for one value: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def summary_fields(summary: BatchSummary) -> dict[str, Any]:
    """A summary as plain JSON values."""
    return {
        **{name: getattr(summary, name) for name in _TEXTS},
        "start": format_instant(summary.start),
        "end": format_instant(summary.end),
        "created": format_instant(summary.created),
        "provisional": summary.provisional,
        "metered_energy_mj": summary.metered_energy.millijoules,
        "account_energy_mj": summary.account_energy.millijoules,
        "pool_energy_mj": {pool: energy.millijoules for pool, energy in summary.pool_energy.items()},
        "notes": list(summary.notes),
        "causes": list(summary.causes),
    }


def encode_headers(headers: Sequence[Header]) -> bytes:
    batches = [{"summary": summary_fields(header.summary), "totals": header.totals} for header in headers]
    text = canonical_json({"format": FORMAT, "batches": batches}).encode()
    return text if len(headers) == 1 else zlib.compress(text)


def decode_headers(content: bytes, *, path: str) -> tuple[Header, ...]:
    """The inverse of ``encode_headers``.

    Raises:
        StoreError: not headers, or of a newer format.
    """
    try:
        document = json.loads(content if content.startswith(b"{") else _inflated(content))
        form = document["format"]
        if form == FORMAT:
            return tuple(
                Header(_summary(each["summary"]), {name: int(value) for name, value in each["totals"].items()})
                for each in document["batches"]
            )
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
        raise StoreError(f"{path}: the batch header cannot be read: {error!r}", path=path) from error
    raise StoreError(
        f"{path}: batch header of format {form!r}", path=path, advice=f"this greencloud reads format {FORMAT}; upgrade it"
    )


def _inflated(content: bytes) -> bytes:
    inflate = zlib.decompressobj()
    text = inflate.decompress(content, _LARGEST)
    if not inflate.eof:
        raise ValueError("the compressed header is cut or too large")
    return text


def _summary(fields: dict[str, Any]) -> BatchSummary:
    return BatchSummary(
        **{name: fields[name] for name in _TEXTS},
        start=parse_instant(fields["start"]),
        end=parse_instant(fields["end"]),
        created=parse_instant(fields["created"]),
        provisional=fields["provisional"],
        metered_energy=Energy(fields["metered_energy_mj"]),
        account_energy=Energy(fields["account_energy_mj"]),
        pool_energy={pool: Energy(amount) for pool, amount in fields["pool_energy_mj"].items()},
        notes=tuple(fields["notes"]),
        causes=tuple(fields["causes"]),
    )
