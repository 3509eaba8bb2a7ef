"""A contract survives its file, wrong words are answered with right ones, and what changes is said."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.contract import (
    NOTHING,
    TYPES,
    Contract,
    Field,
    evolve,
    first_contract,
    fits,
    read_contract,
    revise_contract,
    write_contract,
)
from shipway.core.error import ShipwayError

FIELDS = st.builds(
    Field,
    type=st.sampled_from([*TYPES, "List(Int64)", "embedding[384]"]),
    nullable=st.booleans(),
    note=st.text(max_size=8),
)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.text(string.ascii_letters, min_size=1)


@given(st.dictionaries(NAMES, FIELDS, min_size=1))
def test_a_contract_survives_its_file(columns):
    text = write_contract("orders", Contract(columns), head="3 rows")
    found = read_contract(text, "orders.toml")
    assert found.columns == {name: field.rule for name, field in columns.items()}
    assert list(found.columns) == list(columns)


def test_a_contract_is_a_line_for_each_column():
    columns = {
        "id": Field("int", note="1 to 3"),
        "when": Field("instant", nullable=True, format="%d/%m/%Y %H:%M", zone="Europe/Paris", note="1 of 3 missing"),
        "a b": Field("text"),
    }
    assert write_contract("orders", Contract(columns), head="3 rows of orders.csv") == (
        "# What raw input 'orders' holds, inferred from 3 rows of orders.csv.\n"
        "# Correct it where it is wrong: every later delivery is held to what stands here.\n"
        "\n"
        "[columns]\n"
        f'id    = {{ type = "int" }}{" " * 71}  # 1 to 3\n'
        'when  = { type = "instant", nullable = true, format = "%d/%m/%Y %H:%M", zone = "Europe/Paris" }'
        "  # 1 of 3 missing\n"
        '"a b" = { type = "text" }\n'
    )


@pytest.mark.parametrize(
    ("text", "fact", "hint"),
    [
        ("[columns", "is not valid TOML", "correct the line"),
        ("[columns]", "names no column", "name each"),
        ("[column]\nx = { type = 'int' }", "column", "did you mean 'columns'?"),
        ("[columns]\nx = { tpye = 'int' }", "tpye", "in columns.x, did you mean 'type'?"),
        ("[columns]\nx = { nullable = true }", "type", "write a line for each column"),
        ("[columns]\nx = 'int'", "columns", "write a line for each column"),
        ("[columns]\nx = { type = 'flaot' }", "columns.x has type 'flaot'", "did you mean 'float'?"),
        ("[columns]\nx = { type = 'local', zone = 'UTC' }", "is local with a zone", "only an instant"),
        ("[columns]\nx = { type = 'int', format = '%d' }", "is int with a format", "only dates and times"),
    ],
)
def test_a_wrong_contract_is_refused_with_help(text, fact, hint):
    with pytest.raises(ShipwayError, match="SW-221") as refused:
        read_contract(text, "orders.toml")
    assert refused.value.fact.startswith("orders.toml")
    assert fact in refused.value.fact
    assert hint in refused.value.hint


def test_what_is_different_is_said_and_the_contract_that_allows_it_given():
    now = Contract({"a": Field("int"), "b": Field("int"), "c": Field("date"), "d": Field("int"), "e": Field("int")})
    seen = Contract(
        {
            "a": Field("float"),
            "b": Field("int", nullable=True),
            "c": Field("text"),
            "e": Field(NOTHING),
            "f": Field(NOTHING),
        }
    )
    made, changes = evolve(now, seen)
    assert [(change.said, change.safe) for change in changes] == [
        ("column 'a' is float, not int", True),
        ("column 'b' misses values", True),
        ("column 'c' is text, not date", False),
        ("column 'd' is gone", False),
        ("column 'f' is new", True),
    ]
    assert made.columns == {
        "a": Field("float"),
        "b": Field("int", nullable=True),
        "c": Field("text"),
        "e": Field("int"),
        "f": Field("text", nullable=True),
    }
    assert evolve(made, seen)[1] == []


def test_where_what_is_missing_is_left_out_a_column_may_be_absent():
    now = Contract({"a": Field("int"), "b": Field("int", nullable=True)})
    made, changes = evolve(now, Contract({}), sparse=True)
    assert [change.said for change in changes] == ["column 'a' misses values"]
    assert made.columns["a"].nullable


def test_a_column_without_a_value_is_text_once_it_is_written_down():
    assert first_contract(Contract({"a": Field(NOTHING, nullable=True)})).columns == {"a": Field("text", nullable=True)}


def test_what_fits_without_loss():
    assert fits(Field("int"), Field("float"))
    assert fits(Field("local"), Field("instant", zone="UTC"))
    assert fits(Field("instant"), Field("text"))
    assert not fits(Field("local"), Field("instant"))
    assert not fits(Field("float"), Field("int"))
    assert not fits(Field("date"), Field("date", format="%d/%m/%Y"))


def test_what_a_person_wrote_beside_the_columns_stays():
    text = """# ours
[columns]
a = { type = "int" }  # the number
"b c" = {type = "text"}
# gone soon
d = { type = "date" }
"""
    made = Contract({"a": Field("int"), "b c": Field("float", note="1 to 2"), "e": Field("bool", nullable=True)})
    assert (
        revise_contract(text, made)
        == """# ours
[columns]
a = { type = "int" }  # the number
"b c" = { type = "float" }                  # 1 to 2
# gone soon
e     = { type = "bool", nullable = true }
"""
    )


def test_a_contract_that_is_written_otherwise_is_not_revised():
    assert revise_contract('[columns.a]\ntype = "int"\n', Contract({"a": Field("float")})) is None


@given(st.dictionaries(NAMES, FIELDS, min_size=1), st.dictionaries(NAMES, FIELDS, min_size=1))
def test_a_revised_contract_says_what_it_is_to_say(before, after):
    revised = revise_contract(write_contract("x", Contract(before), head="x"), Contract(after))
    if revised is not None:
        assert read_contract(revised, "x").columns == {name: field.rule for name, field in after.items()}
    if all(name.isalnum() and name.isascii() for name in {*before, *after}):
        assert revised is not None


@pytest.mark.parametrize("wrong", ["embedding", "embedding[0]", "embedding[99999]", "vector[3]"])
def test_an_embedding_says_how_long_it_is(wrong):
    with pytest.raises(ShipwayError, match="has type") as refused:
        read_contract(f'[columns]\nx = {{ type = "{wrong}" }}', "posts.toml")
    assert "embedding[384]" in refused.value.hint


def test_an_embedding_of_another_length_is_a_breach_that_can_be_accepted():
    before, seen = (Contract({"x": Field(f"embedding[{length}]")}) for length in (3, 4))
    evolved, changes = evolve(before, seen)
    assert evolved == seen
    assert [(change.said, change.safe) for change in changes] == [
        ("column 'x' is embedding[4], not embedding[3]", False)
    ]
