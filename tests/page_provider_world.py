"""A real server with a ledger that was restated, goals, an inventory and instruments; and callers of every role who look at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

from api_world import NOW, TENANTS, Api, book_of, data_of, serving
from forecast_world import GOAL, SOLAR, history
from greencloud.client import Client
from greencloud.engine import DataDirectory, run_allocation
from greencloud.goal import ProviderBooks
from greencloud.inventory import Journal
from greencloud.page.asked import Asked
from greencloud.page.provider import VIEWS
from greencloud.page.shown import Shown
from greencloud.page.view import Caller
from greencloud.report.page.sections import Table
from greencloud.results.goals import Goal, GoalKind
from greencloud.results.reporting_year import ReportingYear
from greencloud.units import Emissions
from instrument_builders import book, credit, removal

__all__ = ["NOW", "TENANTS", "VIEWS", "asked", "caller", "columns", "looked_at", "section", "world"]

NEUTRAL = Goal("zero", "Neutral by 2030", GoalKind.NEUTRALITY, ("scope1",), ReportingYear(2020), ReportingYear(2030))
WIND = replace(SOLAR, id="wind", display_name="Wind by contract", reduction=Emissions(500 * 10**12), annual_cost=Fraction(-300))


@contextmanager
def world(folder: Path, *, books: bool = True, now: datetime = NOW) -> Iterator[Api]:
    """A server over some hours of three tenants; with ``books`` also an inventory of five years, two goals and instruments."""
    data = data_of(folder, TENANTS)
    correct_once_more(data, folder)
    if books:
        kept = ProviderBooks(Journal(data.books_directory), actor="ann", clock=lambda: NOW)
        history(kept, 500, 520, 505, 530, 540)
        book(kept, "2020", {"scope1": 100})
        book(kept, "2024", {"scope1": 60})
        kept.create_goal(GOAL)
        kept.create_goal(NEUTRAL)
        kept.create_measure(SOLAR)
        kept.create_measure(WIND)
        for instrument in (removal(id="stone"), credit(id="stoves")):
            kept.create_instrument(instrument)
        kept.use_instrument("instruments/stone", year="2024", units=40, goal=NEUTRAL.name)
        kept.use_instrument("instruments/stoves", year="2024", units=20, goal=NEUTRAL.name)
    with serving(data, now=now) as api:
        yield api


def correct_once_more(data: DataDirectory, folder: Path) -> None:
    """A second restatement, of one method of Scope 2 alone."""
    book = folder / "facility.toml"
    old, new = (f'kind = "location"\nstart = 2020-01-01\ng_per_kwh = {grams}' for grams in (410, 433))
    text = book_of(TENANTS, grams=410)
    assert old in text
    book.write_text(text.replace(old, new), encoding="utf-8")
    later = NOW + timedelta(minutes=5)
    data.apply_facility(book, applied_by="operator", now=later)
    run_allocation(data, now=later, requested_by="operator", reason="a better factor")


def caller(api: Api, role: str = "provider.admin", account: str = "") -> Caller:
    client = Client(api.target, token=api.token(role, account))
    return Caller(client, client.get_caller_identity())


def asked(path: str, parameters: Mapping[str, str]) -> Asked:
    """Of the month of the world, unless another period is asked for."""
    return Asked.of(path, {"period": "2026-11", **parameters}, NOW)


def looked_at(by: Caller, path: str, **parameters: str) -> Shown:
    """What the view at that path shows."""
    (view,) = [view for view in VIEWS if view.path == path]
    shown = view.show(by, asked(path, parameters))
    assert isinstance(shown, Shown)
    return shown


def section(shown: Shown, name: str) -> Table:
    (found,) = [each for each in shown.sections if each.id == name]
    assert found.table is not None
    return found.table


def columns(rows: Sequence[Sequence[str]]) -> list[dict[str, str]]:
    """The CSV of a table as rows by its heading."""
    heading, *body = rows
    return [dict(zip(heading, row, strict=True)) for row in body]
