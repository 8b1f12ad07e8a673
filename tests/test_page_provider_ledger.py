"""The provider's views of the ledger: every figure is exactly what the client answers, and what is not known is said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api_world import Api
from greencloud.page.asked import Asked
from greencloud.page.shown import Shown
from greencloud.page.view import Caller
from greencloud.report.amounts import kg_decimal, kwh_decimal
from greencloud.report.page.sections import Table
from greencloud.results import FootprintRow
from greencloud.units import Energy
from page_provider_world import NOW, TENANTS, VIEWS, asked, caller, columns, looked_at, section, world

PERIOD = asked("/provider").period


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with world(tmp_path_factory.mktemp("provider"), books=False) as api:
        yield api


@pytest.fixture(scope="module")
def by(api: Api) -> Caller:
    return caller(api)


def answered(by: Caller, *group_by: str, **more: object) -> list[FootprintRow]:
    return by.client.query_footprint(start=PERIOD.start, end=PERIOD.end, group_by=group_by, **more).to_list()  # type: ignore[arg-type]


def csv(table: Table) -> list[dict[str, str]]:
    return columns(table.csv)


def test_each_site_has_its_energy_pue_and_both_methods(by: Caller) -> None:
    found = {row["site"]: row for row in csv(section(looked_at(by, "/provider/sites"), "sites"))}

    rows = answered(by, "site")
    overhead = {row.dimensions["site"]: row.energy for row in answered(by, "site", components=["overhead"])}
    assert set(found) == {row.dimensions["site"] for row in rows}
    for row in rows:
        cells = found[row.dimensions["site"]]
        assert cells["kwh"] == kwh_decimal(row.energy.millijoules)
        assert cells["kg_co2e_location_based"] == kg_decimal(row.total_location_based.micrograms)
        assert cells["kg_co2e_market_based"] == kg_decimal(row.total_market_based.micrograms)
        assert cells["overhead_kwh"] == kwh_decimal(overhead[row.dimensions["site"]].millijoules)
        assert cells["pue"] == cells["pue_at_most"] == "1.500000"  # as the facility book says


def test_a_series_adds_up_to_its_site(by: Caller) -> None:
    shown = looked_at(by, "/provider/sites", period="2026-11-23")
    table, rows = section(shown, "over-time"), answered(by, "site", granularity="hour")

    assert [(row["start"], row["site"], row["kwh"]) for row in csv(table)] == sorted(
        (f"{row.start:%Y-%m-%dT%H:%M:%SZ}", row.dimensions["site"], kwh_decimal(row.energy.millijoules)) for row in rows
    )
    assert {row["pue"] for row in csv(section(shown, "pue"))} == {"1.500000"}


def test_every_window_is_shown_as_its_batch_says(by: Caller) -> None:
    batches = by.client.list_batches(PERIOD.start, PERIOD.end).to_list()
    shown = looked_at(by, "/provider/conservation", site="hall")

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
        str(batch.metered_energy.millijoules) for batch in reversed(batches) if batch.site == "hall"
    ]
    assert shown.cards[0].amount == f"{len(batches)} / {len(batches)}"
    assert shown.cards[3].amount == "0 mJ"
    assert section(shown, "map").csv == [("site", "start", "end", "seconds")]


def test_a_site_without_windows_is_not_another_site(by: Caller) -> None:
    assert "moon has no window in this period." in looked_at(by, "/provider/conservation", site="moon").notes


def test_freshness_is_what_the_availability_says(by: Caller) -> None:
    known = by.client.get_data_availability()

    found = {row["site"]: row for row in csv(section(looked_at(by, "/provider/freshness"), "freshness"))}

    assert set(found) == {site.site for site in known.sites}
    for site in known.sites:
        cells = found[site.site]
        assert (cells["start"], cells["end"]) == (f"{site.start:%Y-%m-%dT%H:%M:%SZ}", f"{site.end:%Y-%m-%dT%H:%M:%SZ}")
        assert cells["behind_s"] == str(int((NOW - site.end).total_seconds()))
        assert cells["provisional_s"] == str(int((site.end - site.final_until).total_seconds()))


def test_what_nobody_is_charged_for_is_what_the_pools_hold(by: Caller) -> None:
    shown = looked_at(by, "/provider/unallocated")
    pools = answered(by, "account", "site", accounts=["(unsold)", "(unattributed)"])

    found = {row["site"]: row for row in csv(section(shown, "by-site"))}
    for pool in ("unsold", "unattributed"):
        own = {row.dimensions["site"]: row for row in pools if row.dimensions["account"] == f"({pool})"}
        for site, cells in found.items():
            assert cells[f"{pool}_kwh"] == kwh_decimal(own[site].energy.millijoules if site in own else 0)
            location = own[site].total_location_based.micrograms if site in own else 0
            assert cells[f"{pool}_kg_co2e_location_based"] == kg_decimal(location)
    series = csv(section(shown, "over-time"))
    assert sum_of(series, "kwh") == kwh_decimal(sum(row.energy.millijoules for row in answered(by)))


def sum_of(rows: Sequence[dict[str, str]], name: str) -> str:
    (row,) = rows  # one day
    return row[name]


def test_the_intake_shows_evidence_and_the_trail(by: Caller) -> None:
    shown = looked_at(by, "/provider/intake")

    found = {row["site"]: row for row in csv(section(shown, "evidence"))}
    for row in answered(by, "site"):
        cells = found[row.dimensions["site"]]
        assert cells["measured_kwh"] == kwh_decimal(row.measured_energy.millijoules)
        assert cells["modelled_kwh"] == kwh_decimal(row.modelled_energy.millijoules)
    entries = by.client.list_audit_entries(PERIOD.start, PERIOD.end).to_list()
    assert [row["index"] for row in csv(section(shown, "audit"))] == [str(entry.index) for entry in reversed(entries)]
    assert "serve --metrics" in shown.sections[-1].help


def test_restatements_are_told_by_run_and_by_account(by: Caller) -> None:
    restatements = by.client.list_restatements(PERIOD.start, PERIOD.end).to_list()
    shown = looked_at(by, "/provider/restatements")

    (run,) = csv(section(shown, "runs"))
    assert (run["reason"], run["windows"]) == ("a corrected factor", str(len(restatements)))
    accounts = {row["account"]: row for row in csv(section(shown, "accounts"))}
    for account, cells in accounts.items():
        lines = [line for each in restatements for line in each.lines if line.account == account]
        electricity = {"scope1", "scope2_location_based", "scope3_upstream_location_based", "scope3_embodied"}
        old, new = (sum(getattr(line, which) for line in lines if line.measure in electricity) for which in ("old", "new"))
        assert (cells["location_old_kg_co2e"], cells["location_new_kg_co2e"]) == (kg_decimal(old), kg_decimal(new))
    assert {tenant.account for tenant in TENANTS} <= set(accounts)
    assert any("factors" in row["path"] for row in csv(section(shown, "book")))


def test_the_overview_has_all_sites_and_leads_to_every_view(by: Caller) -> None:
    shown = looked_at(by, "/provider")

    standing = section(shown, "standing")
    assert [link.partition("?")[0] for link in standing.links] == [
        "/provider/conservation",
        "/provider/freshness",
        "/provider/intake",
        "/provider/unallocated",
    ]
    assert all("period=2026-11" in link for link in standing.links)
    (whole,) = answered(by)
    sites = csv(section(shown, "sites"))
    assert {row["kwh"] for row in sites} == {kwh_decimal(row.energy.millijoules) for row in answered(by, "site")}
    assert shown.cards[2].label
    assert str(whole.energy).split()[1] in shown.cards[2].amount


def test_what_a_change_is_from_and_to_is_said_where_it_is_no_whole_period(by: Caller) -> None:
    def notes(now: datetime, **parameters: str) -> list[str]:
        shown = VIEWS[0].show(by, Asked.of("/provider", parameters, now))
        assert isinstance(shown, Shown)
        return [*shown.notes]

    (begun,) = notes(NOW, **{"from": "2026-11-23T15:00:00Z", "to": "2026-11-23T17:00:00Z"})
    assert "begin at 2026-11-23 14:00" in begun
    (still_open,) = notes(datetime(2026, 11, 23, 15, 30, tzinfo=UTC), period="2026-11-23")
    assert "not over" in still_open
    assert not notes(NOW, period="2026-11-23")


@pytest.mark.parametrize("path", ["sites", "conservation", "unallocated", "restatements"])
def test_where_nothing_is_posted_it_is_said_where_there_is_something(by: Caller, path: str) -> None:
    shown = looked_at(by, f"/provider/{path}", period="2020")

    assert "not known" in shown.empty
    assert "2026-11-23 14:00" in shown.empty
    assert not shown.sections


def test_an_empty_ledger_says_what_to_do(tmp_path: Path) -> None:
    from api_world import serving
    from greencloud.engine import DataDirectory

    with serving(DataDirectory.open(tmp_path / "data", create=True)) as api:
        by = caller(api)
        for path in ("sites", "conservation", "freshness", "unallocated", "restatements"):
            assert "send telemetry" in looked_at(by, f"/provider/{path}").empty
        assert any("send telemetry" in note for note in looked_at(by, "/provider").notes)
        assert "No goal is booked" in looked_at(by, "/provider/goals").empty
        assert looked_at(by, "/provider/bridge").empty
        assert looked_at(by, "/provider/instruments").empty
