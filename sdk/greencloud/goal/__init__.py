"""The provider's goals: the path from a base year to a target year, and where the ledger stands against it."""

from greencloud.goal.book import KINDS, Goal
from greencloud.goal.ledger_year import LedgerView, LedgerYear, latest_year, ledger_year
from greencloud.goal.progress import progress
from greencloud.goal.provider_books import ProviderBooks
from greencloud.goal.reader import read_goal
from greencloud.goal.store import apply_goal, current_goal, goal_progress

__all__ = [
    "KINDS",
    "Goal",
    "LedgerView",
    "LedgerYear",
    "ProviderBooks",
    "apply_goal",
    "current_goal",
    "goal_progress",
    "latest_year",
    "ledger_year",
    "progress",
    "read_goal",
]
