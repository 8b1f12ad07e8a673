"""What the plugin does besides CPU per span, put in place by what the variables ask for.

Each part fails by itself: one that cannot start says so and leaves the others, and the CPU time, alone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from greencloud_otel import _caller, _feedback, _gpu, _local_root, _resources
from greencloud_otel._complaint import complain
from greencloud_otel._patches import Patches
from greencloud_otel.environment_variables import OTEL_PYTHON_GREENCLOUD_MEMORY, OTEL_PYTHON_GREENCLOUD_RESOURCES

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

__all__ = ["Extras", "observe_resources", "put_in_place"]

_RESOURCES: Final = ("memory", "disk", "gpu")


@dataclass(slots=True)
class Extras:
    """What is in place, and how it is taken off."""

    patches: Patches = field(default_factory=Patches)
    stance: _caller.Stance = field(default_factory=lambda: _caller.Stance("off"))
    feedback: _feedback.Feedback | None = None

    def undo(self) -> None:
        self.patches.undo()
        if self.feedback is not None:
            self.feedback.stop()


def put_in_place(hook: _caller.CallerHook | None = None) -> Extras:
    """Hooks into baggage and spans. To be called before the hooks for CPU time, which have to lie above these."""
    extras = Extras()
    followers: list[_local_root.Follower] = []
    try:
        extras.stance = _caller.stance_of(hook=hook)
        callers = _caller.Callers(extras.stance) if extras.stance.names_callers else None
        extras.feedback = _feedback.feedback_of(os.environ)
        followers += [follower for follower in (callers, extras.feedback) if follower is not None]
        if followers:
            _local_root.watch_spans(extras.patches, followers)
        _caller.watch_baggage(extras.patches, extras.stance, callers)
    except Exception as error:
        extras.undo()
        extras.stance, extras.feedback = _caller.Stance("off"), None
        complain("Caller accounts and feedback are off: this SDK could not be hooked into.", error=error)
    return extras


def observe_resources(meter_provider: MeterProvider | None) -> dict[str, str]:
    """Registers the metrics that are asked for. By resource: "" or why there is none."""
    given = os.environ.get(OTEL_PYTHON_GREENCLOUD_RESOURCES, "").strip().lower()
    wanted = {name.strip() for name in given.split(",")} if given else set(_RESOURCES)
    if unknown := wanted - {*_RESOURCES, "none", ""}:
        complain("%s knows no %s.", OTEL_PYTHON_GREENCLOUD_RESOURCES, ", ".join(sorted(unknown)))
    proportional = os.environ.get(OTEL_PYTHON_GREENCLOUD_MEMORY, "").strip().lower() == "pss"
    told = dict.fromkeys(_RESOURCES, "not asked for")
    for name in wanted & set(_RESOURCES):
        try:
            if name == "memory":
                told[name] = _resources.observe_memory(meter_provider, proportional=proportional)
            elif name == "disk":
                told[name] = _resources.observe_disk(meter_provider)
            else:
                told[name] = _gpu.observe_gpus(meter_provider)
        except Exception as error:
            told[name] = f"failed: {error}"
            complain("The process' use of %s is not reported.", name, error=error)
    return told
