"""Wide numbers are Python's whole numbers, and are rounded as Python rounds them."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given

from shipway.maths import wide

I64 = st.integers(-(1 << 63), (1 << 63) - 1)
U64 = st.integers(0, (1 << 64) - 1)
# Numbers with long runs of equal bits meet every case of rounding.
BITS = st.integers(1, 127)
RUNS = st.builds(lambda a, b, c: (1 << a) + (1 << b) - (1 << c), BITS, BITS, BITS).map(abs)
U127 = st.one_of(st.integers(0, (1 << 127) - 1), RUNS, U64).filter(lambda n: n < 1 << 127)


def make(numbers):
    high, low = zip(*(divmod(n, 1 << 64) for n in numbers), strict=True)
    return wide.Wide(np.array(high, dtype=np.uint64), np.array(low, dtype=np.uint64))


def ints(numbers):
    return [high * (1 << 64) + low for high, low in zip(numbers.high.tolist(), numbers.low.tolist(), strict=True)]


def total(limbs):
    return [sum(limb << 32 * place for place, limb in enumerate(row)) for row in limbs.tolist()]


@given(st.lists(U127, min_size=1, max_size=20))
@example([(1 << 64) - 1, (1 << 53) + 1, (1 << 117) + (1 << 64), (1 << 127) - 1, (1 << 64) + (1 << 11)])
def test_a_wide_number_becomes_the_double_that_python_makes_of_it(numbers):
    assert wide.to_float(make(numbers)).tolist() == [float(n) for n in numbers]
    assert total(wide.limbs_of(make(numbers))) == numbers


@given(st.lists(st.tuples(U64, U64), min_size=1, max_size=20))
def test_products_are_whole(pairs):
    left, right = (np.array(side, dtype=np.uint64) for side in zip(*pairs, strict=True))
    assert ints(wide.multiply(left, right)) == [a * b for a, b in pairs]


@given(st.lists(st.tuples(st.integers(0, (1 << 90) - 1), st.integers(0, (1 << 36) - 1)), min_size=1, max_size=20))
def test_a_wide_number_is_scaled_and_moved(pairs):
    numbers, factors = (list(side) for side in zip(*pairs, strict=True))
    scaled = wide.scale(make(numbers), np.array(factors, dtype=np.uint64))
    assert ints(scaled) == [n * f for n, f in pairs]
    moved = wide.shift_left(make(numbers), np.array([f % 37 for f in factors], dtype=np.int64))
    assert ints(moved) == [n << f % 37 for n, f in pairs]


@given(st.lists(st.tuples(U127, U127), min_size=1, max_size=20))
def test_differences_borrow(pairs):
    ordered = [(max(pair), min(pair)) for pair in pairs]
    left, right = (make(side) for side in zip(*ordered, strict=True))
    assert ints(wide.subtract(left, right)) == [a - b for a, b in ordered]


@given(st.lists(st.tuples(I64, st.integers(0, 63)), min_size=1, max_size=20))
def test_limbs_add_up_to_what_was_split(pairs):
    values, shifts = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))
    assert total(wide.split(values, shifts)) == [value << shift for value, shift in pairs]
    assert total(wide.split_square(values)) == [value * value for value, _ in pairs]
    exact = sum(value << shift for value, shift in pairs)
    joined, negative = wide.join(wide.split(values, shifts).sum(axis=0)[None])
    if abs(exact) < 1 << 127:
        assert (-1 if negative[0] else 1) * ints(joined)[0] == exact


@pytest.mark.parametrize(("bound", "fit"), [((1 << 127) - 1, True), (1 << 127, False)])
def test_what_fits(bound, fit):
    assert wide.fits(bound) is fit
