"""Both clients ask for the inventory in the same way, and give the values of the books."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import inventory_strategies as any_
from answering import METHODS, Answering, answering
from greencloud.client import Client
from greencloud.errors import QuantityError, RemoteError
from greencloud.results.inventory import RestatementCause
from greencloud.v1 import inventory_pb2 as messages
from greencloud.wire import inventory as wire
from greencloud.wire import inventory_years as wire_years
from test_client_twins import both, snake

ERROR = messages.INVENTORY_RESTATEMENT_CAUSE_ERROR
NAME = "inventoryEntries/2020-scope1"
Asked = Callable[[Any], Any]


@pytest.fixture(scope="module")
def server() -> Iterator[Answering]:
    with answering() as server:
        yield server


def entry_response(kind: Any) -> Callable[[Any], Any]:
    return lambda value: kind(inventory_entry=wire.entry_to_message(value))


def listed(kind: Any, field: str, to_message: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda values: kind(**{field: [to_message(value) for value in values]})


some_entries = st.lists(any_.entries, max_size=2)
E, Y = wire.entry_to_message, wire_years.year_to_message

# method: values of its answer, the answer, what is asked for it, and the request that is sent
ANSWERS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], Any], Asked, Callable[[Any], Any]]] = {
    "ImportInventoryEntries": (
        any_.imports,
        wire.import_to_message,
        lambda client: client.import_inventory_entries(
            b"x", file_name="a.csv", reason="r", restate=RestatementCause.ERROR, validate_only=True
        ),
        lambda _: messages.ImportInventoryEntriesRequest(
            content=b"x", file_name="a.csv", reason="r", restatement_cause=ERROR, validate_only=True
        ),
    ),
    "WithdrawInventoryEntry": (
        any_.entries,
        entry_response(messages.WithdrawInventoryEntryResponse),
        lambda client: client.withdraw_inventory_entry(NAME, cause=RestatementCause.ERROR, reason="r", etag="e"),
        lambda _: messages.WithdrawInventoryEntryRequest(name=NAME, cause=ERROR, reason="r", etag="e"),
    ),
    "ApproveInventoryEntries": (
        some_entries,
        listed(messages.ApproveInventoryEntriesResponse, "inventory_entries", E),
        lambda client: client.approve_inventory_entries([NAME], year="2020"),
        lambda _: messages.ApproveInventoryEntriesRequest(names=[NAME], year="2020"),
    ),
    "VerifyInventoryEntries": (
        some_entries,
        listed(messages.VerifyInventoryEntriesResponse, "inventory_entries", E),
        lambda client: client.verify_inventory_entries([NAME], verified_by="v", assurance="limited", evidence=["d"]),
        lambda _: messages.VerifyInventoryEntriesRequest(names=[NAME], verified_by="v", assurance="limited", evidence=["d"]),
    ),
    "ListInventoryEntries": (
        some_entries,
        listed(messages.ListInventoryEntriesResponse, "inventory_entries", E),
        lambda client: client.list_inventory_entries(
            year="2020", scope="scope3", category=3, site="s", business="b", show_withdrawn=True, page_size=7
        ),
        lambda _: messages.ListInventoryEntriesRequest(
            year="2020", scope="scope3", category=3, site="s", business="b", show_withdrawn=True, page_size=7
        ),
    ),
    "GetInventoryEntry": (
        any_.entries,
        E,
        lambda client: client.get_inventory_entry(NAME),
        lambda _: messages.GetInventoryEntryRequest(name=NAME),
    ),
    "ListInventoryEntryRevisions": (
        some_entries,
        listed(messages.ListInventoryEntryRevisionsResponse, "inventory_entries", E),
        lambda client: client.list_inventory_entry_revisions(NAME),
        lambda _: messages.ListInventoryEntryRevisionsRequest(name=NAME),
    ),
    "GetInventory": (
        any_.totals,
        wire_years.totals_to_message,
        lambda client: client.get_inventory("FY2022", as_of=7),
        lambda _: messages.GetInventoryRequest(year="FY2022", as_of_index=7),
    ),
    "ListInventoryYears": (
        st.lists(any_.inventory_years, max_size=2),
        listed(messages.ListInventoryYearsResponse, "inventory_years", Y),
        lambda client: client.list_inventory_years(),
        lambda _: messages.ListInventoryYearsRequest(),
    ),
    "SubmitInventoryYear": (
        any_.inventory_years,
        lambda value: messages.SubmitInventoryYearResponse(inventory_year=Y(value)),
        lambda client: client.submit_inventory_year("2020", reason="r"),
        lambda _: messages.SubmitInventoryYearRequest(year="2020", reason="r"),
    ),
    "CloseInventoryYear": (
        any_.inventory_years,
        lambda value: messages.CloseInventoryYearResponse(inventory_year=Y(value)),
        lambda client: client.close_inventory_year("2020", reason="r"),
        lambda _: messages.CloseInventoryYearRequest(year="2020", reason="r"),
    ),
    "ListInventoryRestatements": (
        st.lists(any_.restatements, max_size=2),
        listed(messages.ListInventoryRestatementsResponse, "restatements", wire.restatement_to_message),
        lambda client: client.list_inventory_restatements(year="2020"),
        lambda _: messages.ListInventoryRestatementsRequest(year="2020"),
    ),
    "GetInventoryPolicy": (
        any_.policies,
        wire_years.policy_to_message,
        lambda client: client.get_inventory_policy(),
        lambda _: messages.GetInventoryPolicyRequest(),
    ),
    "ListStructuralChanges": (
        st.lists(any_.changes, max_size=2),
        listed(messages.ListStructuralChangesResponse, "structural_changes", wire_years.structural_change_to_message),
        lambda client: client.list_structural_changes(),
        lambda _: messages.ListStructuralChangesRequest(),
    ),
    "AssessBaseYear": (
        any_.assessments,
        lambda value: messages.AssessBaseYearResponse(assessment=wire_years.assessment_to_message(value)),
        lambda client: client.assess_base_year(),
        lambda _: messages.AssessBaseYearRequest(),
    ),
    "RecalculateBaseYear": (
        st.lists(any_.restatements, max_size=2),
        listed(messages.RecalculateBaseYearResponse, "restatements", wire.restatement_to_message),
        lambda client: client.recalculate_base_year(reason="r"),
        lambda _: messages.RecalculateBaseYearRequest(reason="r"),
    ),
    "ListBookRecords": (
        st.lists(any_.records, max_size=2),
        listed(messages.ListBookRecordsResponse, "book_records", wire_years.record_to_message),
        lambda client: client.list_book_records(after=3),
        lambda _: messages.ListBookRecordsRequest(after_index=3),
    ),
}
SENDING = {
    "CreateInventoryEntry",
    "RestateInventoryEntry",
    "UpdateInventoryPolicy",
    "CreateStructuralChange",
    "UploadEvidence",
    "GetEvidence",
}


def test_each_method_of_the_inventory_is_tried_here() -> None:
    of_inventory = {name for name, method in METHODS.items() if method.input_type.file.name.endswith("/inventory.proto")}
    assert of_inventory == {*ANSWERS, *SENDING}
    assert all(hasattr(Client, snake(name)) for name in of_inventory)


@pytest.mark.parametrize("method", sorted(ANSWERS))
def test_an_answer_is_the_value_of_the_books(method: str, server: Answering) -> None:
    values, to_message, ask, request = ANSWERS[method]

    @settings(max_examples=3, suppress_health_check=[HealthCheck.too_slow])
    @given(values)
    def law(value: Any) -> None:
        server.will(method, to_message(value))
        found, sent = both(server, ask)
        assert found == value
        assert sent == [request(value)]

    law()


def test_what_is_sent_is_the_value_whole(server: Answering) -> None:
    @settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow])
    @given(any_.entries, any_.policies, any_.changes)
    def law(entry: Any, policy: Any, change: Any) -> None:
        server.will("CreateInventoryEntry", messages.CreateInventoryEntryResponse(inventory_entry=E(entry)))
        assert both(server, lambda client: client.create_inventory_entry(entry, reason="r")) == (
            entry,
            [messages.CreateInventoryEntryRequest(inventory_entry=E(entry), reason="r")],
        )
        server.will("RestateInventoryEntry", messages.RestateInventoryEntryResponse(inventory_entry=E(entry)))
        why: dict[str, Any] = {"cause": RestatementCause.ERROR, "reason": "r", "etag": "e", "structural_change": "s"}
        request = messages.RestateInventoryEntryRequest(name=NAME, inventory_entry=E(entry), **(why | {"cause": ERROR}))
        assert both(server, lambda client: client.restate_inventory_entry(NAME, entry, **why)) == (entry, [request])

        sent = wire_years.policy_to_message(policy)
        server.will("UpdateInventoryPolicy", messages.UpdateInventoryPolicyResponse(inventory_policy=sent))
        assert both(server, lambda client: client.update_inventory_policy(policy, etag="e", reason="r")) == (
            policy,
            [messages.UpdateInventoryPolicyRequest(inventory_policy=sent, etag="e", reason="r")],
        )
        told = wire_years.structural_change_to_message(change)
        server.will("CreateStructuralChange", messages.CreateStructuralChangeResponse(structural_change=told))
        assert both(server, lambda client: client.create_structural_change(change)) == (
            change,
            [messages.CreateStructuralChangeRequest(structural_change=told)],
        )

    law()


def test_a_document_is_put_together_and_checked(server: Answering) -> None:
    content = b"abcdefgh"
    digest = hashlib.sha256(content).hexdigest()
    name = f"evidence/{digest}"
    server.will("UploadEvidence", messages.UploadEvidenceResponse(name=name))
    assert both(server, lambda client: client.upload_evidence(content)) == (
        digest,
        [messages.UploadEvidenceRequest(content=content)],
    )

    parts = [messages.Evidence(name=name, content=part, total_size=8) for part in (b"abc", b"def", b"gh")]
    server.will("GetEvidence", *parts)
    found, sent = both(server, lambda client: client.get_evidence(digest))
    assert (found, [request.offset for request in sent]) == (content, [0, 3, 6])

    server.will("GetEvidence", messages.Evidence(name=name, content=b"another ", total_size=8))
    with Client(server.target, token=None) as client, pytest.raises(RemoteError, match="not the one"):
        client.get_evidence(digest)
    server.will("GetEvidence", messages.Evidence(name=name, content=b"", total_size=8))
    with Client(server.target, token=None) as client, pytest.raises(RemoteError, match="not the one"):
        client.get_evidence(digest)


def test_what_cannot_be_meant_is_refused_before_it_is_sent(server: Answering) -> None:
    wrong: Any = "no_such"
    server.will("ApproveInventoryEntries", messages.ApproveInventoryEntriesResponse())
    with Client(server.target, token=None) as client:
        with pytest.raises(QuantityError, match="no cause 'no_such'"):
            client.withdraw_inventory_entry(NAME, cause=wrong, reason="r")
        with pytest.raises(QuantityError, match="one text"):
            client.approve_inventory_entries(NAME)
    assert not server.received
