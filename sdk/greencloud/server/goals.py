"""GoalService: goals as resources, business metrics, and progress. For the provider."""

from __future__ import annotations

import re
from typing import Any, Final

from greencloud.server.auth import require
from greencloud.server.checks import Checks
from greencloud.server.provider_methods import ProviderMethods
from greencloud.server.roles import Permission
from greencloud.v1 import goal_service_pb2 as messages
from greencloud.wire import goal_to_message

__all__ = ["GoalMethods"]

_NAME: Final = re.compile(r"goals/(-|[A-Za-z0-9][A-Za-z0-9._-]{0,62})")


class GoalMethods(ProviderMethods):
    def GetGoalProgress(self, request: messages.GetGoalProgressRequest, context: Any) -> messages.GoalProgress:  # noqa: N802
        require(Permission.GOALS_READ)
        checks = Checks()
        if not _NAME.fullmatch(request.name):
            checks.fault("name", "must be goals/GOAL, or goals/- for the only one" if request.name else "is required")
        checks.done()
        return goal_to_message(self._services.goal_progress(request.name))
