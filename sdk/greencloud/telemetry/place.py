"""Where use is booked: the dimensions of a row that come from a resource and the facility book.

Host: the first of ``host.id``, ``host.name`` and ``k8s.node.name`` that the book knows by id or alias; else "". Site: the
host's, else the book's default site, else none, and what has no site is a dead letter. ``machine`` is the host, or what
the sender calls a host that the book does not list: it tells two unlisted machines apart where CPU must not be counted
twice, and goes into no row.

Names that are keys of rows (service, operation, sku, labels) are cut to 256 characters, the last of which says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from greencloud.facility import Facility, Host
from greencloud.telemetry import semconv
from greencloud.telemetry.otlp import Attributes, Resource

__all__ = ["MAX_LABELS", "MAX_NAME", "Owner", "Place", "Places", "Process", "clipped"]

MAX_NAME: Final = 256
MAX_LABELS: Final = 32


class Owner(NamedTuple):
    """Whose credential brought it: a tenant's account, or the provider, who says in the resource whose it is."""

    role: str
    account: str


class Process(NamedTuple):
    """One running copy of a service."""

    account: str
    service: str
    instance: str


@dataclass(frozen=True, slots=True)
class Place:
    site: str
    host: str
    machine: str
    service: str
    instance: str
    sku: str
    labels: str


@dataclass(slots=True)
class Places:
    """Finds places, each resource once."""

    facility: Facility
    _known: dict[str, Place] = field(default_factory=dict)
    _hosts: dict[str, Host | None] = field(default_factory=dict)

    def of(self, resource: Resource) -> Place:
        place = self._known.get(resource.identity)
        if place is None:
            place = self._known[resource.identity] = self._find(resource)
        return place

    def host(self, resource: Resource) -> Host | None:
        for key in semconv.HOST_KEYS:
            name = resource.text(key)
            if name:
                if name not in self._hosts:
                    self._hosts[name] = self.facility.host_named(name)
                found = self._hosts[name]
                if found is not None:
                    return found
        return None

    def _find(self, resource: Resource) -> Place:
        host = self.host(resource)
        named = next((name for name in map(resource.text, semconv.HOST_KEYS) if name), "")
        return Place(
            site=host.site if host else self.facility.default_site,
            host=host.id if host else "",
            machine=host.id if host else named,
            service=clipped(resource.text(semconv.SERVICE_NAME)) or semconv.UNKNOWN_SERVICE,
            instance=resource.text(semconv.SERVICE_INSTANCE_ID),
            sku=clipped(resource.text(semconv.SKU)),
            labels=_labels(resource.attributes),
        )


def clipped(name: str) -> str:
    """At most 256 characters; a longer name keeps 255 and an ellipsis."""
    return name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + "…"


def _labels(attributes: Attributes) -> str:
    found = {
        clipped(key.removeprefix(semconv.LABEL_PREFIX)): clipped(_text(value))
        for key, value in sorted(attributes.items())
        if key.startswith(semconv.LABEL_PREFIX) and not isinstance(value, bytes)
    }
    kept = dict(sorted(found.items())[:MAX_LABELS])
    return json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
