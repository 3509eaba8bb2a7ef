"""A shape matches what it was taken from and says how it is written."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.maths.pattern import expand_pattern
from shipway.maths.shape import find_shape


@pytest.mark.parametrize(
    ("texts", "shape"),
    [
        (["N14228", "D942DN", "N24211"], "[A-Z][A-Z0-9]{5}"),
        (["A-17", "B-204"], "[A-Z]-[0-9]{2,3}"),
        (["EWR", "JFK"], "[A-Z]{3}"),
        (["2013-01-01", "2014-12-31"], "[0-9]{4}-[0-9]{2}-[0-9]{2}"),
        (["a.b@c", "d.e@f"], r"[a-z]\.[a-z]\@[a-z]"),
        (["Some words of prose", "and Others"], None),
        (["Zürich", "Bern"], None),
        ([""], None),
    ],
)
def test_shapes(texts, shape):
    assert find_shape(texts) == shape


@given(st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=12), min_size=1))
def test_a_shape_matches_every_text(texts):
    shape = find_shape(texts)
    if shape is not None:
        assert all(re.fullmatch(expand_pattern(shape), text) for text in texts)
