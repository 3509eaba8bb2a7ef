import numpy as np
import pytest

from shipway.core.entry import encode_series
from shipway.core.level import BLOCK, FAN, TALLEST, count_spans, is_cut, mix_instant, name_level
from shipway.data.run import find_cuts


@pytest.mark.parametrize("step", [1, 64, 1_000_000, 60_000_000, 86_400_000_000, 1 << 20])
def test_cuts_are_even_whatever_the_step_of_instants(step):
    instants = [1_700_000_000_000_000 + step * number for number in range(64 * BLOCK)]
    cuts = [number for number, instant in enumerate(instants) if is_cut(instant)]
    assert 32 < len(cuts) < 128
    assert max(np.diff(cuts)) < 12 * BLOCK
    spans = [count_spans(instant) for instant in instants]
    assert 200 < sum(height >= 1 for height in spans) < 320
    assert sum(height >= 2 for height in spans) < 40


def test_arrays_have_the_same_cuts():
    instants = [-(1 << 63), -1, 0, 1, (1 << 63) - 1, *range(-5_000_000, 5_000_000, 997)]
    assert find_cuts(np.array(instants)).tolist() == [is_cut(instant) for instant in instants]
    assert any(map(is_cut, instants))


def test_mixing_is_splitmix64():
    # The first outputs of the generator for seed 0 are the mixes of what it adds up to.
    gamma = 0x9E3779B97F4A7C15
    assert [mix_instant(gamma * number) for number in range(3)] == [
        0xE220A8397B1DCDAF,
        0x6E789E6AA1B965F4,
        0x06C45D188009454F,
    ]


def test_spans_of_one_level_are_cuts_of_all_below():
    assert count_spans(find_mixed(0)) == TALLEST
    assert [count_spans(find_mixed(FAN**level)) for level in range(TALLEST)] == list(range(TALLEST))


def find_mixed(wanted):
    """Return the instant whose bits mix to a number: each step of the mixing undone."""
    word = (1 << 64) - 1

    def unshift(value, by):
        found = value
        for _ in range(64 // by + 1):
            found = value ^ (found >> by)
        return found

    mixed = unshift(wanted, 31) * pow(0x94D049BB133111EB, -1, 1 << 64) & word
    mixed = unshift(mixed, 27) * pow(0xBF58476D1CE4E5B9, -1, 1 << 64) & word
    return (unshift(mixed, 30) - 0x9E3779B97F4A7C15) & word


def test_levels_of_a_series_differ_in_one_byte():
    series = encode_series(7, ("shop",))
    assert name_level(series, 0) == series
    assert name_level(series, 5) == series[:2] + b"\x05" + series[3:]
