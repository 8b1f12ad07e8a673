"""Usage for laws: rows that agree with each other, whole or in parts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from greencloud.usage import KEY, MEASURES, READING_KEY, Usage, usage_from
from profiles import examples

T0 = datetime(2026, 3, 29, tzinfo=UTC)
Row = dict[str, Any]

laws = settings(max_examples=examples(20))

_AMOUNTS = st.integers(0, 2**40)
_WORDS = st.sampled_from(["", "a", "b", "é", "zz"])

_ROWS = st.fixed_dictionaries(
    {
        "window_start": st.integers(-24, 24).map(lambda step: T0 + timedelta(minutes=5 * step)),
        "window_s": st.sampled_from([300]),
        "site": st.sampled_from(["s", "t"]),
        "host": _WORDS,
        "account": st.sampled_from(["pay", "ops"]),
        "service": _WORDS,
        "operation": _WORDS,
        "labels": st.dictionaries(_WORDS, _WORDS, max_size=2),
        "source": st.sampled_from(["provider", "tenant"]),
    }
    | dict.fromkeys(MEASURES, _AMOUNTS)
)
_READINGS = st.fixed_dictionaries(
    {
        "window_start": st.integers(-24, 24).map(lambda step: T0 + timedelta(minutes=5 * step)),
        "window_s": st.sampled_from([300]),
        "site": st.sampled_from(["s", "t"]),
        "host": _WORDS,
        "energy_mj": st.none() | _AMOUNTS,
        "covered_us": st.integers(0, 300_000_000),
        "busy_cpu_ns": st.none() | _AMOUNTS,
        "memory_byte_s": st.none() | _AMOUNTS,
        "quality": st.sampled_from(["measured", "modelled"]),
    }
)


def _key(row: Row, names: tuple[str, ...]) -> str:
    return repr([sorted(row[name].items()) if name == "labels" else row[name] for name in names if name in row])


rows = st.lists(_ROWS, max_size=12, unique_by=lambda row: _key(row, KEY))
readings = st.lists(_READINGS, max_size=6, unique_by=lambda row: _key(row, READING_KEY))
usages: st.SearchStrategy[Usage] = st.builds(usage_from, rows, readings)


@st.composite
def parts(draw: st.DrawFn, count: int = 3) -> list[Usage]:
    """Usages that overlap and agree: each has some of the rows of one whole."""
    whole, read = draw(rows), draw(readings)

    def some(of: list[Row]) -> list[Row]:
        return [] if not of else draw(st.lists(st.sampled_from(of), max_size=2 * len(of)))

    return [usage_from(some(whole), some(read)) for _ in range(count)]
