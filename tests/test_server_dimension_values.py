"""ListDimensionValues and GetDataAvailability over the API: pages of one version, and to a tenant what its own postings say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api_messages import methods
from api_world import NOW, TENANTS, Api, data_of, serving
from greencloud.engine import DataDirectory
from greencloud.ledger import data_availability, dimension_values
from greencloud.ledger.availability import EVER
from greencloud.ledger.stop import Stop
from greencloud.results import DataAvailability, DimensionValue, FootprintQuery
from greencloud.server import Principal
from greencloud.server.dimension_values import DimensionValues
from greencloud.server.errors import RequestError
from greencloud.server.paging import Pages
from greencloud.server.wiring import services_of
from greencloud.v1 import footprint_service_pb2 as messages
from greencloud.wire import availability_from_message, dimension_value_from_message, instant_to_message
from ledger_builders import batch_of, hour
from profiles import examples
from strategies import START

ME = TENANTS[0]
LABEL = f"label:{ME.texts['key']}"
METHODS = {method.name: method for method in methods()}
DIMENSIONS = ("account", "service", "region", "site", "sku", "operation", "component", "methodology_version", "label", LABEL)
quick = settings(max_examples=examples(10), suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataDirectory:
    return data_of(tmp_path_factory.mktemp("values"), TENANTS)


@pytest.fixture(scope="module")
def api(data: DataDirectory) -> Iterator[Api]:
    with serving(data) as api:
        yield api


def values(api: Api, account: str = "", **fields: Any) -> tuple[list[DimensionValue], set[tuple[int, int]]]:
    """All pages, and what each said of size and version."""
    found: list[DimensionValue] = []
    said = set()
    token = ""
    while True:
        request = messages.ListDimensionValuesRequest(page_token=token, **fields)
        answer = api.call(METHODS["ListDimensionValues"], request, account)
        assert answer.code is grpc.StatusCode.OK, answer
        page = messages.ListDimensionValuesResponse.FromString(answer.raw[0])
        found += map(dimension_value_from_message, page.values)
        said.add((page.total_size, page.ledger_version))
        token = page.next_page_token
        if not token:
            return found, said


@quick
@given(
    dimension=st.sampled_from(DIMENSIONS),
    account=st.sampled_from(["", ME.account]),
    size=st.integers(0, 4),
    sites=st.sampled_from([(), ("hall",)]),
)
def test_pages_are_what_the_ledger_says_to_the_caller(
    api: Api, *, dimension: str, account: str, size: int, sites: tuple[str, ...]
) -> None:
    found, said = values(api, account, dimension=dimension, page_size=size, filter=messages.FootprintFilter(sites=sites))

    snapshot = api.data.ledger.snapshot()
    query = FootprintQuery(*EVER, accounts=(account,) if account else None, sites=sites)
    assert found == dimension_values(snapshot, dimension, query)
    assert said == {(len(found), snapshot.version)}
    if account:
        others = [tenant.word for tenant in TENANTS[1:]]
        assert not [value for value in found if any(word in value.value for word in others)]


def test_a_time_narrows_it(api: Api, data: DataDirectory) -> None:
    found, _ = values(api, dimension="account", end_time=instant_to_message(hour(1, 3600).start))
    assert found == []  # those of the world are later
    found, _ = values(api, dimension="account", start_time=instant_to_message(START), end_time=instant_to_message(NOW))
    assert {value.value for value in found} >= {tenant.account for tenant in TENANTS}


@pytest.mark.parametrize("account", ["", ME.account])
def test_availability_is_what_the_ledger_says_to_the_caller(api: Api, data: DataDirectory, account: str) -> None:
    answer = api.call(METHODS["GetDataAvailability"], messages.GetDataAvailabilityRequest(), account)
    found = availability_from_message(messages.DataAvailability.FromString(answer.raw[0]))
    assert found == data_availability(data.ledger.snapshot(), [account] if account else None)
    sites = {"hall", *(tenant.texts["site"] for tenant in ([ME] if account else TENANTS))}
    assert {site.site for site in found.sites} == sites
    assert found.final_until == found.end


def test_an_account_of_which_nothing_is_known_has_no_times(api: Api, data: DataDirectory) -> None:
    answer = api.call(METHODS["GetDataAvailability"], messages.GetDataAvailabilityRequest(), "acct-new")
    message = messages.DataAvailability.FromString(answer.raw[0])
    assert availability_from_message(message) == DataAvailability(ledger_version=data.ledger.snapshot().version)
    assert [field.name for field, _ in message.ListFields()] == ["ledger_version"]


@pytest.fixture
def listing(tmp_path: Any) -> tuple[DataDirectory, DimensionValues]:
    data = DataDirectory.open(tmp_path / "data", create=True)
    data.ledger.post(batch_of([{"account": name, "energy_mj": at} for at, name in enumerate("abcde")]))
    return data, DimensionValues(services_of(data, lambda: NOW), Pages(bytes(32), clock=lambda: NOW))


PROVIDER = Principal("provider.admin", "", "operator")


def test_pages_go_on_in_the_version_that_they_began_with(listing: tuple[DataDirectory, DimensionValues]) -> None:
    data, asked = listing
    request = messages.ListDimensionValuesRequest(dimension="account", page_size=2)
    first = asked.page(request, PROVIDER, Stop())
    data.ledger.post(batch_of([{"account": "new", "energy_mj": 9}], window=hour(1)))
    request.page_token = first.next_page_token
    for lister in (asked, DimensionValues(asked._services, asked._pages)):  # also in a process that has not seen it
        second = lister.page(request, PROVIDER, Stop())
        assert [value.value for value in (*first.values, *second.values)] == ["a", "b", "c", "d"]
        assert (second.total_size, second.ledger_version) == (5, first.ledger_version)


def test_what_is_wrong_is_told_at_once(listing: tuple[DataDirectory, DimensionValues]) -> None:
    wrong = messages.ListDimensionValuesRequest(page_size=-1, filter=messages.FootprintFilter(components=["none"]))
    for dimension, said in (("", "is required"), ("scope", "there is no dimension"), ("labels", "there is no dimension")):
        wrong.dimension = dimension
        with pytest.raises(RequestError, match=said) as caught:
            listing[1].page(wrong, PROVIDER, Stop())
        assert {field for field, _ in caught.value.violations} == {"dimension", "page_size", "filter.components"}


def test_a_token_is_of_one_question_and_one_caller(listing: tuple[DataDirectory, DimensionValues]) -> None:
    request = messages.ListDimensionValuesRequest(dimension="account", page_size=2)
    request.page_token = listing[1].page(request, PROVIDER, Stop()).next_page_token
    for other in (replace(PROVIDER, role="auditor"), Principal("customer.viewer", "a", "a")):
        with pytest.raises(RequestError, match="belongs to another request"):
            listing[1].page(request, other, Stop())
    request.dimension = "site"
    with pytest.raises(RequestError, match="belongs to another request"):
        listing[1].page(request, PROVIDER, Stop())
