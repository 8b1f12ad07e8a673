"""Law 1 as a check: what was posted is what was metered, to the unit, in every measure."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.allocation.postings import POSTING_MEASURES
from greencloud.errors import UnbalancedError

__all__ = ["check_balanced"]


def _measure_sums(postings: pa.Table) -> dict[str, int]:
    """Each measure's sum, in 128 bits."""
    wide = pa.decimal128(38, 0)
    return {name: int(pc.sum(postings[name].cast(wide)).as_py() or 0) for name in POSTING_MEASURES}


def check_balanced(postings: pa.Table, totals: Mapping[str, int]) -> None:
    """
    Raises:
        UnbalancedError: a measure does not add up, or a posting is negative; its residuals are total minus posted.
    """
    posted = _measure_sums(postings)
    residual = {name: totals.get(name, 0) - posted[name] for name in POSTING_MEASURES if totals.get(name, 0) != posted[name]}
    if residual:
        raise UnbalancedError(
            "postings do not add up to their totals: " + ", ".join(f"{name} is off by {off}" for name, off in residual.items()),
            residual=residual,
            advice="nothing was posted; this is a defect of the allocation, please report it with the inputs",
        )
    for name in POSTING_MEASURES:
        if postings.num_rows and pc.min(postings[name]).as_py() < 0:
            raise UnbalancedError(
                f"a posting of {name} is negative", residual={}, advice="corrections are restatements, not credits"
            )
