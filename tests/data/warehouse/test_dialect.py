"""Any text and any name can be said, or is refused: nothing in them is taken for SQL."""

import hypothesis.strategies as st
import pytest
from hypothesis import Phase, given, settings

from shipway.core.error import ShipwayError
from shipway.data.warehouse.dialect import DIALECTS, DUCKDB, POSTGRES, dialect_of

NASTY = st.sampled_from(["it's", "';drop table t;--", "a\\b", "a\nb", "%s", '"', "", "\\'", "$$", "E'x'", "/*", "{}"])
WRITTEN = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12)


@settings(max_examples=8, phases=[Phase.generate])
@given(st.lists(WRITTEN | NASTY, min_size=1, max_size=20))
def test_any_text_is_a_literal(yard, texts):
    with yard.open() as warehouse:
        write = DIALECTS[warehouse.dialect].write_text
        rows = " union all ".join(f"select cast({write(text)} as text) as x" for text in texts)
        answer = warehouse.ask(f"select x, cast(length(x) as bigint) as n from ({rows}) as t", about="rows")
    assert answer["x"].to_list() == texts
    assert answer["n"].to_list() == [len(text) for text in texts]


@settings(max_examples=8, phases=[Phase.generate])
@given(st.lists(WRITTEN, min_size=1, max_size=20, unique_by=str.casefold))
def test_any_name_is_a_name(yard, names):
    with yard.open() as warehouse:
        dialect = DIALECTS[warehouse.dialect]
        answer = warehouse.ask(f"select {', '.join(f'1 as {dialect.write_name(name)}' for name in names)}", about="x")
    assert answer.columns == names


def test_the_character_0_is_said_or_refused(duckdb_yard):
    with duckdb_yard.open() as warehouse:
        answer = warehouse.ask(f"select {DUCKDB.write_text('a' + chr(0))} as x", about="rows")
    assert answer["x"][0] == "a\x00"
    with pytest.raises(ShipwayError, match="SW-403"):
        POSTGRES.write_text("a\x00")


@pytest.mark.parametrize("dialect", [DUCKDB, POSTGRES], ids=["duckdb", "postgres"])
@pytest.mark.parametrize("name", ["", "a\x00b", "\ud800"])
def test_what_is_no_name_is_refused(dialect, name):
    with pytest.raises(ShipwayError, match="SW-403"):
        dialect.write_name(name)


def test_a_name_that_postgres_would_cut_is_refused():
    assert POSTGRES.write_name("é" * 31) == '"' + "é" * 31 + '"'
    with pytest.raises(ShipwayError, match="longer than the 63 bytes"):
        POSTGRES.write_name("é" * 32)


def test_a_dialect_that_nobody_speaks_is_answered_with_those_there_are():
    assert dialect_of("duckdb") is DUCKDB
    with pytest.raises(ShipwayError, match="SW-104") as refused:
        dialect_of("postgre")
    assert "postgres" in refused.value.hint


def test_patterns_are_spelt_for_each_engine():
    assert DUCKDB.write_match("x", "[\\x00-\\x1f]") == r"regexp_full_match(x, '[\x{00}-\x{1f}]')"
    assert POSTGRES.write_match("x", "[\\x00-\\x1f]") == r"(x ~ ('^(?:' || '[\u0000-\u001f]' || ')$'))"
    assert POSTGRES.write_match("x", r"a{255}\{300\}").count("300") == 1
    with pytest.raises(ShipwayError, match="SW-403"):
        POSTGRES.write_match("x", "a{2,256}")
