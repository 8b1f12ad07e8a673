"""What the methods of GoalService share: the services, and the provider's books open for the caller."""

from __future__ import annotations

from greencloud.goal import ProviderBooks
from greencloud.server.auth import require
from greencloud.server.paging import Pages
from greencloud.server.roles import Permission
from greencloud.server.services import Services

__all__ = ["ProviderMethods"]


class ProviderMethods:
    """A part of GoalService; ``greencloud.server.goal`` puts the parts together."""

    def __init__(self, services: Services, pages: Pages) -> None:
        self._services = services
        self._pages = pages

    def _books(self, permission: Permission) -> ProviderBooks:
        """The books, open for the caller if it may. Raises PermissionDeniedError."""
        return self._services.books(require(permission).subject)
