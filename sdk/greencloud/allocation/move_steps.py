"""What internal services passed on, as steps: from whom, which fraction, and what an internal account itself keeps.

A bearer is shown the fraction and what passed through the service as a whole. The internal account's own cost and its other callers
are the provider's to see.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from greencloud.allocation.derivation import Derivation
from greencloud.allocation.entry_key import EntryKey
from greencloud.allocation.moves import Move, Moves
from greencloud.allocation.postings import POSTING_MEASURES
from greencloud.allocation.settle import Through
from greencloud.allocation.steps import Step, Steps, Use, Value
from greencloud.allocation.work import Work

__all__ = ["MoveSteps"]

_UNIT: Final = "core-ns"


class MoveSteps:
    """Of one account's entries, after internal accounts have passed on what they did for others. ``open`` to a provider."""

    def __init__(self, steps: Steps, work: Work, derivation: Derivation, *, open_: bool) -> None:
        self._steps = steps
        self._work = work
        self._derivation = derivation
        self._open = open_
        passed_on = work.entries.spread.passed_on
        self._moves: Moves | None = passed_on.moves if passed_on else None

    def entry(self, key: EntryKey, measure: str) -> Step:
        """The amount of an entry as it is posted."""
        moves = self._moves
        if moves is None or (key not in moves.passing and key.component != "shared"):
            return self._derivation.entry(key, measure)
        if key.component == "shared":
            at = POSTING_MEASURES.index(measure)
            lines = [move for move in moves.lines if (move.bearer, move.service) == (key.account, key.service)]
            parts: list[Use] = [("line", self._line(move, measure)) for move in lines if move.amounts[at]]
            title = f"{measure} of shared, service {key.service!r}"
            return self._steps.made(("shared", key, measure), "shared", title, "sum(line)", *parts, unit=_of(measure))
        return self._stay(moves, key, measure)

    def _line(self, move: Move, measure: str) -> Step:
        at = POSTING_MEASURES.index(measure)
        bears = ("bears", self._bears(move))
        key = ("move", move.bearer, move.account, move.service, measure)
        title = f"{measure} of service {move.service!r}, passed on by {move.account}"
        if move.through is None:
            told = f"what {move.account} has to pass on of service {move.service!r}"
            cost = ("cost", Value(move.base[at], _of(measure), told))
            return self._steps.made(key, "shared", title, "floor(bears * cost)", bears, cost, unit=_of(measure))
        uses: tuple[Use, ...] = (
            bears,
            ("through", self._through(move.account, move.through, measure)),
            ("others", Value(move.base[at], _of(measure), "of that, what its named services show on lines of their own")),
            ("tolerance", _tolerance(move.through)),
        )
        formula = "floor(max(bears * (through - others), 0) + tolerance)"
        return self._steps.made(
            key, "shared", title, formula, *uses, unit=_of(measure), source="docs/methodology.md, Shared services"
        )

    def _through(self, account: str, through: Through, measure: str) -> Step:
        at = POSTING_MEASURES.index(measure)
        assert self._moves is not None
        title = f"{measure} that passed through {account}"
        told = (
            "x = d + F x: its own cost and what others passed on to it"
            if through.bits
            else "its own cost, since nobody passed on to it"
        )
        amount = Fraction(through.amounts[at], 1 << through.scale)
        rests_on: list[Use] = []
        if self._open:
            rests_on.append(
                ("direct", Value(self._moves.direct[account][at], _of(measure), f"what {account} was allocated and passes on"))
            )
            rests_on += [
                ("passed_on", Value(fraction, "", f"fraction that {caller} passes on to {account}"))
                for caller, callers in self._moves.passed.items()
                if (fraction := callers.get(account))
            ]
        value = Value(int(amount) if amount.denominator == 1 else amount, _of(measure), told)
        return self._steps.given(("through", account, measure), "shared", title, value, *rests_on)

    def _bears(self, move: Move) -> Step:
        assert self._moves is not None
        fraction = self._fraction(move.account, move.bearer)
        callers = self._moves.passed.get(move.bearer)
        if not callers:
            return fraction
        kept = Value(1 - sum(callers.values(), Fraction(0)), "", f"fraction that {move.bearer} keeps of what passes through it")
        title = f"fraction of {move.account} that comes to rest with {move.bearer}"
        uses: tuple[Use, ...] = (("passes", fraction), ("keeps", kept))
        return self._steps.made(("bears", move.account, move.bearer), "shared", title, "passes * keeps", *uses, unit="")

    def _fraction(self, account: str, caller: str) -> Step:
        assert self._moves is not None
        key, title = ("fraction", account, caller), f"fraction that {account} passes on to {caller}"
        reports = [use for use in self._work.own.get(account, ()) if not use.provider]
        if not reports:
            told = "declared use in the facility book, since it reported no work of its own"
            return self._steps.given(key, "shared", title, Value(self._moves.passed[account][caller], "", told))
        work = sum(use.weight for use in reports if use.caller == caller)
        uses: tuple[Use, ...] = (
            ("work", Value(work, _UNIT, f"work of {account} for {caller}, by its reports")),
            ("all_work", Value(sum(use.weight for use in reports), _UNIT, f"all work of {account}, by its reports")),
        )
        return self._steps.made(key, "shared", title, "work / all_work", *uses, unit="")

    # What an internal account keeps.

    def _stay(self, moves: Moves, key: EntryKey, measure: str) -> Step:
        at = POSTING_MEASURES.index(measure)
        account, unit = key.account, _of(measure)
        whole = self._derivation.entry(key, measure)
        passing = self._passing(moves, key, measure, whole)
        keys = [other for other in moves.passing if other.account == account]
        weights = Value(sum(moves.passing[other][at] for other in keys), unit, f"all that {account} was allocated and passes on")
        uses: list[Use] = [("allocated", whole), ("passing", passing)]
        formula = "allocated - passing"
        if moves.kept[account][at]:
            title = f"{measure} of {key.component} that {account} keeps"
            kept = self._kept(moves, account, measure)
            name = ("stays", key, measure)
            amount = moves.stays[key][at]
            uses.append(("stays", self._steps.part(name, "shared", title, amount, total=kept, weight=passing, weights=weights)))
            formula = "allocated - passing + stays"
        title = f"{measure} of {key.component} after passing on"
        return self._steps.made(("after", key, measure), "shared", title, formula, *uses, unit=unit)

    def _passing(self, moves: Moves, key: EntryKey, measure: str, whole: Step) -> Step:
        amount = moves.passing[key][POSTING_MEASURES.index(measure)]
        title = f"{measure} of {key.component} that {key.account} passes on or keeps"
        if amount == whole.result:
            return whole
        energies = {
            other.component: held[POSTING_MEASURES.index("energy_mj")]
            for other, held in moves.before.items()
            if other[:5] == key[:5] and other.component != "overhead"
        }
        uses: tuple[Use, ...] = (
            ("overhead", whole),
            ("dynamic", Value(energies["dynamic"], "mJ", "dynamic energy of the same service, operation and labels")),
            ("energy", Value(sum(energies.values()), "mJ", "all energy of the same, without overhead")),
        )
        return self._steps.made(
            ("passing", key, measure), "shared", title, "floor(overhead * dynamic / energy)", *uses, unit=_of(measure)
        )

    def _kept(self, moves: Moves, account: str, measure: str) -> Step:
        at = POSTING_MEASURES.index(measure)
        keeps = 1 - sum(moves.passed[account].values(), Fraction(0))
        direct = moves.direct[account][at]
        floor = direct * keeps.numerator // keeps.denominator
        told = "units that rounding every line down left, over internal accounts by what they were allocated"
        uses: tuple[Use, ...] = (
            ("keeps", Value(keeps, "", "fraction that names no caller, or none that is not itself")),
            ("direct", Value(direct, _of(measure), f"what {account} was allocated and passes on")),
            ("rounding", Value(moves.kept[account][at] - floor, _of(measure), told)),
        )
        title = f"{measure} that {account} keeps"
        return self._steps.made(
            ("kept", account, measure), "shared", title, "floor(keeps * direct) + rounding", *uses, unit=_of(measure)
        )


def _of(measure: str) -> str:
    return "mJ" if measure == "energy_mj" else "µg"


def _tolerance(through: Through) -> Value:
    if not through.bits:
        return Value(0, "", "what passed through is exact")
    told = "how near what passed through is known: an amount so close below a whole number is that number"
    return Value(Fraction(1, 1 << through.bits), "", told)
