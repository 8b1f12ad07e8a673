"""A view: an address, and the function that answers it by asking the server as the caller.

The function is given the caller's own client, so it can show nothing that the caller may not see; ``permission`` only decides
whether the menu offers it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from greencloud.client import Client
from greencloud.page.asked import Asked
from greencloud.page.file import FileAnswer
from greencloud.page.shown import Shown
from greencloud.results import CallerIdentity

__all__ = ["Caller", "View"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who looks: a client with that caller's token, and what the server says of it."""

    client: Client
    identity: CallerIdentity

    def may(self, permission: str) -> bool:
        return permission in self.identity.permissions

    @property
    def provider(self) -> bool:
        """On the provider's side, auditors included."""
        return not self.identity.account


@dataclass(frozen=True, slots=True)
class View:
    """``name`` is the key of its title in the texts, and its place in the menu where ``menu`` is True."""

    path: str
    name: str
    show: Callable[[Caller, Asked], Shown | FileAnswer]
    permission: str = "greencloud.footprint.read"
    menu: bool = True
