"""Replaced attributes, and how they are put back.

Others patch the same methods. So ours are taken off in reverse order, and only where they are still on top: what was put
over ours keeps calling it, and ours then does nothing but call the original.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Patches"]

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class _Patch:
    target: object
    name: str
    original: object
    ours: object


class Patches:
    """A stack of replacements, taken off once and for all.

    What is replaced has to be there: only ``None``, the default of an attribute of our own, may be put where nothing was.
    """

    def __init__(self) -> None:
        self._applied: list[_Patch] = []
        self._afterwards: list[Callable[[], None]] = []
        self.undone = False

    def apply(self, target: object, name: str, ours: object) -> None:
        original = getattr(target, name, _ABSENT)
        if original is _ABSENT and ours is not None:
            raise AttributeError(name=name, obj=target)
        setattr(target, name, ours)
        self._applied.append(_Patch(target, name, original, ours))

    def afterwards(self, call: Callable[[], None]) -> None:
        """What is to be done besides, once all are taken off."""
        self._afterwards.append(call)

    def undo(self) -> None:
        self.undone = True
        while self._applied:
            patch = self._applied.pop()
            if getattr(patch.target, patch.name, None) is not patch.ours:
                continue
            if patch.original is _ABSENT:
                delattr(patch.target, patch.name)
            else:
                setattr(patch.target, patch.name, patch.original)
        while self._afterwards:
            self._afterwards.pop()()
