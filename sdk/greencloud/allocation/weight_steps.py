"""Weights as steps: power-weighted use and capacity of one account, and the sums that they are weighed against.

Only the account's own rows and reservations are shown one by one. Of all others there is the sum.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from fractions import Fraction
from math import prod
from typing import Final, cast

from greencloud.allocation.basis import Basis
from greencloud.allocation.host_steps import HostSteps
from greencloud.allocation.leaves import Leaf
from greencloud.allocation.origins import HostPart, Part
from greencloud.allocation.steps import Step, Steps, Use, Value
from greencloud.allocation.uses import UNLISTED
from greencloud.allocation.uses import Use as Used
from greencloud.allocation.work import Work
from greencloud.facility import HostKind, Reservation

__all__ = ["WeightSteps", "name_of"]

_NS: Final = 1_000_000_000
_GIB: Final = 1 << 30
_TIB: Final = 1 << 40
_UNIT: Final = "core-ns"
_PAPER: Final = "Schneider & Mattia 2024, 3.3"
_SHAPLEY: Final = {
    "temporal_shapley": "what the account used, at a price for each slice; docs/methodology.md, (3) and (4)",
    "workload_shapley": "the account's part in the peak of demand; docs/methodology.md, (1) and (2)",
}

_Key = tuple[str, str, str, str]


class WeightSteps:
    """``account`` may be a pool."""

    def __init__(self, steps: Steps, work: Work, hosts: HostSteps, account: str) -> None:
        self._steps = steps
        self._work = work
        self._hosts = hosts
        self._account = account

    # Use.

    def use(self, use: Used) -> Step:
        """The weight of what one account used for one thing on one host."""
        setting = self._work.setting
        kind = setting.kinds.get(use.host, HostKind.COMPUTE)
        weights, amounts = setting.facility.weights, use.amounts
        terms: list[tuple[str, int, str, str, Fraction]] = [("cpu", amounts.cpu_ns, "cpu_ns", "ns", weights.cpu)]
        if use.host in self._work.memory_known:
            terms.append(("memory", amounts.memory_byte_s, "memory_byte_s", "B s", weights.memory_gib * _NS / _GIB))
        terms += [
            ("gpu", amounts.gpu_ns, "gpu_ns", "ns", weights.gpu),
            ("disk", amounts.disk_bytes, "disk_bytes", "B", weights.disk_gib * _NS / _GIB),
            ("network", amounts.network_bytes, "network_bytes", "B", weights.network_gib * _NS / _GIB),
        ]
        if kind is HostKind.STORAGE:
            terms = [("disk", amounts.disk_bytes, "disk_bytes", "B", Fraction(_NS, _GIB))]
        elif kind is HostKind.NETWORK:
            terms = [("network", amounts.network_bytes, "network_bytes", "B", Fraction(_NS, _GIB))]
        where = f"host {self._hosts.name(use.host)}" if use.host != UNLISTED else "hosts that the book does not list"
        told = "measured by the provider" if use.provider else "reported by the account" + (", estimated" if use.estimated else "")
        caller = f", called by {use.caller}" if use.caller and self._hosts.open else ""
        title = f"use of {name_of(_key(use))} on {where}, {told}{caller}"
        uses: list[Use] = []
        for name, amount, column, unit, factor in terms:
            if amount and factor:
                uses += [(name, Value(factor, f"{_UNIT}/{unit}", f"weight of {name} ({_PAPER}, or the facility book)"))]
                uses += [(column, Value(amount, unit, "usage rows, added up"))]
        formula = " + ".join(f"{name} * {column}" for (name, _), (column, _) in zip(uses[::2], uses[1::2], strict=True))
        return self._steps.made(use, "usage", title, f"floor({formula or 0})", *uses, unit=_UNIT)

    def on_host(self, origin: HostPart) -> tuple[Step, Step]:
        """The account's weight in the dynamic energy of a shared host, and the sum; a pool's is what nobody was measured to use."""
        part, host = cast("Part", origin.part), origin.energy.host.id
        name = self._hosts.name(host)
        sum_title, rest_title = f"use of host {name}, all accounts", f"use of host {name} that nobody was measured to cause"
        if part.index == len(part.weights) - 1:
            weight = self._rest(origin, ("host", host, "rest"), rest_title)
        else:
            own: list[Use] = [
                ("use", self.use(use)) for use in self._work.on_host[host] if use.account == self._account and use.provider
            ]
            title = f"use of host {name} by {self._account}"
            weight = self._steps.made(("host", host, "own"), "usage", title, "sum(use)", *own, unit=_UNIT)
        told = "the provider's rows and readings, all accounts with what nobody was measured to use"
        return weight, self._steps.given(("host", host, "all"), "usage", sum_title, Value(sum(part.weights), _UNIT, told))

    def _rest(self, origin: HostPart, key: tuple[str, ...], title: str) -> Step:
        energy = origin.energy
        rows = [use.amounts for use in self._work.on_host[energy.host.id] if use.provider]
        memory = sum(amounts.memory_byte_s for amounts in rows) if energy.memory_known else 0
        seen = self._work.setting.weigher.of(sum(amounts.cpu_ns for amounts in rows), memory, 0)
        if energy.busy_weight is None or origin.rest != max(0, energy.busy_weight - seen):
            return self._steps.given(key, "usage", title, Value(origin.rest, _UNIT, "no use was measured: all of it is nobody's"))
        busy = Value(energy.busy_weight, _UNIT, "busy CPU and memory of the host, by its reading")
        uses: tuple[Use, ...] = (("busy", busy), ("measured", Value(seen, _UNIT, "the provider's rows on it")))
        return self._steps.made(key, "usage", title, "max(busy - measured, 0)", *uses, unit=_UNIT)

    # Leaves.

    def leaf(self, key: Hashable, leaf: Leaf, uses: Sequence[Used]) -> Step:
        """The weight of one service, SKU, operation and labels among the account's own in a claim; ``uses`` are all of these.

        Without ``uses`` that weigh anything, the weight is what its reservations say.
        """
        name = leaf[1:5]
        title = f"weight of {name_of(name)}"
        told = [use for use in uses if not use.provider]
        measured = [use for use in uses if use.provider]
        if leaf.account != self._account or leaf.weight == 0 or not uses:
            return self._steps.given(key, "leaves", title, Value(leaf.weight, _UNIT, self._unused(leaf)))
        own_measured: list[Use] = [("measured", self.use(use)) for use in measured if _key(use) == name]
        if not told:
            return self._steps.made(key, "leaves", title, "sum(measured)", *own_measured, unit=_UNIT)
        own_told: list[Use] = [("told", self.use(use)) for use in told if _key(use) == name]
        whole_measured = sum(use.weight for use in measured if use.service == leaf.service)
        whole_told = sum(use.weight for use in told if use.service == leaf.service)
        if not any(use.service == leaf.service for use in measured) or whole_told == whole_measured:
            return self._steps.made(key, "leaves", title, "sum(told)", *own_told, unit=_UNIT)
        total = ("total", Value(whole_measured, _UNIT, f"what the provider measured of service {leaf.service!r} there"))
        all_told = Value(whole_told, _UNIT, f"what the account reported of service {leaf.service!r} there")
        if whole_told > whole_measured:
            quota = "floor(total * sum(told) / all_told)"
            uses_: tuple[Use, ...] = (total, ("all_told", all_told), *own_told)
        else:
            terms = (["sum(told)"] if own_told else []) + (
                ["floor((total - all_told) * sum(measured) / total)"] if own_measured else []
            )
            quota = " + ".join(terms)
            uses_ = (total, ("all_told", all_told), *own_told, *own_measured)
        parts: dict[str, int] = {"told": sum(cast("int", use.result) for _, use in own_told)}
        parts["measured"] = sum(cast("int", use.result) for _, use in own_measured)
        if whole_told > whole_measured:
            floor = whole_measured * parts["told"] // whole_told
        else:
            floor = parts["told"] + (whole_measured - whole_told) * parts["measured"] // whole_measured
        unit = Value(leaf.weight - floor, _UNIT, "of the remainder of that division")
        assert unit.result in {0, 1}, f"{title}: {leaf.weight} is not {floor}, nor one more"
        return self._steps.made(key, "leaves", title, f"{quota} + unit", *uses_, ("unit", unit), unit=_UNIT)

    def _unused(self, leaf: Leaf) -> str:
        if leaf.account != self._account:
            return "what the rows of its account do not fill"
        if not leaf.weight:
            return "its use weighs nothing"
        reserved = self._work.setting.reserved_services.get(leaf.account, ())
        named = any(service == leaf.service and weight for service, weight in reserved)
        return "no use weighs anything: by the service's reservations" if named else "neither use nor a reservation names a service"

    # Capacity.

    def capacity(self, part: Part, basis: Basis | None) -> tuple[Step | Value, Step | Value]:
        """The weight of a part of what capacity costs, and the sum; ``basis`` None is by reservation whatever the rule is."""
        weights, at = part.weights, part.index
        by_rule = basis is not None and self._work.demand is not None
        if len(weights) == 1 and part.total and self._is_pool():
            return Value(1, "", "nobody holds capacity: all of it is the pool's"), Value(1, "", "the pool alone")
        what = "demand" if by_rule else "capacity"
        key = ("capacity", what, len(weights), sum(weights))
        whole_title = f"{what} of all accounts" + ("" if by_rule or part.within else " and what nobody reserved")
        told = "all accounts together" if by_rule or part.within else "all reservations, and the capacity that nobody reserved"
        whole = self._steps.given(key, "capacity", whole_title, Value(sum(weights), _unit(by_rule), told))
        if self._is_pool() and not by_rule:
            return self._steps.given(
                (*key, at), "capacity", f"weight of {self._account}", Value(weights[at], _UNIT, "see the sum")
            ), whole
        return (self._demand(weights[at]) if by_rule else self._reserved()), whole

    def empty(self, part: Part) -> Value:
        """The weight of empty capacity that accounts bear."""
        return Value(part.weights[part.index], _UNIT, "capacity of shared hosts that nobody reserved, as far as accounts bear it")

    def _is_pool(self) -> bool:
        return self._account.startswith("(")

    def _reserved(self) -> Step:
        setting = self._work.setting
        parts: list[Use] = []
        for number, (held, seconds) in enumerate(setting.facility.reservations_over(setting.site.id, setting.window)):
            if held.account == self._account:
                parts.append(("reservation", self._reservation(number, held, seconds)))
        title = f"capacity reserved by {self._account}"
        return self._steps.made(("reserved",), "capacity", title, "sum(reservation)", *parts, unit=_UNIT)

    def _reservation(self, number: int, held: Reservation, seconds: Fraction) -> Step:
        weights = self._work.setting.facility.weights
        terms: dict[str, tuple[Fraction, int | Fraction, str, Fraction]] = {
            "vcpu": (weights.cpu, held.vcpu, "vCPU", Fraction(1)),
            "gpus": (weights.gpu, held.gpus, "GPU", Fraction(1)),
            "memory": (weights.memory_gib, held.memory_bytes, "GiB", Fraction(1, _GIB)),
            "ssd": (weights.ssd_tib, held.ssd_bytes, "TiB", Fraction(1, _TIB)),
            "hdd": (weights.hdd_tib, held.hdd_bytes, "TiB", Fraction(1, _TIB)),
        }
        uses: list[Use] = [("seconds", Value(seconds, "s", "of the window for which it holds"))]
        products = []
        for name, (weight, amount, unit, size) in terms.items():
            if prod((weight, amount)):
                uses += [(name, Value(amount * size, unit, "facility book"))]
                uses += [(f"{name}_weight", Value(weight, f"core/{unit}", f"{_PAPER}, or the facility book"))]
                products.append(f"{name} * {name}_weight")
        title = f"reservation of {held.account}" + (f" for service {held.service}" if held.service else "")
        formula = f"floor(({' + '.join(products) or '0'}) * seconds * {_NS})"
        return self._steps.made(("reservation", number), "capacity", title, formula, *uses, unit=_UNIT)

    def _demand(self, weight: int) -> Step:
        demand = self._work.demand
        assert demand is not None
        at, count = demand.accounts.index(self._account), demand.slices
        own = demand.values[at * count : (at + 1) * count]
        title = f"demand of {self._account} on the site's shared hosts"
        told = "the provider's rows, by slice of the window"
        slices: list[Use] = [("slice", Value(value, _UNIT, told)) for value in own]
        rule = self._work.rule
        if not rule.needs_slices:
            return self._steps.made(("demand",), "capacity", title, "sum(slice)", *slices, unit=_UNIT)
        for number in range(count):
            together = sum(demand.values[number::count])
            slices.append(("all_accounts", Value(together, _UNIT, "all accounts together, in the same slice")))
        return self._steps.given(("demand",), "capacity", title, Value(weight, "", _SHAPLEY[rule.capacity]), *slices)


def _unit(by_rule: bool) -> str:
    return "" if by_rule else _UNIT


def _key(use: Used) -> _Key:
    return use.service, use.sku, use.operation, use.labels


def name_of(key: tuple[str, ...]) -> str:
    """Service, SKU, operation and labels in words."""
    service, sku, operation, labels = key
    parts = [
        f"service {service!r}" if service else "no named service",
        sku and f"SKU {sku!r}",
        operation and f"operation {operation!r}",
    ]
    return ", ".join(part for part in (*parts, labels if labels != "{}" else "") if part)
