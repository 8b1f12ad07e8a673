"""Law 3: each posting is explained to the unit by arithmetic that can be run again, for every rule and whoever asks."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from explained import check_postings
from greencloud.allocation import POSTING_MEASURES, RULES, allocate_window
from greencloud.allocation.explanation import Audience, Explanation, Where, explain_window
from greencloud.allocation.explanation_document import explanation_document
from greencloud.facility import Facility
from strategies import SERVICES, TENANTS, WINDOW, situations, usage

Situation = tuple[Facility, list[dict[str, Any]], list[dict[str, Any]]]

POOLS = ("(unattributed)", "(unsold)")
KEY = ("service", "sku", "operation", "labels", "component", "quality", "count")


def explained(situation: Situation, account: str, rule: str, audience: Audience = "provider", **where: Any) -> Explanation:
    book, rows, readings = situation
    return explain_window(
        book, usage(rows, readings), "hall", WINDOW, account=account, rule=rule, where=Where(**where), audience=audience
    )


def document(explanation: Explanation) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(explanation_document(explanation)))
    return found


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(situations(), st.sampled_from(RULES), st.sampled_from(["provider", "tenant"]))
def test_every_posting_of_everybody_is_explained_to_the_unit(situation: Situation, rule: str, audience: Audience) -> None:
    book, rows, readings = situation
    posted = allocate_window(book, usage(rows, readings), "hall", WINDOW, rule=rule).postings.to_pylist()
    seen = 0
    for account in (*TENANTS, *SERVICES, *POOLS):
        explanation = explained(situation, account, rule, audience)
        own = [posting for posting in posted if posting["account"] == account]

        assert [tuple(getattr(posting, name) for name in KEY) for posting in explanation.postings] == [
            tuple(posting[name] for name in KEY) for posting in own
        ]
        assert [dict(posting.amounts) for posting in explanation.postings] == [
            {measure: posting[measure] for measure in POSTING_MEASURES} for posting in own
        ]
        check_postings(document(explanation))
        seen += len(own)
    assert seen == len(posted)
