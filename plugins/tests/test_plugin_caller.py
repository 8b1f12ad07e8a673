"""Caller accounts: what arrives is worth what the stance says, and a claim never gets past an edge."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage, context, propagate
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import default_getter
from opentelemetry.sdk.trace import Span, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from greencloud_otel import GreencloudInstrumentor, _complaint, set_caller_account
from greencloud_otel._caller import ACCOUNT, Stance, stance_of

if TYPE_CHECKING:
    from conftest import Traced

KEY = "greencloud.caller.account"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CLAIM = {"traceparent": PARENT, "baggage": f"{KEY}=mallory,color=green"}

Serve = Callable[..., "Service"]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_complaint, "_last", [])
    propagator = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
    monkeypatch.setattr(propagate, "_HTTP_TEXT_FORMAT", propagator)


class Service:
    """One service with the plugin; ``request`` is what an instrumentation does with what arrives."""

    def __init__(self, traced: Traced) -> None:
        self.traced = traced

    @contextmanager
    def request(self, carrier: dict[str, str], name: str = "request", **attributes: str) -> Iterator[None]:
        token = context.attach(propagate.extract(carrier))
        try:
            with self.traced.tracer.start_as_current_span(name, attributes=attributes):
                yield
        finally:
            context.detach(token)

    def call(self) -> str | None:
        """The entry that a call to another service carries."""
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        entries = dict(entry.split("=") for entry in carrier.get("baggage", "").split(",") if entry)
        return entries.get(KEY)

    def named(self, name: str = "request") -> object:
        return self.traced.attributes(name).get(KEY)


@pytest.fixture
def serve(traced: Traced, monkeypatch: pytest.MonkeyPatch) -> Serve:
    def start(hook: object = None, **variables: str) -> Service:
        for name, value in variables.items():
            monkeypatch.setenv(f"OTEL_PYTHON_GREENCLOUD_CALLER{name}", value)
        GreencloudInstrumentor().uninstrument()
        GreencloudInstrumentor().instrument(caller_hook=hook)
        return Service(traced)

    return start


def test_a_claim_is_stripped_unless_told_otherwise_and_other_baggage_stays(serve: Serve) -> None:
    service = serve()
    with service.request(CLAIM):
        assert baggage.get_all() == {"color": "green"}
        assert service.call() is None
    assert service.named() is None


@pytest.mark.parametrize("variables", [{"_ACCOUNT": "acme"}, {"": "edge", "_ACCOUNT": "acme"}])
def test_the_edge_of_one_customer_names_it_whatever_is_claimed(serve: Serve, variables: dict[str, str]) -> None:
    service = serve(**variables)
    with service.request(CLAIM):
        assert service.call() == "acme"
        with service.traced.tracer.start_as_current_span("inside"):
            assert service.call() == "acme"
    with service.traced.tracer.start_as_current_span("of its own accord"):
        pass
    assert [service.named(name) for name in ("request", "inside", "of its own accord")] == ["acme"] * 3


def test_an_edge_carries_its_account_on_even_where_the_trace_is_not_sampled(serve: Serve) -> None:
    service = serve(_ACCOUNT="acme")
    tracer = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("unsampled")
    with tracer.start_as_current_span("request"):
        assert service.call() == "acme"


def test_a_service_behind_edges_believes_them_and_carries_it_on(serve: Serve) -> None:
    service = serve(**{"": "trust"})
    with service.request({**CLAIM, "baggage": f"{KEY}=acme"}), service.traced.tracer.start_as_current_span("inside"):
        assert service.call() == "acme"
    with service.request({"traceparent": PARENT}, "without"):
        assert service.call() is None
    assert [service.named(name) for name in ("request", "inside", "without")] == ["acme", "acme", None]


def test_a_claim_that_is_no_account_id_is_not_believed_by_anybody(serve: Serve) -> None:
    service = serve(**{"": "trust"})
    with service.request({**CLAIM, "baggage": f"{KEY}=%7Bbad%7D"}):
        assert service.call() is None
    assert service.named() is None


def test_a_hook_names_the_account_of_each_request(serve: Serve) -> None:
    seen: list[tuple[object, str]] = []

    def hook(attributes: dict[str, object], claimed: str) -> str | None:
        seen.append((attributes.get("tenant"), claimed))
        return str(attributes["tenant"]) if "tenant" in attributes else None

    service = serve(hook)
    with service.request(CLAIM, "first", tenant="acme"), service.traced.tracer.start_as_current_span("inside"):
        assert service.call() == "acme"
    with service.request({"traceparent": PARENT}, "second"):
        assert service.call() is None

    assert seen == [("acme", "mallory"), (None, "")], "once for each request, and told what it claims"
    assert [service.named(name) for name in ("first", "inside", "second")] == ["acme", "acme", None]


def hook_by_name(attributes: dict[str, object], claimed: str) -> str:
    return f"{claimed}-vouched-for"


def test_a_hook_is_found_by_its_name_when_the_first_request_comes(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    service = serve(_HOOK="a_module_that_comes_later:hook")
    monkeypatch.setitem(__import__("sys").modules, "a_module_that_comes_later", type("module", (), {"hook": hook_by_name}))
    with service.request(CLAIM):
        assert service.call() == "mallory-vouched-for"


@pytest.mark.parametrize("bad", [lambda *_: 1 / 0, lambda *_: "{not an id}", lambda *_: 7, lambda: "acme"])
def test_a_hook_that_fails_leaves_the_caller_unknown_and_warns_once(
    serve: Serve, caplog: pytest.LogCaptureFixture, bad: object
) -> None:
    service = serve(bad)
    for number in range(3):
        with service.request(CLAIM, f"request {number}"):
            assert service.call() is None
        assert service.named(f"request {number}") is None
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_the_application_names_the_account_after_authentication(serve: Serve) -> None:
    service = serve(**{"": "edge"})
    with service.request(CLAIM):
        with service.traced.tracer.start_as_current_span("authentication"):
            pass
        with service.traced.tracer.start_as_current_span("handler"):
            assert set_caller_account("acme")
            assert service.call() == "acme"
    assert [service.named(name) for name in ("request", "authentication", "handler")] == ["acme", None, "acme"]


def test_what_is_named_after_authentication_goes_before_what_was_believed(serve: Serve) -> None:
    service = serve(**{"": "trust"})
    with service.request({**CLAIM, "baggage": f"{KEY}=acme"}):
        assert set_caller_account("globex")
        with service.traced.tracer.start_as_current_span("inside"):
            assert service.call() == "globex"
    assert [service.named(name) for name in ("request", "inside")] == ["globex", "globex"]


def test_an_account_is_not_taken_without_a_stance_or_a_span_or_if_it_is_none(serve: Serve) -> None:
    service = serve()
    with service.request({}):
        assert not set_caller_account("acme")
    service = serve(**{"": "edge"})
    assert not set_caller_account("acme")
    with service.request({}):
        assert not set_caller_account("{}")
        assert not set_caller_account("")


def test_own_code_names_the_messages_of_a_batch_by_baggage(serve: Serve) -> None:
    service = serve(_ACCOUNT="carrier")
    with service.request({}, "batch"):
        for account in ("acme", "globex"):
            token = context.attach(baggage.set_baggage(KEY, account))
            with service.traced.tracer.start_as_current_span(account), service.traced.tracer.start_as_current_span(f"in {account}"):
                assert service.call() == account
            context.detach(token)
    named = [service.named(name) for name in ("batch", "acme", "in acme", "globex", "in globex")]
    assert named == ["carrier", "acme", "acme", "globex", "globex"]


def test_an_extraction_inside_of_a_request_takes_nothing_off_that_own_code_put_there(serve: Serve) -> None:
    serve()
    token = context.attach(baggage.set_baggage(KEY, "acme"))
    assert baggage.get_baggage(KEY, propagate.extract({"traceparent": PARENT}, context.get_current())) == "acme"
    assert baggage.get_baggage(KEY, propagate.extract(CLAIM, context.get_current())) is None
    context.detach(token)


def test_a_span_that_the_application_names_itself_keeps_its_word(serve: Serve) -> None:
    service = serve(_ACCOUNT="acme")
    with service.request({}, "request", **{KEY: "globex"}):
        pass
    assert service.named() == "globex"


def test_off_looks_at_nothing(serve: Serve) -> None:
    service = serve(**{"": "off"})
    with service.request(CLAIM):
        assert service.call() == "mallory"
    assert service.named() is None


class Another(W3CBaggagePropagator):
    """Carries baggage in a header of its own, as Jaeger's and OpenTracing's do."""

    _BAGGAGE_HEADER_NAME = "another"

    def extract(self, carrier, context=None, getter=default_getter):  # type: ignore[no-untyped-def]
        found = dict(entry.split("=") for entry in carrier.get("another", "").split(",") if entry)
        for name, value in found.items():
            context = baggage.set_baggage(name, value, context)
        return context or {}


def test_a_claim_in_another_propagators_header_is_stripped_too(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(propagate, "_HTTP_TEXT_FORMAT", CompositePropagator([TraceContextTextMapPropagator(), Another()]))
    service = serve()
    with service.request({"traceparent": PARENT, "another": f"{KEY}=mallory"}):
        assert baggage.get_baggage(KEY) is None


def test_a_claim_is_stripped_even_where_cpu_cannot_be_measured(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(asyncio.Handle, "_run")
    serve()
    assert baggage.get_all(propagate.extract(CLAIM)) == {"color": "green"}


def test_everything_is_put_back(serve: Serve) -> None:
    def hooked() -> list[object]:
        return [Span.start, Span.end, W3CBaggagePropagator.extract, W3CBaggagePropagator.inject, CompositePropagator.extract]

    GreencloudInstrumentor().uninstrument()
    before = hooked()
    serve(_ACCOUNT="acme")
    assert all(now is not then for now, then in zip(hooked(), before, strict=True))
    GreencloudInstrumentor().uninstrument()
    assert hooked() == before


@pytest.mark.parametrize(
    ("variables", "mode"),
    [
        ({}, "strip"),
        ({"OTEL_PYTHON_GREENCLOUD_CALLER": "believe"}, "strip"),
        ({"OTEL_PYTHON_GREENCLOUD_CALLER_ACCOUNT": "{}"}, "strip"),
        ({"OTEL_PYTHON_GREENCLOUD_CALLER_ACCOUNT": "acme"}, "edge"),
        ({"OTEL_PYTHON_GREENCLOUD_CALLER": "TRUST"}, "trust"),
        ({"OTEL_PYTHON_GREENCLOUD_CALLER": "trust", "OTEL_PYTHON_GREENCLOUD_CALLER_ACCOUNT": "acme"}, "trust"),
    ],
)
def test_what_cannot_be_understood_trusts_nobody(variables: dict[str, str], mode: str) -> None:
    stance = stance_of(variables)
    assert stance.mode == mode
    assert bool(stance.account) == (mode == "edge")


@given(st.text(max_size=200), st.sampled_from(["strip", "edge"]))
def test_law_no_claim_gets_past_a_stance_that_does_not_trust(claim: str, mode: str) -> None:
    before = context.Context()
    after = Stance(mode).admit(before, baggage.set_baggage(KEY, claim, before))
    assert baggage.get_baggage(KEY, after) is None


@given(st.from_regex(ACCOUNT, fullmatch=True))
def test_an_account_survives_the_header(account: str) -> None:
    carrier: dict[str, str] = {}
    W3CBaggagePropagator().inject(carrier, baggage.set_baggage(KEY, account, context.Context()))
    assert baggage.get_baggage(KEY, W3CBaggagePropagator().extract(carrier, context.Context())) == account
