"""Sums that fade: the kernel within its error, the exact part exact, one number and many to the bit."""

import math
from decimal import Decimal, localcontext
from fractions import Fraction

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from shipway.maths import decay

HALVES = st.sampled_from([1, 7, 1000, 3_600_000_000, 86_400_000_000, decay.LONGEST_US])


def exact_power(rest, half):
    with localcontext(prec=60):
        return Fraction(Decimal(2) ** (Decimal(rest) / Decimal(half)))


def ulp_error(found, exact):
    return abs(Fraction(found) - exact) / Fraction(math.ulp(float(exact)))


@given(half=HALVES, share=st.floats(0, 1))
def test_the_power_is_within_its_declared_error(half, share):
    rest = min(int(half * share), half)
    assert ulp_error(decay.power(rest, half), exact_power(rest, half)) <= decay.ULP
    assert decay.powers(np.array([rest]), half).tolist() == [decay.power(rest, half)]


def test_the_power_is_within_its_error_all_along():
    half = 10_000
    found = decay.powers(np.arange(half + 1), half).tolist()
    assert max(ulp_error(one, exact_power(rest, half)) for rest, one in enumerate(found)) <= decay.ULP
    assert (found[0], found[-1]) == (1.0, 2.0)
    assert found == sorted(found)


events_of = st.lists(
    st.tuples(st.integers(-(10**4), 10**4) | st.integers(-(2**52), 2**52), st.integers(-5_000, 5_000)), max_size=12
)


def weigh(units, at, half):
    return round(units * decay.power(at % half, half)), at // half


@given(events=events_of, asks=st.lists(st.integers(-5_000, 12_000), min_size=1, max_size=6), half=st.integers(1, 90))
@settings(max_examples=200)
def test_what_is_read_is_the_definition_rounded(events, asks, half):
    units, instants = ([e[at] for e in events] for at in (0, 1))
    lanes = decay.split_events(np.array(units, dtype=np.int64), np.array(instants, dtype=np.int64), half)
    when = np.array(instants, dtype=np.int64)
    inside = [(decay.lower_edge(ask, half) < when) & (when <= ask) for ask in asks]
    added = [lanes[rows].sum(axis=0).tolist() for rows in inside]
    one_by_one = [decay.conclude(row, ask, half, 1e6) for row, ask in zip(added, asks, strict=True)]
    together = decay.conclude_all(np.array(added, dtype=np.int64), np.array(asks), half, 1e6)
    assert [math.copysign(1, a) * abs(a) for a in together.tolist()] == one_by_one
    for ask, found in zip(asks, one_by_one, strict=True):
        period = ask // half
        exact = sum(
            (
                weighed * Fraction(2) ** (of - period)
                for weighed, of in (weigh(u, at, half) for u, at in events if at <= ask)
                if of > period - decay.PERIODS
            ),
            start=Fraction(0),
        )
        wanted = exact / exact_power(ask % half, half) / 10**6
        assert found == 0 if not exact else ulp_error(found, wanted) <= 5.5


def test_an_event_fades_by_half_and_goes_in_its_64th_period():
    half = 60
    lanes = decay.split_events(np.array([1_000_000]), np.array([30]), half)[0].tolist()
    assert [decay.conclude(lanes, 30 + n * half, half, 1e6) for n in range(4)] == pytest.approx(
        [1.0, 0.5, 0.25, 0.125], rel=1e-6
    )
    assert decay.lower_edge(63 * half + 59, half) < 30 <= decay.lower_edge(64 * half, half)
