"""The other views of the customer: sums are those of the server, files those of the command line, and choices do what they say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greencloud.cli import main
from greencloud.errors import GreencloudError
from greencloud.page.asked import Asked
from greencloud.page.customer import VIEWS
from greencloud.page.customer.asking import hours_asked
from greencloud.page.file import FileAnswer
from greencloud.page.view import Caller
from greencloud.report.page.what_ifs import use_of, what_if
from greencloud.results import GROUPABLE, Granularity
from greencloud.testing import END, START, Server
from page_callers import NOW, calling, column, follow, kg, look, summed, table_of
from profiles import examples

FIRST, SECOND = "2025-01-06", "2025-01-07"


@pytest.fixture(scope="module")
def acme(seeded_server: Server) -> Iterator[Caller]:
    with calling(seeded_server, "acme") as caller:
        yield caller


@pytest.mark.parametrize("dimension", [*GROUPABLE, "label:team", "label:nobody"])
def test_by_any_dimension_and_step_the_sum_is_the_same(acme: Caller, dimension: str) -> None:
    total = acme.client.query_footprint(start=START, end=END).total()
    for step in ("all", "day"):
        shown = look(acme, "/by", dimension=dimension, granularity=step)
        table = table_of(shown, dimension.partition(":")[0].replace("_", "-"))
        assert summed(table, "kg_co2e_location_based") == kg(total)
        if step != "all":
            steps = table_of(shown, "layers")
            assert summed(steps, "kg_co2e_market_based") == kg(total, market=True)
            if dimension != "scope":  # whose rows carry no operations
                assert summed(steps, "operation_count") == total.operation_count
    assert "label:team" in str(shown.forms)


def test_the_changes_of_two_periods_add_up_to_the_change_of_the_whole(acme: Caller) -> None:
    first = acme.client.query_footprint(start=START, end=START + timedelta(days=1)).total()
    second = acme.client.query_footprint(start=START + timedelta(days=1), end=END).total()
    for dimension in ("service", "label:team"):
        for market, method in ((False, "location"), (True, "market")):
            table = table_of(look(acme, "/compare", period=SECOND, against=FIRST, dimension=dimension, method=method), "changes")
            assert summed(table, "change_kg_co2e") == kg(second, market=market) - kg(first, market=market)
            assert summed(table, "old_kg_co2e") == kg(first, market=market)
    named, adjoining = look(acme, "/compare", period=SECOND, against=FIRST), look(acme, "/compare", period=SECOND)
    assert table_of(named, "changes").csv == table_of(adjoining, "changes").csv


def test_a_change_from_what_is_not_known_is_not_known(acme: Caller) -> None:
    shown = look(acme, "/compare", period=FIRST)
    table = table_of(shown, "changes")
    assert column(table, "change_kg_co2e") == []
    assert column(table, "new_kg_co2e")
    assert "not known" in shown.notes[0]


def test_hours_and_what_ifs_are_those_of_the_rows(acme: Caller) -> None:
    shown = look(acme, "/hours", shift="3", to_region="eu-north")
    total = acme.client.query_footprint(start=START, end=END).total()
    assert summed(table_of(shown, "week"), "kg_co2e_location_based") == kg(total)
    query = Asked.of("/hours", {"period": "2025-01"}, NOW).query(group_by=("region",), granularity=Granularity.HOUR)
    streamed = hours_asked(acme.client, query)
    assert sum(hour.energy_mj for hour in streamed) == total.energy.millijoules
    chosen = what_if(use_of(streamed), hours=3, region="eu-north")
    assert column(table_of(shown, "chosen"), "kg_co2e_would_be") == [Decimal(chosen.would_be_ug).scaleb(-9)]
    best = table_of(shown, "best")
    least = min(column(table_of(shown, "shifts"), "kg_co2e_would_be")) - max(column(table_of(shown, "shifts"), "kg_co2e_as_it_was"))
    assert best.rows
    assert least <= 0
    assert not [section for section in look(acme, "/hours").sections if section.id == "chosen"]


def test_rules_change_who_pays_and_a_tenant_sees_its_own_share(acme: Caller, seeded_server: Server) -> None:
    shown = look(acme, "/rules")
    comparison = acme.client.compare_rules(END - timedelta(days=1), END, group_by=["account"])
    own = table_of(shown, "own")
    told = dict(zip([row[0] for row in own.csv[1:]], column(own, "kg_co2e_location_based"), strict=True))
    assert told == {each.rule: kg(each.row) for each in comparison.rows}
    with calling(seeded_server) as provider:
        table = table_of(look(provider, "/rules"), "rules")
        sums = {rule: summed(table, f"{rule}_kg_co2e") for rule in comparison.rules}
        assert len(set(sums.values())) == 1, "a rule changes who pays, never how much"


def test_quality_says_what_the_energy_rests_on(acme: Caller) -> None:
    table = table_of(look(acme, "/quality"), "evidence-service")
    total = acme.client.query_footprint(start=START, end=END).total()
    parts = sum(summed(table, f"{kind}_kwh") for kind in ("measured", "modelled", "estimated", "self_reported"))
    assert abs(parts - summed(table, "kwh")) < Decimal("0.0000001")
    assert abs(summed(table, "kwh") - Decimal(total.energy.millijoules) / 3_600_000_000) < Decimal("0.0000001")
    sites = table_of(look(acme, "/quality"), "sites")
    assert [row[0] for row in sites.rows] == [site.site for site in acme.client.get_data_availability().sites]


@pytest.mark.parametrize("name", ["csv", "tsv", "jsonl", "parquet", "arrow", "aws-carbon", "google-carbon", "focus"])
def test_a_file_is_that_of_the_command_line_byte_for_byte(acme: Caller, seeded_server: Server, name: str) -> None:
    answer = look(acme, "/export", format=name, period="2025-01")
    assert isinstance(answer, FileAnswer)
    kind = answer.name.rpartition(".")[2]
    preset = name if "-" in name or name == "focus" else "plain"
    arguments = ["export", "--server", seeded_server.target, "--preset", preset, "--period", "2025-01", "-o", kind]
    result = CliRunner().invoke(main, arguments, env={"GREENCLOUD_TOKEN": seeded_server.token("acme")})
    assert result.exit_code == 0, result.output
    assert answer.content == result.stdout_bytes
    assert answer.name.startswith(f"{name if preset != 'plain' else 'footprint'}-acme-2025-01-01-2025-02-01.")


def test_a_document_and_the_export_of_a_cut_period(acme: Caller) -> None:
    total = acme.client.query_footprint(start=START, end=END).total()
    document = json.loads(look(acme, "/export", format="json", period="2025-01").content)
    assert document["total"]["total_location_based"]["micrograms"] == total.total_location_based.micrograms
    with pytest.raises(GreencloudError, match="look whole"):
        look(acme, "/export", format="csv", period=FIRST, granularity="month")
    days = look(acme, "/export", END, format="csv", period="last-7d").content.decode().splitlines()
    assert days[1].startswith('"2025-01-06T00:00:00Z","2025-01-07T00:00:00Z"')
    page = look(acme, "/export")
    assert all(isinstance(follow(acme, each.href), FileAnswer) for each in page.downloads)


def test_an_explanation_is_that_of_the_command_line(acme: Caller, seeded_server: Server) -> None:
    shown = look(acme, "/explain", period=FIRST, service="shop", windows="2")
    document = acme.client.explain_footprint(start=START, end=START + timedelta(days=1), services=["shop"], windows=2)
    assert [str(amount) for amount in column(table_of(shown, "amounts"), "amount")] == list(document["amounts"].values())
    file = follow(acme, next(each.href for each in shown.downloads))
    assert json.loads(file.content) == document
    assert "shop" in shown.preformatted[0]
    with calling(seeded_server) as provider:
        accounts = table_of(look(provider, "/explain"), "account")
        assert follow(provider, accounts.links[0], now=NOW).sections


OWN = {
    "dimension": ["service", "label:team", "label:", "x", "scope"],
    "granularity": ["all", "hour", "year", "window", ""],
    "against": [FIRST, "2024", "never"],
    "method": ["market", "energy", "x"],
    "shift": ["-12", "12", "0", "x"],
    "to_region": ["eu-north", "moon"],
    "windows": ["0", "4", "x"],
    "format": ["csv", "json", "focus", "x"],
    "as": ["csv", "json", "x"],
    "by": ["service", "service,service", "", "x"],
    "service": ["shop", "<script>alert(1)</script>", "a\nb", "\u202eevil"],
    "operation": ["browse", "'; DROP TABLE"],
    "component": ["dynamic", "x"],
    "period": [FIRST, "2025-01", "last-7d"],
    "lang": ["en", "zh"],
}
parameters = st.dictionaries(st.sampled_from(sorted(OWN)), st.integers(0, 4), max_size=6).map(
    lambda chosen: {name: OWN[name][at % len(OWN[name])] for name, at in chosen.items()}
)


@settings(max_examples=examples(15), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([view.path for view in VIEWS if view.path not in ("/rules", "/explain")]), parameters)
def test_whatever_an_address_asks_is_answered_or_refused_with_a_reason(acme: Caller, path: str, given_: dict[str, str]) -> None:
    try:
        answer = look(acme, path, **given_)
    except GreencloudError as error:
        told = error.message
        assert told
        return
    if not isinstance(answer, FileAnswer):
        assert answer.title
        for section in answer.sections:
            for chart in section.charts:
                json.dumps(chart(330))
