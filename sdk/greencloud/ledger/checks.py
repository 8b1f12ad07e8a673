"""What a batch must satisfy before it is visible: law 1, and a header that tells the truth about its postings.

Pure. The sums are computed anew from the postings, exactly; nothing that allocation says of itself is taken on trust.
"""

from __future__ import annotations

import re
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from greencloud.allocation import POSTING_MEASURES
from greencloud.errors import StoreError, UnbalancedError
from greencloud.ledger.batch import Batch, energy_by_account, is_pool, sum_of
from greencloud.units import Energy

__all__ = ["check_batch"]

# It becomes part of a file name.
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._]{0,99}")


def check_batch(batch: Batch) -> None:
    """Pass, or say what is wrong.

    Raises:
        UnbalancedError: a measure of the postings, or the header's energy, does not add up to what was metered.
        StoreError: the batch is not of one site and window, or its header is not whole.
    """
    name = f"batch of {batch.summary.site} at {batch.window}"
    _check_shape(batch, name)
    posted = {measure: sum_of(batch.postings[measure]) for measure in POSTING_MEASURES}
    _refuse({m: batch.totals[m] - posted[m] for m in POSTING_MEASURES}, f"{name}: postings do not add up to the totals")
    summary = batch.summary
    energy = energy_by_account(batch.postings)
    pools = {account: Energy(amount) for account, amount in energy.items() if is_pool(account)}
    accounts = sum(amount for account, amount in energy.items() if not is_pool(account))
    residual = {
        "metered_energy": summary.metered_energy.millijoules - batch.totals["energy_mj"],
        "account_energy": summary.account_energy.millijoules - accounts,
        **{
            f"pool_energy {pool}": (summary.pool_energy.get(pool, Energy()) - pools.get(pool, Energy())).millijoules
            for pool in sorted(summary.pool_energy.keys() | pools.keys())
        },
    }
    _refuse(residual, f"{name}: the header's energy is not that of the postings")


def _refuse(residual: dict[str, int], what: str) -> None:
    wrong = {measure: amount for measure, amount in residual.items() if amount}
    if wrong:
        parts = ", ".join(f"{measure} {amount:+d}" for measure, amount in wrong.items())
        raise UnbalancedError(f"{what} (metered less posted: {parts})", residual=wrong, advice="nothing was posted")


def _check_shape(batch: Batch, name: str) -> None:
    if not _ID.fullmatch(batch.summary.id):
        raise StoreError(f"{name}: {batch.summary.id!r} is not a batch id", advice="make batches with make_batch()")
    if batch.totals.keys() != set(POSTING_MEASURES):
        raise StoreError(f"{name}: totals of {sorted(batch.totals)}, not of {sorted(POSTING_MEASURES)}")
    if not batch.postings.num_rows:
        return
    keys = {"site": batch.summary.site, "window_start": batch.summary.start, "window_s": batch.window.seconds}
    for column, value in keys.items():
        scalar = pa.scalar(value, batch.postings.schema.field(column).type)
        if not pc.all(pc.equal(batch.postings[column], scalar)).as_py():
            raise StoreError(
                f"{name}: some postings have another {column}", advice="post each site and window as a batch of its own"
            )
