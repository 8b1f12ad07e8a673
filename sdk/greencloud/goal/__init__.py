"""The provider's goals: the path from a base year to a target year, and where inventory and ledger stand against it."""

from greencloud.goal.alerts import alerts
from greencloud.goal.apply import Applied, apply_goals
from greencloud.goal.former import take_over
from greencloud.goal.goal_books import GoalBooks
from greencloud.goal.ledger_year import LedgerView, LedgerYear, latest_year, ledger_year
from greencloud.goal.path import allowed, history_of, path_of
from greencloud.goal.progress import progress
from greencloud.goal.provider_books import ProviderBooks
from greencloud.goal.reader import GoalFile, read_goals

__all__ = [
    "Applied",
    "GoalBooks",
    "GoalFile",
    "LedgerView",
    "LedgerYear",
    "ProviderBooks",
    "alerts",
    "allowed",
    "apply_goals",
    "history_of",
    "latest_year",
    "ledger_year",
    "path_of",
    "progress",
    "read_goals",
    "take_over",
]
