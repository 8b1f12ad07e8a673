"""Asks a greencloud server what a service was charged (extra ``feedback``).

The last 24 hours by operation and hour, and of these the final ones: what is provisional still lacks late spans. Location-based,
with upstream and embodied emissions. Whose figures these are is the credential's, so a tenant gets its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final

from greencloud_otel._rates import Answer, Charged

__all__ = ["Ledger"]

_HOURS: Final = 24
_MAX_ROWS: Final = 20_000
_TIMEOUT_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Ledger:
    """A server at ``HOST:PORT``; ``token_file`` and ``certificate`` are paths, or ""."""

    server: str
    token_file: str = ""
    certificate: str = ""

    def ask(self, service: str, now: datetime | None = None) -> Answer:
        """What the service was charged up to ``now``; raises what the client raises, and an ImportError without one."""
        try:
            from greencloud.client import Client
        except ImportError as error:
            raise ImportError(f"{error}; pip install 'greencloud-otel[feedback]'") from error
        hour = (now or datetime.now(UTC)).replace(minute=0, second=0, microsecond=0)
        token = Path(self.token_file).read_text(encoding="utf-8").strip() if self.token_file else None
        trusted = Path(self.certificate).read_bytes() if self.certificate else None
        with Client(self.server, token=token, timeout=_TIMEOUT_S, root_certificates=trusted) as client:
            rows = client.query_footprint(
                start=hour - timedelta(hours=_HOURS),
                end=hour,
                services=[service],
                group_by=["operation"],
                granularity="hour",
                page_size=10_000,
            )
            final = [row for row in islice(rows, _MAX_ROWS) if not row.provisional]
        if not final:
            return Answer((), "")
        charged = [Charged(row.dimensions["operation"], row.total_location_based.micrograms, row.operation_count) for row in final]
        first, last = min(row.start for row in final), max(row.end for row in final)
        return Answer(charged, f"location-based, {service} from {first:%Y-%m-%dT%H:%MZ} to {last:%Y-%m-%dT%H:%MZ}")
