"""A file of entries as large as one may be, and what is said of a larger one."""

from __future__ import annotations

import pytest

from api_world import Api
from greencloud.errors import InvalidArgumentError, QuantityError
from greencloud.units import Emissions
from greencloud.v1 import inventory_pb2 as messages
from test_server_inventory import TONNE, api, client, raw

__all__ = ["api"]  # a fixture


def test_a_file_of_sixteen_mebibytes_works_and_a_larger_one_is_refused_with_advice(api: Api) -> None:
    row = 'e{0},2020,scope3,1,1,"{0:0>990}","{0:0>190}","{0:0>190}"\n'
    text = "id,year,scope,category,t_co2e,source,site,business\n" + "".join(row.format(number) for number in range(10_000, 21_600))
    content = text.encode()
    assert 15.5 * 2**20 < len(content) <= 16 * 2**20
    with client(api) as admin:
        done = admin.import_inventory_entries(content, file_name="large.csv", timeout=100)
        assert (len(done.added), done.errors) == (11_600, ())
        assert admin.get_inventory("2020").scope("scope3") == Emissions(11_600 * TONNE)
        with pytest.raises(QuantityError) as caught:
            admin.import_inventory_entries(content * 2, file_name="large.csv")
        assert "split" in caught.value.advice
        with pytest.raises(QuantityError):
            admin.upload_evidence(bytes(33 << 20))
    request = messages.ImportInventoryEntriesRequest(content=content + bytes(1 << 20), file_name="x.csv")
    with pytest.raises(InvalidArgumentError, match=r"send a file for each year|larger than"):
        raw(api, "ImportInventoryEntries", request)
