"""Replaced attributes, and how they are put back.

Others patch the same methods. So ours are taken off in reverse order, and only where they are still on top: what was put
over ours keeps calling it, and ours then does nothing but call the original.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Patches"]


@dataclass(frozen=True, slots=True)
class _Patch:
    target: object
    name: str
    original: object
    ours: object


class Patches:
    """A stack of replacements, taken off once and for all."""

    def __init__(self) -> None:
        self._applied: list[_Patch] = []
        self.undone = False

    def apply(self, target: object, name: str, ours: object) -> None:
        original = getattr(target, name)
        setattr(target, name, ours)
        self._applied.append(_Patch(target, name, original, ours))

    def undo(self) -> None:
        self.undone = True
        while self._applied:
            patch = self._applied.pop()
            if getattr(patch.target, patch.name, None) is patch.ours:
                setattr(patch.target, patch.name, patch.original)
