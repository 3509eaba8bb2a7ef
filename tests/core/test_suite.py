"""Pieces that foreign rules are made of."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.feature import Source
from shipway.core.suite import NoWordError, Reading, between, scalars, searched
from shipway.maths.pattern import expand_pattern

t = Source("t", ("id",), (), {"always": ("n",)})


@given(
    st.sampled_from(["", "^"]),
    st.sampled_from(["a", "[ab]+", "a.b", "ab?", "(a|b)b", "[^a]"]),
    st.sampled_from(["", "$"]),
    st.text("ab c", max_size=6),
)
def test_a_pattern_that_is_searched_for_matches_the_same_texts(head, body, end, text):
    pattern = f"{head}{body}{end}"
    try:
        whole = expand_pattern(searched(pattern))
    except NoWordError:
        assert "|" in pattern
        return
    assert bool(re.fullmatch(whole, text)) == bool(re.search(pattern, text))


def test_a_pattern_from_the_beginning():
    assert searched("a", head=True) == r"a[\x00-\U0010ffff]*"


def test_no_ends_and_no_numbers_are_refused():
    for low, high in ((None, None), ("a", None), (True, None), (float("inf"), None)):
        with pytest.raises(NoWordError):
            between(t.n, low, high)
    for values in ("abc", [], [None], [[1]]):
        with pytest.raises(NoWordError):
            scalars(values)


def test_a_rule_that_comes_twice_is_kept_once():
    reading = Reading(t, "x")
    for what in ("one", "two"):
        reading.read(what, lambda: [t_rule()])
    assert [what for _, what in reading.done().rules] == ["one"]


def t_rule():
    from shipway.core.data_check import holds

    return holds(t.n > 0)
