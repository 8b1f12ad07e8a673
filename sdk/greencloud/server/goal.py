"""GoalService: the provider's inventory, goals, instruments and disclosures, each part in a module of its own."""

from __future__ import annotations

from greencloud.server.bridges import BridgeMethods
from greencloud.server.disclosures import DisclosureMethods
from greencloud.server.forecasts import ForecastMethods
from greencloud.server.goals import GoalMethods
from greencloud.server.instruments import InstrumentMethods
from greencloud.server.inventory import InventoryMethods
from greencloud.v1 import goal_service_pb2_grpc as stubs

__all__ = ["GoalServicer"]


class GoalServicer(
    InventoryMethods, BridgeMethods, GoalMethods, ForecastMethods, InstrumentMethods, DisclosureMethods, stubs.GoalServiceServicer
):
    """All parts; each method authorises before it looks at its request."""
