import re

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given

from shipway.maths.expression import Column
from shipway.maths.pattern import expand_pattern

CHARACTERS = st.sampled_from([*"abAZ09_-.&~[]^$|*+?(){}\\/ \t\n'\"#é", "\u00a0", "\u0660", "\U0001d11e"])
TEXTS = st.text(CHARACTERS, max_size=6)
PATTERNS = st.one_of(TEXTS, st.text(st.sampled_from([*"ab[]^-(|)*+?.\\dws{2,}&~"]), max_size=10))


@given(PATTERNS, st.lists(TEXTS, min_size=1, max_size=8))
def test_python_and_polars_read_a_pattern_alike_or_it_is_refused(pattern, texts):
    try:
        spelt = expand_pattern(pattern)
    except ValueError:
        return
    expected = [re.fullmatch(spelt, text) is not None for text in texts]
    assert expected == [re.fullmatch(pattern, text, re.ASCII) is not None for text in texts]
    frame = pl.DataFrame({"text": texts})
    assert frame.select(pl.col("text").str.contains(rf"\A(?:{spelt})\z")).to_series().to_list() == expected


@pytest.mark.parametrize(
    ("pattern", "matches", "misses"),
    [
        ("N[0-9A-Z]+", ["N14228", "NA"], ["N", "n1", " N1", "N1 ", "N1\n"]),
        (r"\d{3,4}", ["123", "0000"], ["12", "12345", "\u0661\u0662\u0663"]),
        (r"\w+\s\w*", ["a b", "_\t"], ["é b", "a\u00a0b"]),
        ("(EWR|JFK|LGA)(,(?:EWR|JFK))*", ["EWR", "JFK,EWR"], ["", "EWR,"]),
        ("[^a-c]*", ["xyz", "", "\n"], ["a"]),
        (r"[\[\]&&~~-]", ["[", "]", "&", "~", "-"], ["a"]),
        (r"\x41\u00e9\U0001d11e", ["Aé\U0001d11e"], ["A"]),
        (".", ["a", "\U0001d11e"], ["\n", "ab"]),
        ("a?b*", ["", "a", "bb"], ["ba"]),
    ],
)
def test_a_pattern_matches_the_whole_text(pattern, matches, misses):
    spelt = re.compile(expand_pattern(pattern))
    assert all(spelt.fullmatch(text) for text in matches)
    assert not any(spelt.fullmatch(text) for text in misses)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("^N", "matches the whole text"),
        ("N$", "matches the whole text"),
        ("(?i)n", "plain groups"),
        ("(?=n)", "plain groups"),
        (r"\bn", "not read alike"),
        (r"(a)\1", "not read alike"),
        (r"\D", "not read alike"),
        ("a\\", "not read alike"),
        ("[[:alpha:]]", "stands in a set"),
        ("[a", "not closed"),
        ("(a", "not closed"),
        ("a)", "not opened"),
        ("*a", "counts nothing"),
        ("a**", "counts twice"),
        ("a*?", "counts twice"),
        ("a{,3}", "counts nothing"),
        ("a{3,2}", "counts down"),
        ("a{2000}", "counts too far"),
        ("[z-a]", "is none"),
        ("[]", "no members"),
        ("a]", "stands alone"),
        (r"\x4", "wants 2 digits"),
        (r"\ud800", "no character"),
    ],
)
def test_what_engines_read_differently_is_refused(pattern, why):
    with pytest.raises(ValueError, match=re.escape(why)):
        expand_pattern(pattern)
    with pytest.raises(ValueError, match="cannot be used"):
        Column("t", "a").matches(pattern)
