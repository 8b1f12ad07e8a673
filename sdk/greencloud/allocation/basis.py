"""The basis of what capacity costs: each account's weight in a site's idle energy and embodied mass, by the rule.

By reservation there are two steps: first over the reservations and the capacity that nobody reserved, then the unreserved part
again, over the reservations (the site's ``unsold_to = "tenants"``) or to the provider's pool "(unsold)". The second step is a line
of its own, so that a tenant sees what it reserved apart from what it bears of empty capacity. While a site ramps up, tenants bear
per unit reserved only what they would at a mature site, and the provider keeps the excess (as AWS model 3.0 does for young racks).

By use or by a peak game there is one step, because such rules know no empty capacity: those who used the hosts bear them whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from greencloud.allocation import shapley
from greencloud.allocation.apportion import apportion
from greencloud.allocation.demand import Demand
from greencloud.allocation.origins import Part
from greencloud.allocation.rule import Rule
from greencloud.allocation.setting import Setting
from greencloud.facility import POOL_UNSOLD

__all__ = ["Basis", "Share", "capacity_basis"]


class Share(NamedTuple):
    """What one account or pool bears of a total, and which part that is."""

    account: str
    amount: int
    part: Part


@dataclass(frozen=True, slots=True)
class Basis:
    """``weights`` by account in canonical order, all positive; ``borne`` and ``kept``: the weight of empty capacity that accounts
    bear in proportion, and that the provider keeps.
    """

    weights: dict[str, int]
    borne: int = 0
    kept: int = 0

    def shares(self, total: int) -> tuple[list[Share], list[Share]]:
        """``total`` by account: for what it holds, and for empty capacity. Where nobody holds anything, all is empty."""
        if not self.weights:
            return [], [Share(POOL_UNSOLD, total, Part(total, (1,), 0))]
        accounts, weights = list(self.weights), list(self.weights.values())
        whole, last = [*weights, self.borne, self.kept], len(weights)
        *parts, borne, kept = apportion(total, whole)
        within = Part(total, whole, last)
        held = [Share(account, parts[at], Part(total, whole, at)) for at, account in enumerate(accounts)]
        bears = apportion(borne, weights)
        empty = [Share(account, bears[at], Part(borne, weights, at, within)) for at, account in enumerate(accounts)]
        return held, [*empty, Share(POOL_UNSOLD, kept, Part(total, whole, last + 1))] if kept else empty


def capacity_basis(setting: Setting, rule: Rule, demand: Demand | None) -> Basis:
    """``demand`` is there for the rules that need it."""
    if demand is None:
        return _by_reservation(setting)
    if not demand.accounts:
        return Basis({})
    match rule.capacity:
        case "temporal_shapley":
            weights = shapley.temporal_weights(demand.matrix)
        case "workload_shapley":
            weights = _by_workload(setting, rule, demand)
        case _:
            return Basis(demand.totals())
    return Basis({account: weight for account, weight in zip(demand.accounts, weights, strict=True) if weight})


def _by_reservation(setting: Setting) -> Basis:
    weights = {account: capacity for account, capacity in setting.reserved.items() if capacity}
    site, empty = setting.site, setting.unreserved
    if site.unsold_to == "provider":
        return Basis(weights, kept=empty)
    borne = empty
    if site.mature_share is not None and site.ramp_up_until is not None and setting.window.start < site.ramp_up_until:
        held = sum(weights.values())
        borne = min(empty, int(held * (1 - site.mature_share) / site.mature_share))
        if borne < empty:
            setting.note(
                f"site {site.id} ramps up: the provider keeps what is empty beyond a mature site's {float(site.mature_share):.0%}"
            )
    return Basis(weights, borne, empty - borne)


def _by_workload(setting: Setting, rule: Rule, demand: Demand) -> list[int]:
    if len(demand.accounts) <= rule.exact_up_to:
        return shapley.exact_weights(demand.matrix)
    setting.note(f"{rule.name}: {len(demand.accounts)} accounts, sampled over {rule.permutations:,} antithetic permutations")
    # A seed of its own for each window, and the same one whenever it is allocated again.
    seed = int.from_bytes(sha256(f"{setting.site.id} {setting.window}".encode()).digest()[:8], "little") >> 1
    return shapley.sampled_weights(demand.matrix, rule.permutations, seed)
