"""The provider's views of the ledger: every figure is exactly what the client answers, and what is not known is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from api_world import serving
from greencloud.engine import DataDirectory
from greencloud.page.asked import Asked
from greencloud.page.shown import Shown
from greencloud.page.view import Caller
from greencloud.report.amounts import kg_decimal, kwh_decimal
from greencloud.report.page.sections import Table
from greencloud.results import FootprintRow
from greencloud.testing import Server
from greencloud.units import Energy
from page_provider_world import NOW, TENANTS, VIEWS, asked, caller, columns, looked_at, section, world

PERIOD = asked("/provider", {"period": "2025-01"}).period
RESTATED = asked("/provider", {}).period


@pytest.fixture(scope="module")
def by(seeded_server: Server) -> Iterator[Caller]:
    """Two sites over two days, no two hours alike."""
    with seeded_server.client() as client:
        yield Caller(client, client.get_caller_identity())


@pytest.fixture(scope="module")
def restated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """Two hours that were corrected twice."""
    with world(tmp_path_factory.mktemp("provider"), books=False) as api:
        yield caller(api)


def view(by: Caller, name: str, **more: str) -> Shown:
    return looked_at(by, f"/provider/{name}".rstrip("/"), **{"period": "2025-01", **more})


def answered(by: Caller, *group_by: str, **more: Any) -> list[FootprintRow]:
    return by.client.query_footprint(start=PERIOD.start, end=PERIOD.end, group_by=group_by, **more).to_list()


def csv(table: Table) -> list[dict[str, str]]:
    return columns(table.csv)


def test_each_site_has_its_energy_pue_and_both_methods(by: Caller) -> None:
    found = {row["site"]: row for row in csv(section(view(by, "sites"), "sites"))}

    rows = answered(by, "site")
    overhead = {row.dimensions["site"]: row.energy for row in answered(by, "site", components=["overhead"])}
    assert set(found) == {row.dimensions["site"] for row in rows}
    for row in rows:
        cells = found[row.dimensions["site"]]
        assert cells["kwh"] == kwh_decimal(row.energy.millijoules)
        assert cells["kg_co2e_location_based"] == kg_decimal(row.total_location_based.micrograms)
        assert cells["kg_co2e_market_based"] == kg_decimal(row.total_market_based.micrograms)
        assert cells["overhead_kwh"] == kwh_decimal(overhead[row.dimensions["site"]].millijoules)
        it = row.energy - overhead[row.dimensions["site"]]
        assert cells["pue"] == cells["pue_at_most"] == f"{row.energy.millijoules / it.millijoules:.6f}"
    assert (found["osl1"]["pue"], found["fra1"]["pue"]) == ("1.120000", "1.250000")  # as the facility book says


def test_a_series_adds_up_to_its_site(by: Caller) -> None:
    shown = view(by, "sites", period="2025-01-06")
    rows = [row for row in answered(by, "site", granularity="hour") if row.start.day == 6]
    table = section(shown, "over-time")
    assert len(rows) == 48

    assert [(row["start"], row["site"], row["kwh"]) for row in csv(table)] == sorted(
        (f"{row.start:%Y-%m-%dT%H:%M:%SZ}", row.dimensions["site"], kwh_decimal(row.energy.millijoules)) for row in rows
    )
    assert {row["pue"][:5] for row in csv(section(shown, "pue"))} == {"1.120", "1.250"}


def test_every_window_is_shown_as_its_batch_says(by: Caller) -> None:
    batches = by.client.list_batches(PERIOD.start, PERIOD.end).to_list()
    shown = view(by, "conservation", site="osl1")

    sites = {row["site"]: row for row in csv(section(shown, "by-site"))}
    for site, cells in sites.items():
        own = [batch for batch in batches if batch.site == site]
        metered = sum((batch.metered_energy for batch in own), Energy())
        pools = sorted({pool for batch in batches for pool in batch.pool_energy})
        assert cells["metered_mj"] == str(metered.millijoules)
        assert (cells["windows"], cells["difference_mj"]) == (str(len(own)), "0")
        assert int(cells["accounts_mj"]) + sum(int(cells[f"{pool}_mj"]) for pool in pools) == metered.millijoules
        (posted,) = [row for row in answered(by, "site") if row.dimensions["site"] == site]
        assert posted.energy == metered  # what is asked for is what the meters say
    assert set(sites) == {batch.site for batch in batches}
    windows = csv(section(shown, "windows"))
    assert [row["metered_mj"] for row in windows] == [
        str(batch.metered_energy.millijoules) for batch in reversed(batches) if batch.site == "osl1"
    ]
    assert shown.cards[0].amount == f"{len(batches)} / {len(batches)}"
    assert shown.cards[3].amount == "0 mJ"
    assert section(shown, "map").csv == [("site", "start", "end", "seconds")]


def test_a_site_without_windows_is_not_another_site(by: Caller) -> None:
    assert "moon has no window in this period." in view(by, "conservation", site="moon").notes


def test_freshness_is_what_the_availability_says(by: Caller) -> None:
    known = by.client.get_data_availability()

    found = {row["site"]: row for row in csv(section(view(by, "freshness"), "freshness"))}

    assert set(found) == {site.site for site in known.sites}
    for site in known.sites:
        cells = found[site.site]
        assert (cells["start"], cells["end"]) == (f"{site.start:%Y-%m-%dT%H:%M:%SZ}", f"{site.end:%Y-%m-%dT%H:%M:%SZ}")
        assert cells["behind_s"] == str(int((NOW - site.end).total_seconds()))
        assert cells["provisional_s"] == str(int((site.end - site.final_until).total_seconds()))


def test_what_nobody_is_charged_for_is_what_the_pools_hold(by: Caller) -> None:
    shown = view(by, "unallocated")
    pools = answered(by, "account", "site", accounts=["(unsold)", "(unattributed)"])

    found = {row["site"]: row for row in csv(section(shown, "by-site"))}
    for pool in ("unsold", "unattributed"):
        own = {row.dimensions["site"]: row for row in pools if row.dimensions["account"] == f"({pool})"}
        for site, cells in found.items():
            assert cells[f"{pool}_kwh"] == kwh_decimal(own[site].energy.millijoules if site in own else 0)
            location = own[site].total_location_based.micrograms if site in own else 0
            assert cells[f"{pool}_kg_co2e_location_based"] == kg_decimal(location)
    assert any(cells["unattributed_kwh"] != "0.000000000" for cells in found.values())
    days = {row.start: row for row in answered(by, granularity="day")}
    unattributed = {row.start: row for row in answered(by, granularity="day", accounts=["(unattributed)"])}
    assert [(row["kwh"], row["unattributed_kwh"]) for row in csv(section(shown, "over-time"))] == [
        (kwh_decimal(days[day].energy.millijoules), kwh_decimal(unattributed[day].energy.millijoules)) for day in sorted(days)
    ]


def test_the_intake_shows_what_energy_rests_on(by: Caller) -> None:
    shown = view(by, "intake")

    found = {row["site"]: row for row in csv(section(shown, "evidence"))}
    for row in answered(by, "site"):
        cells = found[row.dimensions["site"]]
        assert cells["measured_kwh"] == kwh_decimal(row.measured_energy.millijoules)
        assert cells["modelled_kwh"] == kwh_decimal(row.modelled_energy.millijoules)
    assert "serve --metrics" in shown.sections[-1].help


def _amounts(last: dict[Any, int], measures: set[str]) -> int:
    return sum(amount for (_, _, measure, _), amount in last.items() if measure in measures)


def test_restatements_are_told_by_run_and_by_account(restated: Caller) -> None:
    restatements = restated.client.list_restatements(RESTATED.start, RESTATED.end).to_list()
    shown = looked_at(restated, "/provider/restatements")

    runs = csv(section(shown, "runs"))
    assert [(run["reason"], int(run["windows"])) for run in runs] == [
        (reason, sum(each.reason == reason for each in restatements)) for reason in ("a better factor", "a corrected factor")
    ]
    assert runs[0]["market_old_kg_co2e"] == runs[0]["market_new_kg_co2e"]
    assert runs[0]["location_old_kg_co2e"] != runs[0]["location_new_kg_co2e"]
    accounts = {row["account"]: row for row in csv(section(shown, "accounts"))}
    for account, cells in accounts.items():
        last: dict[Any, int] = {}
        moved: Counter[str] = Counter()
        for each in sorted(restatements, key=lambda each: each.restated, reverse=True):
            for line in (line for line in each.lines if line.account == account):
                last.setdefault((each.site, each.start, line.measure, replace(line, old=0, new=0)), line.new)
                moved[line.measure] += line.new - line.old
        for name in ("location", "market"):
            parts = {"scope1", f"scope2_{name}_based", f"scope3_upstream_{name}_based", "scope3_embodied"}
            new, change = _amounts(last, parts), sum(moved[part] for part in parts)
            assert (cells[f"{name}_old_kg_co2e"], cells[f"{name}_new_kg_co2e"]) == (kg_decimal(new - change), kg_decimal(new))
        new = _amounts(last, {"energy"})
        assert [cells["energy_old_mj"], cells["energy_new_mj"]] == [str(new - moved["energy"]), str(new)]
    assert {tenant.account for tenant in TENANTS} <= set(accounts)
    assert any("factors" in row["path"] for row in csv(section(shown, "book")))


def test_the_overview_has_all_sites_and_leads_to_every_view(by: Caller) -> None:
    shown = view(by, "")

    standing = section(shown, "standing")
    assert [link.partition("?")[0] for link in standing.links] == [
        "/provider/conservation",
        "/provider/freshness",
        "/provider/intake",
        "/provider/unallocated",
    ]
    assert all("period=2025-01" in link for link in standing.links)
    (whole,) = answered(by)
    sites = csv(section(shown, "sites"))
    assert {row["kwh"] for row in sites} == {kwh_decimal(row.energy.millijoules) for row in answered(by, "site")}
    assert shown.cards[2].label
    assert str(whole.energy).split()[1] in shown.cards[2].amount


def test_what_a_change_is_from_and_to_is_said_where_it_is_no_whole_period(restated: Caller) -> None:
    def notes(now: datetime, **parameters: str) -> list[str]:
        shown = VIEWS[0].show(restated, Asked.of("/provider", parameters, now))
        assert isinstance(shown, Shown)
        return [*shown.notes]

    (begun,) = notes(NOW, **{"from": "2026-11-23T15:00:00Z", "to": "2026-11-23T17:00:00Z"})
    assert "begin at 2026-11-23 14:00" in begun
    (still_open,) = notes(datetime(2026, 11, 23, 15, 30, tzinfo=UTC), period="2026-11-23")
    assert "not over" in still_open
    assert not notes(NOW, period="2026-11-23")


@pytest.mark.parametrize("path", ["sites", "conservation", "unallocated", "restatements"])
def test_where_nothing_is_posted_it_is_said_where_there_is_something(by: Caller, path: str) -> None:
    shown = view(by, path, period="2020")

    assert "not known" in shown.empty
    assert "2025-01-06 00:00" in shown.empty
    assert not shown.sections


def test_an_empty_ledger_says_what_to_do(tmp_path: Path) -> None:
    with serving(DataDirectory.open(tmp_path / "data", create=True)) as api:
        by = caller(api)
        for path in ("sites", "conservation", "freshness", "unallocated", "restatements"):
            assert "send telemetry" in view(by, path).empty
        assert any("send telemetry" in note for note in view(by, "").notes)
        assert "No goal is booked" in view(by, "goals").empty
        assert view(by, "bridge").empty
        assert view(by, "instruments").empty
