"""One site in one window, with what the facility book says of it there: what every step of the allocation needs to know.

Reservations enter as *power-weighted capacity*: core-nanosecond equivalents over the window (Schneider & Mattia 2024, 3.3), one
integer per account, so that cores and memory are one basis. Hosts dedicated to an account stand outside it: their owner
bears them whole, and reservations are claims on the site's shared hosts.

``notes`` gathers, for the provider, what was decided for want of evidence; it never changes a figure.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from math import lcm

from greencloud.errors import AllocationError
from greencloud.facility import Facility, Host, ResourceWeights, Site
from greencloud.units import Window

__all__ = ["Setting", "Weigher"]

_NS = 1_000_000_000


class Weigher:
    """``ResourceWeights.nanosecond_equivalents`` in integers alone, because it runs once per row."""

    __slots__ = ("_cpu", "_gpu", "_memory", "_scale")

    def __init__(self, weights: ResourceWeights) -> None:
        memory = weights.memory_gib * _NS / (1 << 30)
        scale = lcm(weights.cpu.denominator, memory.denominator, weights.gpu.denominator)
        self._scale = scale
        self._cpu, self._memory, self._gpu = int(weights.cpu * scale), int(memory * scale), int(weights.gpu * scale)

    def of(self, cpu_ns: int, memory_byte_s: int, gpu_ns: int) -> int:
        """Core-nanosecond equivalents, floored once."""
        return (self._cpu * cpu_ns + self._memory * memory_byte_s + self._gpu * gpu_ns) // self._scale


@dataclass(frozen=True, slots=True)
class Setting:
    facility: Facility
    site: Site
    window: Window
    hosts: tuple[Host, ...]
    weigher: Weigher
    reserved: dict[str, int]  # account -> capacity reserved on shared hosts, in account order
    reserved_services: dict[str, list[tuple[str, int]]]  # account -> services that its reservations name
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
        for held in facility.reservations_at(site, window):
            services[held.account][held.service] += weigher.of(
                int(held.vcpu * window.seconds * _NS), held.memory_bytes * window.seconds, 0
            )
        return cls(
            facility=facility,
            site=facility.sites[site],
            window=window,
            hosts=tuple(facility.hosts_of(site)),
            weigher=weigher,
            reserved={account: sum(services[account].values()) for account in sorted(services)},
            reserved_services={account: sorted(named.items()) for account, named in services.items()},
        )

    @property
    def window_ns(self) -> int:
        return self.window.seconds * _NS

    @property
    def unreserved(self) -> int:
        """Capacity of the shared hosts that nobody reserved; none where more is reserved than there is."""
        seconds = self.window.seconds
        capacity = sum(
            self.weigher.of(int(host.vcpu * seconds * _NS), host.memory_bytes * seconds, 0)
            for host in self.hosts
            if not host.dedicated_to
        )
        return max(0, capacity - sum(self.reserved.values()))

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
