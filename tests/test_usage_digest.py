"""The digest of usage is that of what it says, in whatever pieces it comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.errors import UsageDataError
from greencloud.usage import Usage, digest, merge
from greencloud.usage.digest import Digest
from usage_strategies import laws, usages


@laws
@given(usages, st.lists(st.integers(0, 12), max_size=4))
def test_pieces_have_the_digest_of_the_whole(usage: Usage, cuts: list[int]) -> None:
    usage = merge([usage])
    total = Digest()
    ends = [min(cut, usage.rows.num_rows) for cut in sorted(cuts)]
    for start, end in zip([0, *ends], [*ends, usage.rows.num_rows], strict=True):
        total.rows(usage.rows.slice(start, end - start))
    for at in range(usage.readings.num_rows):
        total.readings(usage.readings.slice(at, 1))
    assert total.hexdigest() == digest(usage)


@laws
@given(usages.filter(lambda usage: usage.rows.num_rows > 1))
def test_pieces_out_of_order_are_refused(usage: Usage) -> None:
    total = Digest()
    total.rows(usage.rows.slice(1))
    with pytest.raises(UsageDataError, match="out of order"):
        total.rows(usage.rows.slice(0, 1))
