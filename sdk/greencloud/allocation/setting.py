"""One site in one window, with what the facility book says of it there: what every step of the allocation needs to know.

Reservations enter as *power-weighted capacity*: core-nanosecond equivalents over their time in the window (Schneider & Mattia
2024, 3.3), one integer per account, so that cores, memory, GPUs and disks are one basis. Hosts dedicated to an account stand
outside it: their owner bears them whole, and reservations are claims on the site's shared hosts.

Use is weighed by the kind of the host that it was on. On a storage or network host, bytes moved are all that counts, at one
core-second per GiB. On the host only proportions matter; where use is added up over hosts of several kinds (rules by use, the idle
energy of one account's services), that rate of exchange is a convention.

``notes`` gathers, for the provider, what was decided for want of evidence; it never changes a figure.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor, lcm
from typing import NamedTuple

from greencloud.errors import AllocationError
from greencloud.facility import Facility, Host, HostKind, Reservation, ResourceWeights, Site
from greencloud.units import Window

__all__ = ["Amounts", "Setting", "Weigher"]

_NS = 1_000_000_000


class Weigher:
    """Power-weighted use and capacity in core-nanosecond equivalents, by integers alone, because it runs once per row."""

    __slots__ = ("_cpu", "_disk", "_gpu", "_hdd", "_memory", "_network", "_scale", "_ssd")
    _cpu: int
    _disk: int
    _gpu: int
    _hdd: int
    _memory: int
    _network: int
    _ssd: int

    def __init__(self, weights: ResourceWeights) -> None:
        per_byte = {
            "_memory": weights.memory_gib * _NS / (1 << 30),
            "_disk": weights.disk_gib * _NS / (1 << 30),
            "_network": weights.network_gib * _NS / (1 << 30),
            "_ssd": weights.ssd_tib * _NS / (1 << 40),
            "_hdd": weights.hdd_tib * _NS / (1 << 40),
        }
        factors = {"_cpu": weights.cpu, "_gpu": weights.gpu} | per_byte
        self._scale = lcm(*(factor.denominator for factor in factors.values()))
        for name, factor in factors.items():
            setattr(self, name, int(factor * self._scale))

    @property
    def factors(self) -> tuple[int, int, int, int, int, int]:
        """Of the amounts in the order of ``Amounts``, and what their sum is divided by."""
        return self._cpu, self._memory, self._disk, self._network, self._gpu, self._scale

    def of(self, cpu_ns: int, memory_byte_s: int, gpu_ns: int, disk_bytes: int = 0, network_bytes: int = 0) -> int:
        """Use, floored once."""
        return (
            self._cpu * cpu_ns
            + self._memory * memory_byte_s
            + self._gpu * gpu_ns
            + self._disk * disk_bytes
            + self._network * network_bytes
        ) // self._scale

    def capacity(self, held: Reservation | Host, seconds: int | Fraction) -> int:
        """What a reservation entitles to, or a host offers, over a time; floored once."""
        cores = (self._cpu * held.vcpu + self._gpu * held.gpus) * _NS
        sizes = self._memory * held.memory_bytes + self._ssd * held.ssd_bytes + self._hdd * held.hdd_bytes
        return floor((cores + sizes) * seconds / self._scale)


class Amounts(NamedTuple):
    """Use, summed, in the order of ``usage.MEASURES``; unbounded, since a tenant may report anything."""

    cpu_ns: int = 0
    memory_byte_s: int = 0
    disk_bytes: int = 0
    network_bytes: int = 0
    gpu_ns: int = 0
    operations: int = 0


@dataclass(frozen=True, slots=True)
class Setting:
    facility: Facility
    site: Site
    window: Window
    hosts: tuple[Host, ...]
    weigher: Weigher
    reserved: dict[str, int]  # account -> capacity reserved on shared hosts, in account order
    reserved_services: dict[str, list[tuple[str, int]]]  # account -> services that its reservations name
    kinds: dict[str, HostKind]  # of the site's hosts, by id
    notes: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, facility: Facility, site: str, window: Window) -> Setting:
        """Raises AllocationError where the book does not know the site."""
        if site not in facility.sites:
            raise AllocationError(
                f"there is use at site {site!r} in {window}, but the facility book has no such site",
                site=site,
                window=str(window),
                advice=f"add a site {site!r} to the book, or correct the site of the rows",
            )
        weigher = Weigher(facility.weights)
        services: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for held, seconds in facility.reservations_over(site, window):
            services[held.account][held.service] += weigher.capacity(held, seconds)
        return cls(
            facility=facility,
            site=facility.sites[site],
            window=window,
            hosts=tuple(facility.hosts_of(site)),
            weigher=weigher,
            reserved={account: sum(services[account].values()) for account in sorted(services)},
            reserved_services={account: sorted(named.items()) for account, named in services.items()},
            kinds={host.id: host.kind for host in facility.hosts_of(site)},
        )

    @property
    def window_ns(self) -> int:
        return self.window.seconds * _NS

    @property
    def unreserved(self) -> int:
        """Capacity of the shared hosts that nobody reserved; none where more is reserved than there is."""
        return max(0, self.capacity - sum(self.reserved.values()))

    @property
    def capacity(self) -> int:
        """Of all shared hosts."""
        return sum(self.weigher.capacity(host, self.window.seconds) for host in self.hosts if not host.dedicated_to)

    def weight(self, host: str, amounts: Amounts, *, memory_known: bool) -> int:
        """Power-weighted use on a host of this site (or on an unlisted one), in core-nanosecond equivalents, floored once.

        Memory counts only where the host's own memory use is known, and then for all parties on it.
        """
        alone, memory_counts = self.counting(host, memory_known=memory_known)
        if alone >= 0:
            return amounts[alone] * _NS >> 30
        return self.weigher.of(
            amounts.cpu_ns,
            amounts.memory_byte_s if memory_counts else 0,
            amounts.gpu_ns,
            amounts.disk_bytes,
            amounts.network_bytes,
        )

    def counting(self, host: str, *, memory_known: bool) -> tuple[int, bool]:
        """What counts on a host: the place in ``Amounts`` of what alone does, by the GiB, or -1; and whether memory does."""
        match self.kinds.get(host):
            case HostKind.STORAGE:
                return Amounts._fields.index("disk_bytes"), False
            case HostKind.NETWORK:
                return Amounts._fields.index("network_bytes"), False
        return -1, memory_known

    def host_ids(self) -> dict[str, str]:
        """Every name that means a host of this site, to its id."""
        names = {alias: host.id for host in reversed(self.hosts) for alias in host.aliases}
        return names | {host.id: host.id for host in self.hosts}

    def note(self, text: str) -> None:
        self.notes.add(text)

    def refused(self, message: str, *, host: str = "", advice: str) -> AllocationError:
        """The error for something that this site-window needs and that is not known."""
        at = f"site {self.site.id!r}, {self.window}"
        where = f"{at}, host {host!r}" if host else at
        return AllocationError(f"{where}: {message}", site=self.site.id, window=str(self.window), host=host, advice=advice)
