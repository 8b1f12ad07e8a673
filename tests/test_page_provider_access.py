"""Who may look: a view shows what the caller's role may see, and the server refuses all others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from api_world import Api
from greencloud.errors import PermissionDeniedError
from greencloud.page.view import View
from page_provider_world import TENANTS, VIEWS, caller, columns, looked_at, section, world

ACCOUNT = TENANTS[0].account


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with world(tmp_path_factory.mktemp("provider")) as api:
        yield api


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
@pytest.mark.parametrize(
    ("role", "account"), [("customer.viewer", ACCOUNT), ("customer.admin", ACCOUNT), ("provider.writer", "")], ids=lambda each: each
)
def test_the_server_refuses_whoever_may_not_look(api: Api, view: View, role: str, account: str) -> None:
    with pytest.raises(PermissionDeniedError):
        looked_at(caller(api, role, account), view.path)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
@pytest.mark.parametrize("role", ["provider.analyst", "auditor"])
def test_an_analyst_and_an_auditor_see_every_view(api: Api, view: View, role: str) -> None:
    by = caller(api, role)

    assert by.may(view.permission)
    shown = looked_at(by, view.path)
    assert shown.title
    assert shown.sections
    assert not shown.empty


def test_the_audit_trail_is_for_those_who_may_read_it(api: Api) -> None:
    shown = {role: looked_at(caller(api, role), "/provider/intake") for role in ("provider.analyst", "auditor", "provider.admin")}

    entries = caller(api).client.list_audit_entries(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)).to_list()
    rows = columns(section(shown["auditor"], "audit").csv)
    assert [row["index"] for row in rows] == [str(entry.index) for entry in reversed(entries)]
    names = {role: [part.id for part in each.sections] for role, each in shown.items()}
    assert "audit" in names["auditor"]
    assert "audit" in names["provider.admin"]
    assert "audit" not in names["provider.analyst"]
    assert any("may not read it" in note for note in shown["provider.analyst"].notes)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_every_view_is_whole_in_both_languages(api: Api, view: View, language: str) -> None:
    shown = looked_at(caller(api), view.path, lang=language)

    ids = [each.id for each in shown.sections]
    assert len(ids) == len(set(ids))
    for each in shown.sections:
        for wide, narrow in each.drawn:
            for svg in (wide, narrow):
                assert ET.fromstring(svg).tag.endswith("svg")
                assert not {"NaN", "Infinity", "undefined"} & set(svg.split('"'))
        table = each.table
        if table is not None:
            assert {len(row) for row in (table.heading, *table.rows)} == {len(table.heading)}
            assert {len(row) for row in table.csv} == {len(table.csv[0])}
            assert len(table.links) in {0, len(table.rows)}
