"""What a book declares and its other entries name: ids, gathered while the sections are read in order."""

from __future__ import annotations

from dataclasses import dataclass, field

from greencloud.facility.entry import Entry
from greencloud.facility.values import AccountKind

__all__ = ["Declared"]


@dataclass(slots=True)
class Declared:
    """Ids that the book declares, whether or not the entry that declares them is otherwise right."""

    accounts: dict[str, str] = field(default_factory=dict)  # id: kind, as it is written
    curves: dict[str, bool] = field(default_factory=dict)  # name: whether it is per vCPU
    sites: dict[str, str] = field(default_factory=dict)  # id: grid zone
    hosts: dict[str, str] = field(default_factory=dict)  # id or alias: host id
    host_sites: dict[str, str] = field(default_factory=dict)  # host id: site
    gwp_set: str = "AR6"

    def take(self, entry: Entry) -> None:
        """Take note of what an entry declares."""
        id_ = entry.values.get("name" if entry.section == "curves" else "id")
        if not isinstance(id_, str):
            return
        match entry.section:
            case "accounts":
                self.accounts.setdefault(id_, str(entry.values.get("kind", AccountKind.TENANT)))
            case "sites":
                self.sites.setdefault(id_, " ".join(str(entry.values.get("grid_zone", "")).split()))
            case "curves":
                self.curves.setdefault(id_, entry.values.get("per_vcpu") is True)
            case "hosts":
                self.host_sites.setdefault(id_, str(entry.values.get("site")))
                self.hosts[id_] = id_
                aliases = entry.values.get("aliases", ())
                for alias in aliases.split() if isinstance(aliases, str) else aliases if isinstance(aliases, list) else ():
                    self.hosts.setdefault(str(alias), id_)

    def sites_in(self, zone: str) -> list[str]:
        """Sites of a grid zone, by id."""
        return sorted(site for site, its_zone in self.sites.items() if its_zone == zone)
