"""A rule says who pays, never how much: by which basis a site's pools are shared among accounts.

Two choices make a rule. ``capacity`` is the basis of what capacity costs (idle energy, embodied mass): what accounts *reserved*,
what they *used*, or their part in the *peak* that the capacity is there for (a cooperative game, see ``shapley``). ``dynamic`` is
the basis of what work costs: use on the host that did it, or reservations again.

Versions change whenever the same inputs would give other figures; batches are stamped ``name/version``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from greencloud.errors import AllocationError

__all__ = ["DEFAULT_RULE", "RULES", "Rule", "methodology_version", "rule_named"]

Capacity = Literal["reserved", "used", "temporal_shapley", "workload_shapley"]


@dataclass(frozen=True, slots=True)
class Rule:
    """``exact_up_to`` accounts the workload game is solved exactly; beyond, by that many antithetic ``permutations``."""

    name: str
    version: int
    capacity: Capacity
    dynamic: Literal["used", "reserved"] = "used"
    exact_up_to: int = 20
    permutations: int = 20_000

    @property
    def needs_demand(self) -> bool:
        """Whether the rule looks at measured use over the whole site."""
        return self.capacity != "reserved"

    @property
    def needs_slices(self) -> bool:
        """Whether the rule looks at how use lay within the window."""
        return self.capacity in {"temporal_shapley", "workload_shapley"}

    def __str__(self) -> str:
        return f"{self.name}/{self.version}"


DEFAULT_RULE: Final = "reserved_and_used"

_RULES: Final = {
    rule.name: rule
    for rule in (
        Rule(DEFAULT_RULE, 2, "reserved"),
        Rule("used", 1, "used"),
        Rule("reserved", 1, "reserved", "reserved"),
        Rule("temporal_shapley", 1, "temporal_shapley"),
        Rule("workload_shapley", 1, "workload_shapley"),
    )
}

RULES: Final = tuple(_RULES)
"""Names, the default first."""


def rule_named(name: str) -> Rule:
    """
    Raises:
        AllocationError: no such rule.
    """
    if name not in _RULES:
        raise AllocationError(f"there is no rule {name!r}", advice=f"choose one of: {', '.join(RULES)}")
    return _RULES[name]


def methodology_version(rule: str) -> str:
    """The rule with the version of its method, as batches are stamped.

    Raises:
        AllocationError: no such rule.
    """
    return str(rule_named(rule))
