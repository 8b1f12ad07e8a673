"""Formulas: arithmetic over exact rationals, written so that a person reads it and a program runs it again.

A formula has names, whole numbers, ``+ - * /``, and the functions ``floor``, ``round`` (to the nearest whole number, ties to even),
``min``, ``max`` and ``sum``. A name stands for the value of the operand of that name; where several operands have it, for all of
them in order, which ``min``, ``max`` and ``sum`` take. There is nothing else: no float, no power, no comparison.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Final

__all__ = ["Number", "evaluate"]

Number = int | Fraction

_OPERATORS: Final[Mapping[type[ast.operator], Callable[[Number, Number], Number]]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.Div: lambda left, right: Fraction(left) / right,
}
_FUNCTIONS: Final[Mapping[str, Callable[[Sequence[Number]], Number]]] = {
    "floor": lambda values: math.floor(values[0]),
    "round": lambda values: round(values[0]),
    "min": min,
    "max": max,
    "sum": sum,
}


def evaluate(formula: str, operands: Mapping[str, Sequence[Number]]) -> Number:
    """The value of a formula; whole numbers as int.

    Raises:
        ValueError: something that formulas do not have, or a list where one value belongs.
        KeyError: an operand that is not there.
        ZeroDivisionError: as it says.
    """
    node = _parsed(formula)
    value = _one(_value(node, operands), node)
    return int(value) if value == int(value) else value


@lru_cache(maxsize=256)
def _parsed(formula: str) -> ast.expr:
    return ast.parse(formula, mode="eval").body


def _value(node: ast.expr, operands: Mapping[str, Sequence[Number]]) -> Sequence[Number]:
    match node:
        case ast.Name(id=name):
            return operands[name]
        case ast.Constant(value=int(value)):
            return [value]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            values = (_one(_value(side, operands), side) for side in (left, right))
            return [_OPERATORS[type(op)](*values)]
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            return [_FUNCTIONS[name]([value for arg in args for value in _value(arg, operands)])]
    raise ValueError(f"{ast.unparse(node)!r} is not arithmetic of formulas")


def _one(values: Sequence[Number], node: ast.expr) -> Number:
    if len(values) != 1:
        raise ValueError(f"{ast.unparse(node)!r} has {len(values)} values where one belongs")
    return values[0]
