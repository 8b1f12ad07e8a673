"""Calls of GoalService: goals as resources, business metrics, and progress, sync and async."""

from __future__ import annotations

from greencloud.client import requests
from greencloud.client.provider_calls import AsyncProviderCalls, ProviderCalls
from greencloud.results import GoalProgress
from greencloud.wire import goal_from_message

__all__ = ["AsyncGoalCalls", "GoalCalls"]


class GoalCalls(ProviderCalls):
    """Goals as resources, business metrics, and progress."""

    def get_goal_progress(self, name: str = "goals/-", *, timeout: float | None = None) -> GoalProgress:
        """The provider's goal and where it stands; ``goals/-`` is the only one."""
        return goal_from_message(self._call(self.raw.goal.GetGoalProgress, requests.get_goal_progress(name), timeout))


class AsyncGoalCalls(AsyncProviderCalls):
    """Goals as resources, business metrics, and progress."""

    async def get_goal_progress(self, name: str = "goals/-", *, timeout: float | None = None) -> GoalProgress:
        """The provider's goal and where it stands; ``goals/-`` is the only one."""
        return goal_from_message(await self._call(self.raw.goal.GetGoalProgress, requests.get_goal_progress(name), timeout))
