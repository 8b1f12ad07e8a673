"""Metrics of accounts: they add up to the ledger's figures, few have names, and the dashboard asks for nothing else."""

from __future__ import annotations

import json
import re
import urllib.request
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from greencloud.engine import DataDirectory, ingest_file, run_allocation
from greencloud.errors import StoreError
from greencloud.results import FootprintQuery, FootprintRow
from greencloud.server import ListenError
from greencloud.server.account_metrics import AccountMetrics, account_families
from greencloud.server.counts import OTHER
from greencloud.server.metrics import Page
from greencloud.server.settings import Settings
from greencloud.testing import END, seed
from greencloud.units import Emissions, Energy
from serving import serving

DASHBOARD = Path(__file__).parents[1] / "deploy" / "grafana" / "greencloud-accounts.json"
NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)


@dataclass
class Ledger:
    """Answers from rows of one account and service each."""

    rows: Sequence[tuple[str, str, int]]  # account, service, micrograms of each line
    version: int = 1
    asked: list[FootprintQuery] = field(default_factory=list)

    def footprint(self, query: FootprintQuery, *, most: int | None = None) -> list[FootprintRow]:
        self.asked.append(query)
        sums: Counter[tuple[str, ...]] = Counter()
        for account, service, amount in self.rows:
            if query.accounts is None or account in query.accounts:
                sums[tuple({"account": account, "service": service}[name] for name in query.group_by)] += amount
        return [
            FootprintRow(
                query.start,
                query.end,
                dict(zip(query.group_by, key, strict=True)),
                Energy(7 * amount),
                scope1=Emissions(amount),
                scope2_location_based=Emissions(2 * amount),
                scope2_market_based=Emissions(3 * amount),
                scope3_upstream_location_based=Emissions(4 * amount),
                scope3_upstream_market_based=Emissions(5 * amount),
                scope3_embodied=Emissions(6 * amount),
                updated=NOW,
            )
            for key, amount in sums.items()
        ]


def total(families: Sequence[Metric], name: str, **labels: str) -> float:
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


accounts = st.sampled_from(["(unsold)", "(unattributed)", OTHER, *"abcdefgh"])
services = st.sampled_from(["", OTHER, "(odd)", *"stuvw"])


@given(st.lists(st.tuples(accounts, services, st.integers(0, 10**9)), max_size=40))
def test_series_are_few_have_labels_once_and_add_up_to_the_ledger(rows: list[tuple[str, str, int]]) -> None:
    families = account_families(Ledger(rows), NOW, most_accounts=3, most_services=2)

    amount = sum(row[2] for row in rows)
    for period in ("yesterday", "this-month"):
        for method, factors in (("location_based", (1, 2, 10)), ("market_based", (1, 3, 11))):
            for scope, factor in zip("123", factors, strict=True):
                shown = total(families, "greencloud_account_emissions_grams", method=method, scope=scope, period=period)
                assert shown == pytest.approx(factor * amount / 1e6)
        assert total(families, "greencloud_account_energy_joules", period=period) == pytest.approx(7 * amount / 1e3)
    for family in families:
        labels = [tuple(sorted(sample.labels.items())) for sample in family.samples]
        assert len(labels) == len(set(labels)), family.name
        assert len({sample.labels["account"] for sample in family.samples} - {"(unsold)", "(unattributed)", OTHER}) <= 3
    of_services = families[-1].samples
    for account in {sample.labels["account"] for sample in of_services} - {OTHER}:  # an account of that name is not all of it
        assert len({sample.labels["service"] for sample in of_services if sample.labels["account"] == account}) <= 2 + 1
        assert total(families, "greencloud_service_emissions_grams", account=account, method="market_based") == pytest.approx(
            total(families, "greencloud_account_emissions_grams", account=account, method="market_based", period="this-month")
        )


def test_the_largest_have_their_names() -> None:
    ledger = Ledger([("a", "s", 3), ("b", "s", 5), ("b", "t", 1), ("b", "u", 2), ("c", "s", 4)])
    families = account_families(ledger, NOW, most_accounts=2, most_services=1)

    assert {sample.labels["account"] for sample in families[0].samples} == {"b", "c", OTHER}
    assert total(families, "greencloud_service_emissions_grams", account="b", service=OTHER, method="location_based") == 39e-6
    assert not total(families, "greencloud_service_emissions_grams", account=OTHER)


def test_the_ledger_is_asked_again_when_it_has_a_new_version_or_a_day_has_begun() -> None:
    ledger, time = Ledger([("acme", "shop", 1)]), [NOW]
    metrics = AccountMetrics(lambda: ledger, lambda: time[0])

    first = list(metrics.collect())
    assert list(metrics.collect()) == first
    assert len(ledger.asked) == 3
    ledger.version += 1
    list(metrics.collect())
    assert len(ledger.asked) == 6
    time[0] += timedelta(days=1)
    list(metrics.collect())
    assert len(ledger.asked) == 9
    assert ledger.asked[-3].start == datetime(2026, 3, 15, tzinfo=UTC)


def test_old_figures_are_not_shown_for_a_ledger_that_cannot_be_read() -> None:
    ledger, lost = Ledger([("acme", "shop", 1)]), [False]

    def snapshot() -> Ledger:
        if lost[0]:
            raise StoreError("a segment is lost")
        return ledger

    metrics = AccountMetrics(snapshot, lambda: NOW)
    first = list(metrics.collect())
    assert first
    lost[0] = True
    assert not list(metrics.collect())
    lost[0] = False
    assert list(metrics.collect()) == first


def test_a_real_ledger_s_figures_are_those_of_its_rows(tmp_path: Path) -> None:
    data = DataDirectory.open(tmp_path / "data", create=True)
    data.apply_facility(seed.book(tmp_path), applied_by="test", now=END)
    ingest_file(data, seed.usage(tmp_path))
    run_allocation(data, now=END + timedelta(hours=12))
    metrics = AccountMetrics(data.ledger.snapshot, lambda: END + timedelta(hours=12))

    with closing(Page("127.0.0.1:0", metrics.registry, "--account-metrics")) as page:
        found = scrape(page.url)

    day = FootprintQuery(END - timedelta(days=1), END, group_by=("account",))
    exact = {row.dimensions["account"]: row for row in data.ledger.snapshot().footprint(day)}
    assert {"acme", "globex"} <= exact.keys()
    for account, row in exact.items():
        emissions = total(found, "greencloud_account_emissions_grams", account=account, period="yesterday", method="location_based")
        assert emissions == pytest.approx(row.total_location_based.micrograms / 1e6)
        energy = total(found, "greencloud_account_energy_joules", account=account, period="yesterday")
        assert energy == pytest.approx(row.energy.millijoules / 1e3)
    assert asked_names() == {sample.name for family in found for sample in family.samples}


def test_serve_shows_them_on_an_address_of_their_own(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "--account-metrics", "127.0.0.1:0", "--workers", "2") as server:
        found = re.search(r"account metrics on (http://\S+)", server.log.read_text())
        assert found
        families = scrape(found[1])

    assert asked_names() == {family.name for family in families}
    assert not [sample for family in families for sample in family.samples], "nothing is posted, and that is not zero"


def test_they_are_for_this_machine_unless_something_guards_them(tmp_path: Path) -> None:
    with pytest.raises(ListenError, match="--account-metrics") as told:
        Settings(data=tmp_path, account_metrics="0.0.0.0:9465").check()
    assert "--insecure" in told.value.advice
    assert Settings(data=tmp_path, account_metrics="0.0.0.0:9465", insecure=True).check() is None


def test_the_dashboard_is_one_that_grafana_can_import() -> None:
    board = json.loads(DASHBOARD.read_text())

    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert board["title"] == "greencloud accounts"
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in panels:
        assert panel["description"], panel["title"]
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24


def asked_names() -> set[str]:
    """Metrics that the dashboard asks for."""
    return set(re.findall(r"\bgreencloud_\w+", DASHBOARD.read_text()))


def scrape(url: str) -> list[Metric]:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return list(text_string_to_metric_families(answer.read().decode()))
