"""A flood of refusals writes so many lines a second, and says what it left out."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.server.lines import Lines


@given(st.lists(st.floats(0, 5), max_size=200).map(sorted), st.integers(1, 20))
def test_no_second_has_more_lines_than_the_limit(times: list[float], limit: int) -> None:
    lines = Lines(limit)
    written = [int(now) for now in times if lines.spare(now)]

    for second in range(6):
        wanted = sum(int(now) == second for now in times)
        assert written.count(second) == min(limit, wanted)


def test_what_was_left_out_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    lines = Lines(2)
    with caplog.at_level(logging.INFO):
        for now in (0.0, 0.1, 0.2, 0.3, 1.0, 2.0):
            lines.spare(now)

    assert [record.message for record in caplog.records] == ["2 refused calls before this one have no line"]
