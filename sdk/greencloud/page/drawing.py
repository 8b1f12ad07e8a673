"""Charts as SVG within the page, each drawn once: drawing takes some 50 ms, and who looks again sees mostly what was there.

A drawing is found by the digest of its specification, which has all that is drawn. The drawings that were wanted last are kept, up
to a bound in bytes. Each is made fit for the page: ids become its own, since one page has many drawings, and the attribute
``style``, which the content security policy refuses, is left out.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Mapping
from typing import Any, Final

from greencloud.report.drawing import draw
from greencloud.report.page.sections import NARROW, WIDE, Section

__all__ = ["Drawings"]

_MOST_BYTES: Final = 64 << 20


class Drawings:
    """The drawings that are kept; ``size`` is what they take, in bytes."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._kept: dict[bytes, str] = {}  # what was wanted longest ago first
        self.size = 0

    def of(self, section: Section) -> list[tuple[str, str]]:
        """(wide, narrow) SVG of each of its charts. Raises MissingExtraError where greencloud[page] is not installed."""
        return [(self.drawn(chart(WIDE)), self.drawn(chart(NARROW))) for chart in section.charts]

    def drawn(self, spec: Mapping[str, Any]) -> str:
        """The drawing of a Vega-Lite specification."""
        digest = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).digest()
        with self._lock:
            found = self._kept.pop(digest, None)
            if found is not None:
                self._kept[digest] = found
                return found
        made = _fit(draw(spec, "svg").decode(), digest.hex()[:12])
        with self._lock:
            if digest not in self._kept:
                self._kept[digest] = made
                self.size += len(made)
            while self.size > self._most_bytes:
                self.size -= len(self._kept.pop(next(iter(self._kept))))
        return made


def _fit(svg: str, name: str) -> str:
    svg = re.sub(r' id="([^"]*)"', rf' id="c{name}-\1"', svg)
    svg = re.sub(r"url\(#([^)]*)\)", rf"url(#c{name}-\1)", svg)
    return re.sub(r' style="[^"]*"', "", svg)
