"""Schemas as Pandera writes them come to rules, or say why they do not."""

import pytest

from shipway.core.feature import Source
from shipway.core.schema import is_schema, read_schema

t = Source("t", ("id",), (), {"always": ("n", "code")})


def read(columns, **whole):
    document = {"schema_type": "dataframe", "columns": columns, **whole}
    assert is_schema(document)
    return read_schema(document, t)


def test_columns_come_to_rules():
    foreign = read(
        {"n": {"dtype": "int64", "nullable": True, "in_range": {"min_value": 0, "max_value": 5, "include_max": False}},
         "code": {"dtype": "String", "unique": True, "str_matches": "^[A-Z]+$", "isin": ["A", "B"]}},
        unique=["n", "code"],
    )  # fmt: skip
    assert foreign.left == ()
    assert [rule.text for rule, _ in foreign.rules] == [
        'has_columns(t, n="int")', "holds((t.n >= 0) & (t.n < 5))", 'has_columns(t, code="text")', "present(t.code)",
        "unique(t.code)", 'holds(t.code.matches("[A-Z]+"))', 'holds(t.code.is_in("A", "B"))', "unique(t.n, t.code)",
    ]  # fmt: skip


def test_checks_under_their_own_key_are_read_too():
    checks = {"greater_than_or_equal_to": {"value": 0, "options": {"ignore_na": True}}}
    foreign = read({"n": {"dtype": None, "nullable": True, "checks": checks}})
    assert [rule.text for rule, _ in foreign.rules] == ["present(t.n) <= 1", "holds(t.n >= 0)"]


@pytest.mark.parametrize(
    ("column", "why"),
    [
        ({"mine": {}}, "a function has no word"),
        ({"greater_than": {"value": 1, "options": {"raise_warning": True}}}, "only warns"),
        ({"greater_than": {"value": 1, "options": {"ignore_na": False}}}, "counts nulls"),
        ({"coerce": True}, "changes nothing"),
        ({"required": False}, "must be there"),
        ({"dtype": "list[int]"}, "is no type"),
        ({"regex": True}, "by a pattern"),
    ],
)
def test_what_has_no_word_is_named(column, why):
    foreign = read({"n": {"nullable": True, **column}})
    assert [why in omission.why for omission in foreign.left] == [True]


@pytest.mark.parametrize("whole", [{"strict": True}, {"ordered": True}, {"index": [{}]}, {"checks": {"mine": {}}}])
def test_what_a_whole_schema_asks_for_is_named(whole):
    assert len(read({"n": {}}, **whole).left) == 1
