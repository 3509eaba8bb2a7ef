import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.kit.suggestion import did_you_mean, nearest

NAMES = st.lists(st.text(st.characters(codec="ascii", categories=["Ll", "Nd"]), min_size=1), max_size=12)


@given(NAMES.filter(len), st.randoms())
def test_a_right_name_is_nearest_to_itself(names, random):
    name = random.choice(names)
    assert nearest(name, names) == name
    assert nearest(name.upper(), names) == name


@given(st.text(), NAMES)
def test_nearest_is_a_known_name_or_none(word, names):
    assert nearest(word, names) in {None, *names}


@given(st.text(), NAMES, st.integers(1, 5))
def test_hint_names_one_or_lists_at_most_so_many(word, names, most):
    hint = did_you_mean(word, names, most=most)
    if (match := nearest(word, names)) is not None:
        assert hint == f"did you mean {match!r}?"
    elif names:
        shown, more = sorted(names)[:most], len(names) - most
        assert hint == "there is " + ", ".join(shown) + (f" and {more} more" if more > 0 else "")
    else:
        assert hint == "there is none yet"


@pytest.mark.parametrize(
    ("word", "found"), [("orgin", "origin"), ("ORIGIN", "origin"), ("carier", "carrier"), ("x", None)]
)
def test_nearest(word, found):
    assert nearest(word, ["origin", "carrier", "landed_n_24h"]) == found


def test_hint_cuts_a_long_list():
    assert did_you_mean("zzz", ["c", "a", "b"], most=2) == "there is a, b and 1 more"


def test_what_others_call_a_name_comes_before_what_is_spelt_like_it():
    names, synonyms = ["is_null", "fill"], {"fill_null": "fill"}
    assert did_you_mean("fill_null", names, synonyms=synonyms) == "did you mean 'fill'?"
    assert did_you_mean("fill_null", names) == "did you mean 'is_null'?"
    assert did_you_mean("fil", names, synonyms=synonyms) == "did you mean 'fill'?"
