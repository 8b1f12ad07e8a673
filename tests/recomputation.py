"""A site-window computed a second time, by other means: from docs/methodology.md and docs/files.md, in rationals, without any of
the allocator. It reads the book's TOML itself and is slow and plain on purpose. ``Recomputed(...).postings`` is what must come out.

Left out, since tests do not need it here: factors that change within the period, several sites, networks, refusals.
"""

from __future__ import annotations

import math
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cached_property
from itertools import combinations, pairwise
from typing import Any, NamedTuple

Row = dict[str, Any]
Key = tuple[str, str, str, str, str, str]  # account, service, SKU, operation, labels, component
Leaf = tuple[str, str, str, str]  # service, SKU, operation, labels
Leaves = dict[Leaf, Fraction]

NS = 10**9
SIZES = {"GiB": 1 << 30, "TiB": 1 << 40, "GB": 10**9, "TB": 10**12}
GASES = {"HFC-134a": Fraction(1530), "R-410A": Fraction(771 + 3740, 2)}  # AR6
USED = ("cpu_ns", "memory_byte_s", "disk_bytes", "network_bytes", "gpu_ns", "count")
MEASURES = (
    "energy_mj",
    "scope1_ug",
    "scope2_location_ug",
    "scope2_market_ug",
    "scope3_upstream_location_ug",
    "scope3_upstream_market_ug",
    "scope3_embodied_ug",
)
UNATTRIBUTED, UNSOLD = "(unattributed)", "(unsold)"
WHOLE: Leaf = ("", "", "", "{}")
NEVER = datetime(9999, 1, 1, tzinfo=UTC)


class Slot(NamedTuple):
    account: str
    reserved: Fraction
    told: Leaves
    rest: Fraction


class Claim(NamedTuple):
    energy: int
    component: str
    account: str
    leaves: Leaves
    slots: Sequence[Slot] = ()


def shares(total: int, weights: Iterable[Fraction | int]) -> list[int]:
    """Largest remainder; the first wins a tie."""
    known = [Fraction(weight) for weight in weights]
    quotas = [total * weight / sum(known) for weight in known]
    parts = [math.floor(quota) for quota in quotas]
    for at in sorted(range(len(parts)), key=lambda at: (parts[at] - quotas[at], at))[: total - sum(parts)]:
        parts[at] += 1
    return parts


def amount(text: str | int | Fraction) -> Fraction:
    number, _, unit = str(text).partition(" ")
    return Fraction(number) * SIZES.get(unit, 1)


def moment(value: date | datetime | None) -> datetime:
    if value is None:
        return NEVER
    return value if isinstance(value, datetime) else datetime(value.year, value.month, value.day, tzinfo=UTC)


def years_on(start: datetime, years: int) -> datetime:
    leap_day = (start.month, start.day) == (2, 29)
    return start.replace(year=start.year + years, month=3, day=1) if leap_day else start.replace(year=start.year + years)


def accrued(total: int, start: datetime, end: datetime, upto: datetime) -> int:
    gone = max(timedelta(0), min(upto, end) - start)
    return total * (gone // timedelta.resolution) // ((end - start) // timedelta.resolution)


def leaf_of(row: Row) -> Leaf:
    return row["service"], row["sku"], row["operation"], row["labels"]


def summed(rows: Iterable[Row], key: Callable[[Row], Any]) -> dict[Any, dict[str, int]]:
    found: dict[Any, dict[str, int]] = {}
    for row in rows:
        sums = found.setdefault(key(row), dict.fromkeys(USED, 0))
        for name in USED:
            sums[name] += row[name]
    return found


def solved(names: Sequence[str], passed: Mapping[str, Mapping[str, Fraction]], direct: Mapping[str, int]) -> dict[str, Fraction]:
    """x = d + F x, by elimination."""
    size = len(names)
    lines = [
        [int(one == other) - passed[other].get(one, Fraction(0)) for other in names] + [Fraction(direct[one])] for one in names
    ]
    for at in range(size):
        pivot = next(line for line in range(at, size) if lines[line][at])
        lines[at], lines[pivot] = lines[pivot], lines[at]
        lines[at] = [value / lines[at][at] for value in lines[at]]
        for line in range(size):
            factor = lines[line][at]
            if line != at and factor:
                lines[line] = [value - factor * first for value, first in zip(lines[line], lines[at], strict=True)]
    return {name: lines[at][size] for at, name in enumerate(names)}


class Recomputed:
    def __init__(self, text: str, rows: Iterable[Row], readings: Iterable[Row], start: datetime, rule: str) -> None:
        self.book = tomllib.loads(text, parse_float=Fraction)
        self.rule, self.start = rule, start
        self.seconds = {"1h": 3600, "30min": 1800, "15min": 900}[self.book["facility"]["window"]]
        self.end = start + timedelta(seconds=self.seconds)
        (self.site,) = self.book["sites"]
        self.hosts = {host["id"]: host for host in sorted(self.entries("hosts"), key=lambda host: str(host["id"]))}
        self.shared = [name for name, host in self.hosts.items() if not host.get("dedicated_to")]
        self.internal = {entry["id"]: entry for entry in self.entries("accounts") if entry.get("kind") == "internal"}
        names = {alias: name for name, host in self.hosts.items() for alias in host.get("aliases", ())}
        self.rows = [{**row, "host": names.get(row["host"], row["host"])} for row in rows]
        self.readings = [{**row, "host": names.get(row["host"], row["host"])} for row in readings]
        self.measured_rows = [row for row in self.rows if row["source"] == "provider"]
        self.told_rows = [row for row in self.rows if row["source"] == "tenant"]
        defaults = {"cpu": 1, "memory_gib": "1/20", "gpu": 20, "ssd_tib": 1, "hdd_tib": "1/6", "disk_gib": 0, "network_gib": 0}
        self.weights = {name: Fraction(weight) for name, weight in (defaults | self.book.get("weights", {})).items()}
        self.amounts: dict[Key, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._uses()
        self._energies()
        self._reservations()
        self._post_site()
        self._post_annexes()
        self._post_counts()
        self._post_shared()

    @property
    def postings(self) -> dict[Key, dict[str, int]]:
        found = {key: {name: value for name, value in sums.items() if value} for key, sums in self.amounts.items()}
        return {key: sums for key, sums in found.items() if sums}

    def entries(self, section: str) -> list[Row]:
        found: list[Row] = self.book.get(section, [])
        return found

    def curve(self, name: str, share: Fraction, vcpu: Fraction) -> Fraction:
        curve = next(curve for curve in self.entries("curves") if curve["name"] == name)
        share = min(share, Fraction(1))
        for (left, low), (right, high) in pairwise(curve["points"]):
            if left <= share <= right:
                watts: Fraction = Fraction(low) + Fraction(high - low) * (share - left) / (right - left)
                return watts * (vcpu if curve.get("per_vcpu") else 1)
        raise AssertionError(name)

    # Use: weighed, and floored once for what one account used for one thing on one host.

    def weight(self, host: str, used: Mapping[str, int]) -> int:
        weights, gib = self.weights, Fraction(NS, 1 << 30)
        if self.hosts.get(host, {}).get("kind") == "storage":
            return math.floor(used["disk_bytes"] * gib)
        memory = any(row["host"] == host and row["memory_byte_s"] is not None for row in self.readings)
        return math.floor(
            weights["cpu"] * used["cpu_ns"]
            + weights["gpu"] * used["gpu_ns"]
            + weights["memory_gib"] * used["memory_byte_s"] * gib * memory
            + weights["disk_gib"] * used["disk_bytes"] * gib
            + weights["network_gib"] * used["network_bytes"] * gib
        )

    def _uses(self) -> None:
        fine = self.rule.endswith("shapley")
        self.measured: dict[tuple[str, str], Leaves] = defaultdict(lambda: defaultdict(Fraction))
        self.told: dict[tuple[str, str], Leaves] = defaultdict(lambda: defaultdict(Fraction))
        self.counts: dict[tuple[str, str, Leaf], int] = defaultdict(int)

        def key(row: Row) -> tuple[str, str, Leaf, datetime | None]:
            return row["host"], row["account"], leaf_of(row), row["window_start"] if fine else None

        for (host, account, leaf, _), used in summed(self.measured_rows, key).items():
            self.measured[host, account][leaf] += self.weight(host, used)
        for (host, account, leaf, _), used in summed(self.told_rows, key).items():
            homes = {} if host in self.hosts else self._homes(account, leaf[0])
            spread = {name: shares(used[name], homes.values()) for name in USED} if homes else {}
            for at, home in enumerate(homes or [host]):
                part = {name: parts[at] for name, parts in spread.items()} or used
                self.told[home, account][leaf] += self.weight(home, part)
                self.counts[home, account, leaf] += part["count"]

    def _homes(self, account: str, service: str) -> dict[str, int]:
        """Where the provider measured the service, with how much."""
        found: dict[str, int] = defaultdict(int)
        for (host, owner), leaves in sorted(self.measured.items()):
            if owner == account and host in self.hosts:
                for leaf, weight in leaves.items():
                    if leaf[0] == service:
                        found[host] += int(weight)
        return found if any(found.values()) else dict.fromkeys(found, 1)

    def leaves(self, account: str, hosts: Callable[[str], bool]) -> Leaves:
        """What the provider measured of each service, divided by the account's own rows; else what its reservations name."""
        measured: Leaves = defaultdict(Fraction)
        told: Leaves = defaultdict(Fraction)
        for uses, sums in ((self.measured, measured), (self.told, told)):
            for (host, owner), leaves in uses.items():
                if owner == account and hosts(host):
                    for leaf, weight in leaves.items():
                        sums[leaf] += weight
        found: Leaves = defaultdict(Fraction)
        for leaf, weight in (measured | told).items():
            known = [sum(w for other, w in sums.items() if other[0] == leaf[0]) for sums in (measured, told)]
            if leaf in told:
                only_told = all(other[0] != leaf[0] for other in measured)
                found[leaf] += told[leaf] if only_told or known[1] <= known[0] else told[leaf] * known[0] / known[1]
            if leaf in measured and known[0] > known[1]:
                found[leaf] += (known[0] - known[1]) * measured[leaf] / known[0]
            assert weight >= 0
        found = {leaf: weight for leaf, weight in sorted(found.items()) if weight}
        named = {(service, "", "", "{}"): held for service, held in sorted(self.services.get(account, {}).items())}
        return found or named or {WHOLE: Fraction(1)}

    # Energy.

    def _energies(self) -> None:
        self.energy: dict[str, int] = {}
        self.idle: dict[str, int] = {}
        self.rest: dict[str, int] = {}
        self.silent: set[str] = set()
        for name, host in self.hosts.items():
            read = [row for row in self.readings if row["host"] == name]
            own = [row for row in self.measured_rows if row["host"] == name]
            vcpu, gpus = Fraction(host.get("vcpu", 0)), Fraction(host.get("gpus", 0))
            at = [self.curve(host["curve"], Fraction(0), vcpu)] if "curve" in host else [Fraction(0)]
            at += [gpus * self.curve(host["gpu_curve"], Fraction(0), gpus)] if gpus and "gpu_curve" in host else []
            floor = Fraction(host.get("idle_watts", sum(at)))
            busy = [row["busy_cpu_ns"] for row in read if row["busy_cpu_ns"] is not None]
            if any(row["energy_mj"] is not None for row in read):
                seconds = Fraction(sum(row["covered_us"] for row in read), 10**6)
                self.energy[name] = sum(row["energy_mj"] for row in read)
            elif busy or own:
                seconds = Fraction(sum(row["covered_us"] for row in read), 10**6) if busy else Fraction(self.seconds)
                cores = Fraction(sum(busy) if busy else sum(row["cpu_ns"] for row in own)) / (seconds * NS)
                watts = self.curve(host["curve"], cores / vcpu, vcpu)
                if gpus:
                    share = sum(row["gpu_ns"] for row in own) / (gpus * self.seconds * NS)
                    watts += gpus * self.curve(host["gpu_curve"], share, gpus)
                self.energy[name] = round(watts * seconds * 1000)
            else:
                self.silent.add(name)
                seconds = Fraction(self.seconds)
                self.energy[name] = round(floor * seconds * 1000)
            self.idle[name] = min(round(floor * seconds * 1000), self.energy[name])
            memory = [row["memory_byte_s"] for row in read if row["memory_byte_s"] is not None]
            blank = dict.fromkeys(USED, 0)
            whole = blank | {"cpu_ns": sum(busy), "memory_byte_s": sum(memory)}
            seen = blank | {part: sum(row[part] for row in own) for part in ("cpu_ns", "memory_byte_s")}
            bytes_alone = host.get("kind", "compute") != "compute"
            self.rest[name] = max(0, self.weight(name, whole) - self.weight(name, seen)) if busy and not bytes_alone else 0
        full = self.curve(self.site["unlisted_hosts"], Fraction(1), Fraction(1))
        self.by_cpu = Fraction(full, 10**6)
        away = [row for row in self.measured_rows if row["host"] not in self.hosts]
        self.unlisted = {
            account: round(self.by_cpu * used["cpu_ns"]) for account, used in summed(away, lambda row: row["account"]).items()
        }
        meters = [row["energy_mj"] for row in self.readings if row["host"] == ""]
        self.metered = bool(meters)
        self.it = sum(self.energy.values()) + sum(self.unlisted.values())
        self.load = sum(meters) if meters else round(self.it * Fraction(self.site["pue"]))

    # Capacity.

    def _capacity(self, entry: Row, seconds: Fraction | int) -> int:
        cores = self.weights["cpu"] * Fraction(entry.get("vcpu", 0)) + self.weights["gpu"] * Fraction(entry.get("gpus", 0))
        cores += self.weights["memory_gib"] * amount(entry.get("memory", 0)) / (1 << 30)
        cores += self.weights["ssd_tib"] * amount(entry.get("ssd", 0)) / (1 << 40)
        cores += self.weights["hdd_tib"] * amount(entry.get("hdd", 0)) / (1 << 40)
        return math.floor(cores * seconds * NS)

    def _reservations(self) -> None:
        self.services: dict[str, dict[str, Fraction]] = {}
        for entry in self.entries("reservations"):
            until = min(moment(entry.get("end")), self.end)
            seconds = Fraction((until - max(moment(entry["start"]), self.start)) // timedelta.resolution, 10**6)
            if seconds > 0:
                named = self.services.setdefault(entry["account"], defaultdict(Fraction))
                named[entry.get("service", "")] += self._capacity(entry, seconds)
        self.reserved = {account: sum(self.services[account].values(), Fraction(0)) for account in sorted(self.services)}

    @cached_property
    def basis(self) -> tuple[dict[str, Fraction], Fraction, Fraction]:
        """Weights of accounts, of the empty capacity that tenants bear, and of what the provider keeps."""
        if not self.rule.startswith("reserved"):
            by_use = self._by_use()
            return by_use, Fraction(0), Fraction(not any(by_use.values()))
        held = sum(self.reserved.values(), Fraction(0))
        empty = max(Fraction(0), sum(self._capacity(self.hosts[name], self.seconds) for name in self.shared) - held)
        borne = empty if held and self.site.get("unsold_to") != "provider" else Fraction(0)
        if "ramp_up_until" in self.site and self.start < moment(self.site["ramp_up_until"]):
            mature = Fraction(self.site["mature_share"])
            borne = min(borne, Fraction(math.floor(held * (1 - mature) / mature)))
        return self.reserved, borne, empty - borne

    def _by_use(self) -> dict[str, Fraction]:
        length = math.gcd(self.seconds, *(row["window_s"] for row in self.rows))
        slices = self.seconds // length
        demand: dict[str, list[Fraction]] = defaultdict(lambda: [Fraction(0)] * slices)

        def key(row: Row) -> tuple[str, str, Leaf, datetime, int]:
            return row["host"], row["account"], leaf_of(row), row["window_start"], row["window_s"]

        for (host, account, _, start, seconds), used in summed(self.measured_rows, key).items():
            if host in self.shared:
                first = (start - self.start) // timedelta(seconds=length)
                for at in range(first, first + seconds // length):
                    demand[account][at] += Fraction(self.weight(host, used) * length, seconds)
        if nobody := sum(self.rest[name] for name in self.shared):
            demand[UNATTRIBUTED] = [Fraction(nobody, slices)] * slices
        demand = {account: demand[account] for account in sorted(demand)}
        if self.rule == "used":
            found: dict[str, Fraction] = defaultdict(Fraction)
            for (host, account), leaves in self.measured.items():
                found[account] += sum(leaves.values()) if host in self.shared else 0
            return {account: Fraction(nobody) if account == UNATTRIBUTED else found[account] for account in demand}
        if self.rule == "temporal_shapley":
            totals = [sum(column, Fraction(0)) for column in zip(*demand.values(), strict=True)]
            price, running, before = [Fraction(0)] * slices, Fraction(0), Fraction(0)
            for done, at in enumerate(sorted(range(slices), key=totals.__getitem__)):
                running += (totals[at] - before) / (slices - done)
                price[at], before = running, totals[at]
            return {a: sum((p * d for p, d in zip(price, used, strict=True)), Fraction(0)) for a, used in demand.items()}
        peaks = {
            group: max((sum(column, Fraction(0)) for column in zip(*(demand[a] for a in group), strict=True)), default=Fraction(0))
            for size in range(len(demand) + 1)
            for group in combinations(demand, size)
        }
        value = dict.fromkeys(demand, Fraction(0))
        for group, peak in peaks.items():
            for account in group:
                less = tuple(other for other in group if other != account)
                chance = Fraction(math.factorial(len(less)) * math.factorial(len(demand) - len(group)), math.factorial(len(demand)))
                value[account] += chance * (peak - peaks[less])
        return value

    def _by_capacity(self, total: int) -> Iterator[tuple[str, str, int]]:
        """Account, line and amount."""
        accounts, borne, kept = self.basis
        *parts, empty, left = shares(total, [*accounts.values(), borne, kept])
        yield from (("idle", account, part) for account, part in zip(accounts, parts, strict=True))
        if borne:
            yield from (("unsold", account, part) for account, part in zip(accounts, shares(empty, accounts.values()), strict=True))
        yield "unsold", UNSOLD, left

    # Claims and postings.

    def _claims(self) -> Iterator[Claim]:
        for account, energy in sorted(self.unlisted.items()):
            yield Claim(energy, "dynamic", account, self.leaves(account, lambda host: host not in self.hosts))
        for component, account, part in self._by_capacity(sum(self.idle[name] for name in self.shared)):
            yield Claim(part, component, account, self._site_leaves(account))
        if self.rule == "reserved":
            pool = sum(self.energy[name] - self.idle[name] for name in self.shared)
            holders = self.reserved or {UNATTRIBUTED: Fraction(1)}
            for account, part in zip(holders, shares(pool, holders.values()), strict=True):
                yield Claim(part, "dynamic", account, self._site_leaves(account))
        for name, host in self.hosts.items():
            dynamic = self.energy[name] - self.idle[name]
            if owner := host.get("dedicated_to"):
                leaves = self.leaves(owner, {name}.__contains__)
                yield Claim(self.idle[name], "idle", owner, leaves)
                yield Claim(dynamic, "dynamic", owner, leaves)
            elif self.rule != "reserved" and name not in self.silent:
                yield from self._by_host(name, dynamic)

    def _site_leaves(self, account: str) -> Leaves:
        return {WHOLE: Fraction(1)} if account.startswith("(") else self.leaves(account, lambda _: True)

    def _by_host(self, name: str, dynamic: int) -> Iterator[Claim]:
        weights = {account: sum(self.measured[name, account].values(), Fraction(0)) for account in self._measured_on(name)}
        rest = Fraction(self.rest[name]) if any(weights.values()) or self.rest[name] else Fraction(1)
        *parts, nobody = shares(dynamic, [*weights.values(), rest])
        for account, part in zip(weights, parts, strict=True):
            yield Claim(part, "dynamic", account, self.leaves(account, {name}.__contains__))
        slots = []
        holders = {account: held for account, held in self.reserved.items() if account not in weights} if self.rest[name] else {}
        for account, part in zip(holders, shares(self.rest[name], holders.values()) if holders else [], strict=True):
            told = {leaf: weight for leaf, weight in sorted(self.told[name, account].items()) if weight}
            slots.append(Slot(account, holders[account], told, max(Fraction(0), part - sum(told.values(), Fraction(0)))))
        yield Claim(nobody, "dynamic", UNATTRIBUTED, {WHOLE: Fraction(1)}, slots)

    def _measured_on(self, name: str) -> list[str]:
        return sorted({row["account"] for row in self.measured_rows if row["host"] == name})

    def _post_site(self) -> None:
        claims = list(self._claims())
        self._settle(claims, self.load, self._lines(self.load, own=True))
        pools: dict[tuple[str, str], int] = defaultdict(int)
        for entry in self.entries("hardware"):
            owner = self.hosts[entry["host"]].get("dedicated_to", "") if "host" in entry else ""
            pools[owner, "building" if entry.get("kind") == "building" else "embodied"] += self._mass(entry)
        for (owner, component), mass in pools.items():
            for _, account, part in [("", owner, mass)] if owner else self._by_capacity(mass):
                self._post(Claim(0, component, account, self._site_leaves(account)), component, "scope3_embodied_ug", part)

    def _settle(self, claims: list[Claim], load: int, lines: Mapping[str, int]) -> None:
        energies = [claim.energy for claim in claims]
        beyond = shares(load - sum(energies), energies) if any(energies) else [0] * len(claims)
        for name, total in {"energy_mj": load, **lines}.items():
            parts = [*energies, *beyond] if name == "energy_mj" else shares(total, [*energies, *beyond])
            for claim, own, over in zip(claims, parts[: len(claims)], parts[len(claims) :], strict=True):
                self._post(claim, claim.component, name, own)
                self._post(claim, "overhead", name, over)

    def _post(self, claim: Claim, component: str, measure: str, total: int) -> None:
        if not claim.slots:
            for leaf, part in zip(claim.leaves, shares(total, claim.leaves.values()), strict=True):
                self.amounts[(claim.account, *leaf, component)][measure] += part
            return
        for slot, whole in zip(claim.slots, shares(total, [slot.reserved for slot in claim.slots]), strict=True):
            weights = [*slot.told.values(), slot.rest if slot.rest or slot.told else Fraction(1)]
            *parts, rest = shares(whole, weights)
            for leaf, part in zip(slot.told, parts, strict=True):
                self.amounts[(slot.account, *leaf, component)][measure] += part
            self.amounts[(UNATTRIBUTED, *WHOLE, component)][measure] += rest

    # Emissions.

    def _lines(self, load: int, *, own: bool) -> dict[str, int]:
        kwh = Fraction(load, 3_600_000_000)
        grams = {entry["kind"]: Fraction(entry["g_per_kwh"]) for entry in self.entries("factors")}
        upstream = grams["upstream"] + grams.get("losses", 0)
        covered = certified = moved = Fraction(0)
        for entry in self.entries("certificates") if own else ():
            total = int(amount(entry["mwh"]) * 3_600_000_000_000)
            spell = moment(entry["start"]), moment(entry["end"])
            part = Fraction(accrued(total, *spell, self.end) - accrued(total, *spell, self.start), 3_600_000_000)
            if entry.get("purpose") == "losses":
                moved += part * (Fraction(entry["g_per_kwh"]) - grams["location"] - grams["upstream"])
            else:
                covered += part
                certified += part * Fraction(entry["g_per_kwh"])
        direct = 0
        for entry in self.entries("direct_emissions") if own else ():
            spell = moment(entry["start"]), moment(entry["end"])
            direct += accrued(self._booked(entry), *spell, self.end) - accrued(self._booked(entry), *spell, self.start)
        return {
            "scope1_ug": direct,
            "scope2_location_ug": round(kwh * grams["location"] * 10**6),
            "scope2_market_ug": round((certified + (kwh - covered) * grams["residual"]) * 10**6),
            "scope3_upstream_location_ug": round(kwh * upstream * 10**6),
            "scope3_upstream_market_ug": round((kwh * upstream + moved) * 10**6),
        }

    def _booked(self, entry: Row) -> int:
        if "gas" in entry:
            return round(Fraction(entry["gas_kg"]) * GASES[entry["gas"]] * NS)
        if "litres" in entry:
            return round(Fraction(entry["litres"]) * Fraction(entry["kg_per_unit"]) * NS)
        return round(Fraction(entry["kg"]) * NS)

    def _mass(self, entry: Row) -> int:
        total, start = round(Fraction(entry["embodied_kg"]) * NS), moment(entry["in_service"])
        end = years_on(start, entry["life_years"]) if "life_years" in entry else start + timedelta(days=entry["life_days"])
        retired = moment(entry.get("retired"))
        if entry.get("on_retirement") != "write_off" or retired >= end:
            return accrued(total, start, end, self.end) - accrued(total, start, end, self.start)
        done = accrued(total, start, end, retired)
        day = retired, retired + timedelta(days=1)
        spread = accrued(total - done, *day, self.end) - accrued(total - done, *day, self.start)
        return accrued(total, start, end, min(self.end, retired)) - accrued(total, start, end, min(self.start, retired)) + spread

    # What only a tenant tells of, and how often.

    def _post_annexes(self) -> None:
        annexes: dict[str, list[Claim]] = defaultdict(list)
        told = summed(
            self.told_rows, lambda row: (row["host"] if row["host"] in self.hosts else "", row["account"], row["service"])
        )
        cpu: dict[tuple[str, str], int] = defaultdict(int)
        for (host, account, service), used in told.items():
            if host or not self._homes(account, service):
                cpu[host, account] += used["cpu_ns"]
        for (name, account), cpu_ns in sorted(cpu.items()):
            if not name and account not in self.unlisted:
                leaves = self.leaves(account, lambda host: host not in self.hosts)
                annexes[account].append(Claim(round(self.by_cpu * cpu_ns), "dynamic", account, leaves))
            elif name in self.silent and not self.metered and self.hosts[name].get("dedicated_to", account) == account:
                vcpu, curve = Fraction(self.hosts[name]["vcpu"]), self.hosts[name]["curve"]
                above = (self.curve(curve, Fraction(1), vcpu) - self.curve(curve, Fraction(0), vcpu)) / vcpu
                energy = round(above * min(Fraction(cpu_ns), vcpu * self.seconds * NS) / 10**6)
                annexes[account].append(Claim(energy, "dynamic", account, self.leaves(account, {name}.__contains__)))
        for _, claims in sorted(annexes.items()):
            load = round(sum(claim.energy for claim in claims) * Fraction(self.site["pue"]))
            self._settle(claims, load, self._lines(load, own=False))

    def _post_counts(self) -> None:
        """Operations stay where they ran, if something there is the account's."""
        for (host, account, leaf), count in self.counts.items():
            if host not in self.hosts:
                counted = True
            elif owner := self.hosts[host].get("dedicated_to"):
                counted = owner == account and (host not in self.silent or not self.metered)
            elif host in self.silent:
                counted = not self.metered
            elif self.rule == "reserved":
                counted = account in self.reserved
            else:
                counted = account in self._measured_on(host) or (account in self.reserved and self.rest[host] > 0)
            self.amounts[(account, *leaf, "dynamic")]["count"] += count * counted

    # Shared services.

    def _passed(self) -> dict[str, dict[str, Fraction]]:
        found = {}
        for account in sorted(self.internal):
            own = [row for row in self.told_rows if row["account"] == account]
            uses = summed(own, lambda row: (row["host"], leaf_of(row), row["caller_account"]))
            weights: dict[str, int] = defaultdict(int)
            for (host, _, caller), used in uses.items():
                weights[caller] += self.weight(host, used)
            whole = sum(weights.values())
            callers = {
                caller: Fraction(weight, whole) for caller, weight in weights.items() if weight and caller not in {"", account}
            }
            if not own:
                callers = {
                    entry["caller"]: Fraction(entry["share"])
                    for entry in self.entries("declared_use")
                    if entry["account"] == account
                }
            if callers:
                found[account] = callers
        return found

    def _passing(self, key: Key, measure: str) -> int:
        """What of a line is handed on."""
        account, *leaf, component = key
        value = self.amounts[key][measure]
        if self.internal[account].get("passes") != "dynamic" or component == "dynamic":
            return value
        if component != "overhead":
            return 0
        energies = {
            c: self.energies_before.get((account, leaf[0], leaf[1], leaf[2], leaf[3], c), 0) for c in ("dynamic", "idle", "unsold")
        }
        return value * energies["dynamic"] // sum(energies.values()) if any(energies.values()) else 0

    def _post_shared(self) -> None:
        passed = self._passed()
        names = sorted(passed)
        lines = [key for key in sorted(self.amounts) if key[0] in passed]
        self.energies_before = {key: self.amounts[key]["energy_mj"] for key in lines}
        for measure in MEASURES:
            handed = {key: self._passing(key, measure) for key in lines}
            direct = {name: sum(part for key, part in handed.items() if key[0] == name) for name in names}
            through = solved(names, passed, direct)
            kept = {name: 1 - sum(passed[name].values()) for name in names}
            gone = 0
            for name in names:
                services: dict[str, Fraction] = defaultdict(Fraction)
                for key, part in handed.items():
                    if key[0] == name:
                        services[key[1] or name] += part
                services[name] += through[name] - direct[name]
                for caller, share in passed[name].items():
                    for service, cost in services.items():
                        part = math.floor(share * kept.get(caller, 1) * cost)
                        self.amounts[caller, service, "", "", "{}", "shared"][measure] += part
                        gone += part
            stays = {name: math.floor(kept[name] * direct[name]) for name in names}
            over = sum(direct.values()) - gone - sum(stays.values())
            for name, more in zip(names, shares(over, direct.values()) if over else [0] * len(names), strict=True):
                own = [key for key in lines if key[0] == name and handed[key]]
                for key, part in zip(own, shares(stays[name] + more, [handed[key] for key in own]) if own else (), strict=True):
                    self.amounts[key][measure] += part - handed[key]
