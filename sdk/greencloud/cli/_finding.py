"""What ``greencloud doctor`` finds: one thing looked at, how it is, and what to do where it is not well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from greencloud.errors import GreencloudError

__all__ = ["Finding", "guarded"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. ``status`` is "ok", "note" or "fault"."""

    topic: str
    status: str
    text: str
    remedy: str = ""


def guarded(topic: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """The findings, and an error that ends them as a fault."""
    try:
        yield from findings
    except GreencloudError as error:
        yield Finding(topic, "fault", error.message, error.advice)
