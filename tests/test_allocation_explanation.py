"""Law 3: each posting is explained to the unit by arithmetic that can be run again, for every rule and whoever asks."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from explained import check_postings
from greencloud.allocation import POSTING_MEASURES, RULES, allocate_window
from greencloud.allocation.explanation import AUDIENCES, Audience, Explanation, Where, explain_window
from greencloud.allocation.explanation_document import explanation_document
from greencloud.allocation.formula import evaluate
from greencloud.facility import Facility, read_facility
from greencloud.units import INT64_MAX, Window
from profiles import examples
from strategies import SERVICES, TENANTS, WINDOW, facility, host, provider, reading, reservation, row, situations, usage
from test_allocation_recomputed import CASES, Inputs, as_it_is

Situation = tuple[Facility, list[dict[str, Any]], list[dict[str, Any]]]

POOLS = ("(unattributed)", "(unsold)")
KEY = ("service", "sku", "operation", "labels", "component", "quality", "count")


def explained(situation: Situation, account: str, rule: str, audience: Audience = "provider", **where: Any) -> Explanation:
    book, rows, readings = situation
    site, window = next(iter(book.sites)), Window.at(WINDOW.start, book.window_seconds)
    return explain_window(
        book, usage(rows, readings), site, window, account=account, rule=rule, where=Where(**where), audience=audience
    )


def document(explanation: Explanation) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(explanation_document(explanation)))
    return found


def check(situation: Situation, rule: str, audience: Audience, accounts: tuple[str, ...]) -> list[str]:
    """Explain everybody's postings and run the arithmetic again; the documents."""
    book, rows, readings = situation
    site, window = next(iter(book.sites)), Window.at(WINDOW.start, book.window_seconds)
    posted = allocate_window(book, usage(rows, readings), site, window, rule=rule).postings.to_pylist()
    seen, found = 0, []
    for account in accounts:
        explanation = explained(situation, account, rule, audience)
        own = [posting for posting in posted if posting["account"] == account]
        assert [tuple(getattr(posting, name) for name in KEY) for posting in explanation.postings] == [
            tuple(posting[name] for name in KEY) for posting in own
        ]
        assert [dict(posting.amounts) for posting in explanation.postings] == [
            {measure: posting[measure] for measure in POSTING_MEASURES} for posting in own
        ]
        found.append(document(explanation))
        check_postings(found[-1])
        seen += len(own)
    assert seen == len(posted)
    return [json.dumps(one) for one in found]


@settings(max_examples=examples(8), suppress_health_check=[HealthCheck.too_slow])
@given(situations(), st.sampled_from(RULES), st.sampled_from(AUDIENCES))
def test_every_posting_of_everybody_is_explained_to_the_unit(situation: Situation, rule: str, audience: Audience) -> None:
    check(situation, rule, audience, (*TENANTS, *SERVICES, *POOLS))


def written(case: Callable[[], Inputs], folder: Path) -> Situation:
    text, rows, readings = case()
    path = folder / "facility.toml"
    path.write_text(text, encoding="utf-8")
    return read_facility(path), rows, readings


@pytest.mark.parametrize(("case", "rule"), list(zip(CASES, itertools.cycle(RULES), strict=False)))
def test_all_that_a_book_can_say_is_explained(case: Callable[[], Inputs], rule: str, tmp_path: Path) -> None:
    situation = written(case, tmp_path)
    check(situation, rule, "provider", (*situation[0].accounts, *POOLS))


@pytest.mark.parametrize("rule", ["reserved_and_used", "temporal_shapley"])
def test_a_tenant_is_shown_no_other_account_no_asset_and_no_host_but_by_its_own_name_for_it(rule: str, tmp_path: Path) -> None:
    situation = written(as_it_is, tmp_path)
    book, rows, _ = situation
    tenants = [name for name in book.accounts if not book.is_internal(name)]
    accounts = (*book.accounts, *POOLS)
    documents = dict(zip(accounts, check(situation, rule, "tenant", accounts), strict=True))
    for tenant in tenants:
        said = {found["host"] for found in rows if found["account"] == tenant and found["source"] == "tenant"}
        text = " ".join([*tenants, *(asset.id for asset in book.hardware), *(emission.id for emission in book.direct_emissions)])
        hidden = {*text.split(), *(name for one in book.hosts.values() for name in (one.id, *one.aliases))} - said - {tenant}

        assert not [name for name in hidden if re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", documents[tenant])]


def test_a_provider_is_shown_hosts_assets_and_entries_by_name(tmp_path: Path) -> None:
    situation = written(as_it_is, tmp_path)
    text = json.dumps(document(explained(situation, "acme", "reserved_and_used")))

    for name in ("host n1", "host n2", "hw1", "diesel", "certificate c1", "facility.toml:"):
        assert name in text


def test_weights_beyond_64_bits_are_explained() -> None:
    book = facility(hosts=[host("h1", curve="server", gpus=Fraction(1), gpu_curve="gpu")], reservations=(reservation("acme", 2),))
    rows = [provider("acme", 5, host="h1")]
    rows += [row("acme", INT64_MAX, host="h1", gpu_ns=INT64_MAX, operation=name) for name in ("get", "put")]
    rows += [row("acme", 7, host="h1", operation="tiny", service="own"), row("bolt", INT64_MAX, host="h1", gpu_ns=INT64_MAX)]

    for rule in RULES:
        check((book, rows, [reading("h1", 10**9, 10**12)]), rule, "provider", (*TENANTS, *POOLS))


def test_filters_choose_postings_and_measures_and_leave_out_steps_of_others(tmp_path: Path) -> None:
    situation = written(as_it_is, tmp_path)
    whole = explained(situation, "acme", "reserved_and_used")
    part = explained(
        situation, "acme", "reserved_and_used", services=("web",), components=("dynamic",), measures=("scope2_market_ug",)
    )

    assert part.postings
    assert {posting.component for posting in part.postings} == {"dynamic"}
    assert {measure for posting in part.postings for measure in posting.amounts} == {"scope2_market_ug"}
    assert part.total("scope2_market_ug") == sum(
        posting.amounts["scope2_market_ug"]
        for posting in whole.postings
        if (posting.service, posting.component) == ("web", "dynamic")
    )
    assert 0 < len(part.steps) < len(whole.steps) / 4
    assert not [step for step in part.steps if step.stage in {"capacity", "embodied", "shared"}]
    assert explained(situation, "acme", "used", services=("none",)).postings == ()


def test_explanations_are_the_same_whatever_the_order_of_rows(tmp_path: Path) -> None:
    book, rows, readings = written(as_it_is, tmp_path)

    assert document(explained((book, rows[::-1], readings[::-1]), "acme", "used")) == document(
        explained((book, rows, readings), "acme", "used")
    )


def test_formulas_have_arithmetic_and_nothing_else() -> None:
    assert evaluate("floor(sum(a) / b) + round(c / 2)", {"a": [1, 2, 4], "b": [2], "c": [5]}) == 5
    assert evaluate("a / b", {"a": [1], "b": [3]}) == Fraction(1, 3)
    for formula in ("a ** 2", "a.real", "abs(a)", "a if a else a", "a < 1", "1.5", "sum(a)[0]", "'a'", "sum"):
        with pytest.raises((ValueError, KeyError)):
            evaluate(formula, {"a": [2]})
    with pytest.raises(ValueError, match="2 values where one belongs"):
        evaluate("a + 1", {"a": [1, 2]})
