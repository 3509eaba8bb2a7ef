"""Assignment: uniform, independent between salts, and the same in every process and version."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, kstest

from shipway.maths.assignment import place_unit

UNITS = [f"unit {number}" for number in range(20_000)]


@given(salt=st.text(max_size=20), unit=st.text(max_size=20))
def test_a_place_is_the_first_53_bits_of_the_hash(salt, unit):
    bits = bin(int.from_bytes(hashlib.blake2b(salt.encode() + b"\0" + unit.encode(), digest_size=8).digest(), "big"))
    whole = bits.removeprefix("0b").zfill(64)[:53]
    place = sum(2.0**-position for position, bit in enumerate(whole, start=1) if bit == "1")
    assert place_unit(salt, unit) == place
    assert 0 <= place < 1


@pytest.mark.parametrize(
    ("salt", "unit", "place"),
    [("desk/1", "u1", 0.5758151833372513), ("desk/1", "u2", 0.6984212205443011), ("", "", 0.5818916442384907)],
)
def test_places_never_change(salt, unit, place):
    source = f"from shipway.maths.assignment import place_unit; print(repr(place_unit({salt!r}, {unit!r})))"
    said = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True).stdout
    assert float(said) == place_unit(salt, unit) == place


@pytest.mark.parametrize("salt", ["desk/1", "desk/2", "a/1"])
def test_places_are_uniform(salt):
    assert kstest([place_unit(salt, unit) for unit in UNITS], "uniform").pvalue > 0.001


def test_two_salts_split_independently():
    one, other = (np.array([place_unit(salt, unit) < 0.3 for unit in UNITS]) for salt in ("desk/1", "desk/2"))
    table = [[np.sum(one & other), np.sum(one & ~other)], [np.sum(~one & other), np.sum(~one & ~other)]]
    assert chi2_contingency(table).pvalue > 0.001


def test_the_border_between_salt_and_unit_counts():
    assert place_unit("ab", "c") != place_unit("a", "bc")
