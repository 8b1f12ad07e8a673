"""A tenant learns nothing of another: not from answers, errors or trailers, nor from how they differ where the other is not there.

Requests are made from the descriptors, so that a method added later is covered without being named here. The same request goes to
a server with three tenants and to one with the caller alone. ``GREENCLOUD_FUZZ`` takes another number of requests of each method.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given, settings
from hypothesis import strategies as st

from api_messages import Pool, filled, methods, served
from api_world import NOW, PERIOD, TENANTS, Answer, Api, data_of, serving
from greencloud.allocation import RULES
from greencloud.results import GROUPABLE
from greencloud.wire import instant_to_message
from profiles import examples
from strategies import START

EXAMPLES = int(os.environ.get("GREENCLOUD_FUZZ", examples(6)))
ME, *OTHERS = TENANTS
WORDS = [tenant.word.encode() for tenant in OTHERS]
TEXTS = [text.encode() for tenant in OTHERS for text in tenant.texts.values()]
SITES = {tenant.texts["site"].encode() for tenant in OTHERS}
PUBLISHED = {"GetStatement", "ListRootLogEntries"}
"""The log of roots is the same for everybody, and tells of which sites a period has gaps: names that the provider gave."""

METHODS = [method for method in methods() if served(method)]
TIMES = [START - timedelta(days=60), START, START + timedelta(hours=1), START + timedelta(hours=2), NOW]
DIMENSIONS = [*GROUPABLE, *(f"label:{tenant.texts['key']}" for tenant in TENANTS)]


@dataclass(frozen=True)
class Worlds:
    """One with everybody, one with the caller alone; ``tokens``: for pages of others."""

    all: Api
    alone: Api
    tokens: list[str]


def usual(method: MethodDescriptor) -> Message:
    """A request that most methods answer with a page of one."""
    request: Any = GetMessageClass(method.input_type)()
    names = set(method.input_type.fields_by_name)
    for name, value in {"page_size": 1, "dimension": "component", "period": PERIOD}.items():
        if name in names:
            setattr(request, name, value)
    for name, time in {"start_time": TIMES[0], "end_time": NOW}.items():
        if name in names:
            getattr(request, name).CopyFrom(instant_to_message(time))
    if "group_by" in names:
        request.group_by.append("component")
    return request  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    folder = tmp_path_factory.mktemp("isolation")
    everybody = data_of(folder / "all", TENANTS)
    alone = data_of(folder / "alone", [ME])
    with serving(everybody) as one:
        shutil.rmtree(alone.keys_directory, ignore_errors=True)
        shutil.copytree(everybody.keys_directory, alone.keys_directory)  # tokens of the one are of the other, too
        with serving(alone) as other:
            tokens = []
            for method in METHODS:
                if "next_page_token" in method.output_type.fields_by_name:
                    answer = one.call(method, usual(method), OTHERS[0].account)
                    pages: list[Any] = [GetMessageClass(method.output_type).FromString(raw) for raw in answer.raw]
                    tokens += [page.next_page_token for page in pages]
            yield Worlds(one, other, [token for token in tokens if token])


def pool(tokens: list[str]) -> Pool:
    texts = [text for tenant in TENANTS for text in tenant.texts.values()]
    names = st.sampled_from(texts) | st.sampled_from(["", "acct-nobody", "(unsold)", "(unattributed)", "hall", "eu", "*"])
    mine = st.just(ME.account) | names
    return Pool(
        texts=names,
        instants=st.sampled_from(TIMES).map(instant_to_message),
        by_name={
            "start_time": st.sampled_from(TIMES[:3]).map(instant_to_message),
            "end_time": st.just(instant_to_message(NOW)),
            "account": st.sampled_from(["", ME.account]) | mine,
            "accounts": mine,
            "granularity": st.sampled_from([0, 1, 2, 3, 4, 5, 6, 99, -1]),
            "group_by": st.sampled_from(DIMENSIONS),
            "dimension": st.sampled_from([*DIMENSIONS, "label"]),
            "components": st.sampled_from(["dynamic", "idle"]) | names,
            "measures": st.sampled_from(["energy_mj"]) | names,
            "rules": st.sampled_from([*RULES[:2], "used"]) | names,
            "period": st.just(PERIOD) | names,
            "page_token": st.just("") | st.sampled_from([*tokens, "x"]),
            "name": names | st.sampled_from([f"accounts/{tenant.account}" for tenant in TENANTS]),
        },
        numbers=st.integers(0, 12),
        always=frozenset({"start_time", "end_time", "dimension", "period"}),
    )


def shape(method: MethodDescriptor, answer: Answer) -> list[list[str]]:
    """Which fields an answer has, whatever they say."""
    kind = GetMessageClass(method.output_type)
    return [[field.name for field, _ in kind.FromString(raw).ListFields()] for raw in answer.raw]


def check(method: MethodDescriptor, request: Message, worlds: Worlds) -> grpc.StatusCode:
    with_others, alone = (api.call(method, request, ME.account) for api in (worlds.all, worlds.alone))

    asked, told = request.SerializeToString(), with_others.everything
    for text in TEXTS:
        if text in asked or (text in SITES and method.name in PUBLISHED):
            told = told.replace(text, b"")  # an answer may repeat what was asked; what it says besides is compared below
    assert not [word for word in WORDS if word in told]
    assert (with_others.code, with_others.text, with_others.trailers) == (alone.code, alone.text, alone.trailers)
    assert shape(method, with_others) == shape(method, alone)
    return with_others.code


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_nothing_of_others_comes_to_a_tenant(method: MethodDescriptor, worlds: Worlds) -> None:
    @settings(max_examples=EXAMPLES)
    @given(filled(method.input_type, pool(worlds.tokens)))
    def law(request: Message) -> None:
        check(method, request, worlds)

    law()


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_nor_in_answer_to_what_everybody_asks(method: MethodDescriptor, worlds: Worlds) -> None:
    check(method, usual(method), worlds)


def test_the_questions_are_answered_and_the_words_are_there_to_be_found(worlds: Worlds) -> None:
    codes = {method.name: check(method, usual(method), worlds) for method in METHODS}
    answered = {"QueryFootprint", "ListRestatements", "ExplainFootprint", "CompareRules", "GetDataAvailability", "GetStatement"}
    assert {codes[name] for name in answered} == {grpc.StatusCode.OK}
    by_name = {method.name: method for method in METHODS}
    request: Any = usual(by_name["ListDimensionValues"])
    request.dimension, request.page_size = "account", 100
    found = worlds.all.call(by_name["ListDimensionValues"], request)
    assert all(word in found.everything for word in WORDS)
    assert len(worlds.tokens) >= 4
