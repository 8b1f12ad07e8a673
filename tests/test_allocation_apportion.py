"""The exact face of the kernel, beyond 64 bits."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greencloud.allocation.apportion import apportion
from greencloud.allocation.setting import Weigher
from greencloud.facility import ResourceWeights
from greencloud.units import INT64_MAX
from strategies import GIB, host

huge = st.integers(0, INT64_MAX**2)


@given(st.lists(st.integers(0, 1000), min_size=1).filter(any), st.integers(0, INT64_MAX))
def test_amounts_beyond_64_bits_are_shared_as_those_within(weights: list[int], total: int) -> None:
    within = apportion(total, weights)
    assert apportion(total, [weight << 64 for weight in weights]) == within


@given(huge, st.lists(huge, min_size=1).filter(any))
def test_no_part_is_a_whole_unit_from_its_quota(total: int, weights: list[int]) -> None:
    parts = apportion(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(Fraction(total * weight, sum(weights)) - part) < 1


@pytest.mark.parametrize(("total", "weights"), [(-(2**70), [2**70]), (1, [2**70, -1]), (2**70, [0, 0]), (1, []), (-1, [])])
def test_what_cannot_be_shared_is_refused_at_any_size(total: int, weights: list[int]) -> None:
    with pytest.raises(ValueError, match=r"negative|no positive weight"):
        apportion(total, weights)


rationals = st.fractions(0, 100, max_denominator=1000)


@given(st.builds(ResourceWeights, *[rationals] * 7), st.tuples(*[huge] * 5))
def test_use_is_weighed_as_the_book_says_and_floored_once(weights: ResourceWeights, use: tuple[int, int, int, int, int]) -> None:
    cpu, memory, gpu, disk, network = use
    per_gib = weights.memory_gib * memory + weights.disk_gib * disk + weights.network_gib * network
    exact = weights.cpu * cpu + weights.gpu * gpu + per_gib * 10**9 / GIB
    assert Weigher(weights).of(*use) == floor(exact)


@given(
    st.builds(ResourceWeights, *[rationals] * 7), st.tuples(*[st.integers(0, 10**15)] * 3), st.integers(0, 999), st.integers(0, 9)
)
def test_capacity_is_weighed_as_the_book_says_and_floored_once(
    weights: ResourceWeights, sizes: tuple[int, int, int], vcpu: int, gpus: int
) -> None:
    memory, ssd, hdd = sizes
    held = host("h", vcpu=vcpu, gpus=Fraction(gpus), ssd_bytes=ssd, hdd_bytes=hdd)
    held = replace(held, memory_bytes=memory)
    tib = 1 << 40
    cores = weights.cpu * vcpu + weights.gpu * gpus + weights.memory_gib * memory / GIB
    cores += weights.ssd_tib * ssd / tib + weights.hdd_tib * hdd / tib
    assert Weigher(weights).capacity(held, 300) == floor(cores * 300 * 10**9)
