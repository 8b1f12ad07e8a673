"""Calls of GoalService: goals as resources, business metrics, and progress, sync and async."""

from __future__ import annotations

from greencloud.client import answers, requests
from greencloud.client.pages import AsyncPager, Pager
from greencloud.client.provider_calls import AsyncProviderCalls, ProviderCalls
from greencloud.results import GoalProgress
from greencloud.results.goals import BusinessMetric, Goal
from greencloud.wire import business_metric_from_message, goal_from_message, goal_progress_from_message

__all__ = ["AsyncGoalCalls", "GoalCalls"]


class GoalCalls(ProviderCalls):
    """Goals as resources, business metrics, and progress."""

    def get_goal_progress(
        self, name: str = "goals/-", *, ledger_year: int | None = None, timeout: float | None = None
    ) -> GoalProgress:
        """Where the provider stands with a goal; ``goals/-`` is the only one. The ledger is compared for one calendar year, by
        default its latest."""
        request = requests.get_goal_progress(name, ledger_year)
        return goal_progress_from_message(self._call(self.raw.goal.GetGoalProgress, request, timeout))

    def create_goal(self, goal: Goal, *, reason: str = "", timeout: float | None = None) -> Goal:
        """Book a goal. One that is there with the same content is given back; with other content it is a ConflictError."""
        request = requests.create_goal(goal, reason)
        return goal_from_message(self._call(self.raw.goal.CreateGoal, request, timeout).goal)

    def get_goal(self, name: str = "goals/-", *, timeout: float | None = None) -> Goal:
        """A goal; ``goals/-`` is the only one."""
        return goal_from_message(self._call(self.raw.goal.GetGoal, requests.get_goal(name), timeout))

    def list_goals(self, *, page_size: int = 0, timeout: float | None = None) -> Pager[Goal]:
        """All goals, in order of their names."""
        reader = answers.items_of("goals", goal_from_message)
        return Pager(self._asker(self.raw.goal.ListGoals, timeout), requests.list_goals(page_size), reader)

    def update_goal(self, goal: Goal, *, etag: str = "", reason: str = "", timeout: float | None = None) -> Goal:
        """Put a goal in the place of the one of its name. With an etag it must be the one that is booked, else a ConflictError."""
        request = requests.update_goal(goal, etag, reason)
        return goal_from_message(self._call(self.raw.goal.UpdateGoal, request, timeout).goal)

    def delete_goal(self, name: str, *, etag: str = "", reason: str = "", timeout: float | None = None) -> None:
        """Take a goal out of force; what it was stays on record."""
        self._call(self.raw.goal.DeleteGoal, requests.delete_goal(name, etag, reason), timeout)

    def create_business_metric(self, metric: BusinessMetric, *, reason: str = "", timeout: float | None = None) -> BusinessMetric:
        """Book a business metric, which intensity goals divide by; as ``create_goal``."""
        request = requests.create_business_metric(metric, reason)
        return business_metric_from_message(self._call(self.raw.goal.CreateBusinessMetric, request, timeout).business_metric)

    def get_business_metric(self, name: str, *, timeout: float | None = None) -> BusinessMetric:
        """A business metric by its name."""
        request = requests.get_business_metric(name)
        return business_metric_from_message(self._call(self.raw.goal.GetBusinessMetric, request, timeout))

    def list_business_metrics(self, *, page_size: int = 0, timeout: float | None = None) -> Pager[BusinessMetric]:
        """All business metrics, in order of their names."""
        reader = answers.items_of("business_metrics", business_metric_from_message)
        request = requests.list_business_metrics(page_size)
        return Pager(self._asker(self.raw.goal.ListBusinessMetrics, timeout), request, reader)

    def update_business_metric(
        self, metric: BusinessMetric, *, etag: str = "", reason: str = "", timeout: float | None = None
    ) -> BusinessMetric:
        """Put a business metric in the place of the one of its name; as ``update_goal``."""
        request = requests.update_business_metric(metric, etag, reason)
        return business_metric_from_message(self._call(self.raw.goal.UpdateBusinessMetric, request, timeout).business_metric)


class AsyncGoalCalls(AsyncProviderCalls):
    """Goals as resources, business metrics, and progress."""

    async def get_goal_progress(
        self, name: str = "goals/-", *, ledger_year: int | None = None, timeout: float | None = None
    ) -> GoalProgress:
        """Where the provider stands with a goal; ``goals/-`` is the only one. The ledger is compared for one calendar year, by
        default its latest."""
        request = requests.get_goal_progress(name, ledger_year)
        return goal_progress_from_message(await self._call(self.raw.goal.GetGoalProgress, request, timeout))

    async def create_goal(self, goal: Goal, *, reason: str = "", timeout: float | None = None) -> Goal:
        """Book a goal. One that is there with the same content is given back; with other content it is a ConflictError."""
        request = requests.create_goal(goal, reason)
        return goal_from_message((await self._call(self.raw.goal.CreateGoal, request, timeout)).goal)

    async def get_goal(self, name: str = "goals/-", *, timeout: float | None = None) -> Goal:
        """A goal; ``goals/-`` is the only one."""
        return goal_from_message(await self._call(self.raw.goal.GetGoal, requests.get_goal(name), timeout))

    def list_goals(self, *, page_size: int = 0, timeout: float | None = None) -> AsyncPager[Goal]:
        """All goals, in order of their names."""
        reader = answers.items_of("goals", goal_from_message)
        return AsyncPager(self._asker(self.raw.goal.ListGoals, timeout), requests.list_goals(page_size), reader)

    async def update_goal(self, goal: Goal, *, etag: str = "", reason: str = "", timeout: float | None = None) -> Goal:
        """Put a goal in the place of the one of its name. With an etag it must be the one that is booked, else a ConflictError."""
        request = requests.update_goal(goal, etag, reason)
        return goal_from_message((await self._call(self.raw.goal.UpdateGoal, request, timeout)).goal)

    async def delete_goal(self, name: str, *, etag: str = "", reason: str = "", timeout: float | None = None) -> None:
        """Take a goal out of force; what it was stays on record."""
        await self._call(self.raw.goal.DeleteGoal, requests.delete_goal(name, etag, reason), timeout)

    async def create_business_metric(
        self, metric: BusinessMetric, *, reason: str = "", timeout: float | None = None
    ) -> BusinessMetric:
        """Book a business metric, which intensity goals divide by; as ``create_goal``."""
        request = requests.create_business_metric(metric, reason)
        return business_metric_from_message(
            (await self._call(self.raw.goal.CreateBusinessMetric, request, timeout)).business_metric
        )

    async def get_business_metric(self, name: str, *, timeout: float | None = None) -> BusinessMetric:
        """A business metric by its name."""
        request = requests.get_business_metric(name)
        return business_metric_from_message(await self._call(self.raw.goal.GetBusinessMetric, request, timeout))

    def list_business_metrics(self, *, page_size: int = 0, timeout: float | None = None) -> AsyncPager[BusinessMetric]:
        """All business metrics, in order of their names."""
        reader = answers.items_of("business_metrics", business_metric_from_message)
        request = requests.list_business_metrics(page_size)
        return AsyncPager(self._asker(self.raw.goal.ListBusinessMetrics, timeout), request, reader)

    async def update_business_metric(
        self, metric: BusinessMetric, *, etag: str = "", reason: str = "", timeout: float | None = None
    ) -> BusinessMetric:
        """Put a business metric in the place of the one of its name; as ``update_goal``."""
        request = requests.update_business_metric(metric, etag, reason)
        return business_metric_from_message(
            (await self._call(self.raw.goal.UpdateBusinessMetric, request, timeout)).business_metric
        )
