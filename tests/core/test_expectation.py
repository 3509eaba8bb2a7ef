"""Suites of Great Expectations come to rules that count the same, or say why they do not."""

import msgspec
import polars as pl
import pytest

from shipway.core.expectation import is_suite, read_suite
from shipway.core.feature import Source
from shipway.data.check import measure_tables

t = Source("t", ("id",), (), {"always": ("n", "x", "code", "low", "high", "day")})
ROWS = pl.DataFrame(
    {
        "id": [1, 2, 3, 4, 5, 5],
        "n": [1, 2, 3, None, 50, 6],
        "x": [0.5, 1.5, 2.5, 3.5, 4.5, 5.5],
        "code": ["A1", "A2", "b3", "xA4", None, "A5x"],
        "low": [1, 2, 3, 4, 5, 6],
        "high": [2, 2, 2, 5, None, 7],
    }
)


def expect(kind, *, old=False, **kwargs):
    return {"expectation_type" if old else "type": kind, "kwargs": kwargs}


def read(*expectations):
    document = msgspec.json.decode(msgspec.json.encode({"name": "s", "expectations": list(expectations)}))
    assert is_suite(document)
    return read_suite(document, t)


# How many values of ROWS are unexpected, recorded from Great Expectations 1.24 on the same rows.
COUNTS = [
    (expect("expect_column_values_to_not_be_null", column="n"), "present(t.n)", 1),
    (expect("expect_column_values_to_be_between", column="n", min_value=1, max_value=10),
     "holds((t.n >= 1) & (t.n <= 10))", 1),
    (expect("expect_column_values_to_be_between", old=True, column="n", min_value=1, strict_min=True),
     "holds(t.n > 1)", 1),
    (expect("expect_column_values_to_be_in_set", column="code", value_set=["A1", "A2"]),
     'holds(t.code.is_in("A1", "A2"))', 3),
    (expect("expect_column_values_to_not_be_in_set", column="n", value_set=[50]), "holds(~t.n.is_in(50))", 1),
    (expect("expect_column_values_to_match_regex", column="code", regex="^A[0-9]"),
     r'holds(t.code.matches("A[0-9][\\x00-\\U0010ffff]*"))', 2),
    (expect("expect_column_values_to_match_regex", column="code", regex="^A[0-9]$"),
     'holds(t.code.matches("A[0-9]"))', 3),
    (expect("expect_column_values_to_match_regex", column="code", regex="A[0-9]$"),
     r'holds(t.code.matches("[\\x00-\\U0010ffff]*A[0-9]"))', 2),
    (expect("expect_column_value_lengths_to_equal", column="code", value=2), "holds(t.code.length().equals(2))", 2),
    (expect("expect_column_pair_values_a_to_be_greater_than_b", column_A="high", column_B="low", or_equal=True,
            ignore_row_if="either_value_is_missing"), "holds(t.high >= t.low)", 1),
    (expect("expect_column_pair_values_a_to_be_greater_than_b", column_A="high", column_B="low", or_equal=True),
     "holds((t.high >= t.low).fill(t.high.is_null() & t.low.is_null()))", 2),
]  # fmt: skip


@pytest.mark.parametrize(("expectation", "text", "count"), COUNTS, ids=[text for _, text, _ in COUNTS])
def test_counts_are_those_of_the_suite(expectation, text, count):
    foreign = read(expectation)
    ((rule, _),) = foreign.rules
    assert (rule.text, foreign.left) == (text, ())
    measured = measure_tables([rule.check], {"t": ROWS}, subject="data:t", now=0, log_digest="")
    assert measured[rule.check.name].evidence.facts["count"] == count


def test_mostly_is_a_bound_on_the_share_of_the_values_there_are():
    ((rule, _),) = read(expect("expect_column_values_to_be_between", column="n", max_value=10, mostly=0.95)).rules
    assert rule.text == "share(~(t.n <= 10)) <= 0.05"
    found = measure_tables([rule.check], {"t": ROWS}, subject="data:t", now=0, log_digest="")
    assert found[rule.check.name].evidence.value == pytest.approx(1 / 5)
    ((rule, _),) = read(expect("expect_column_values_to_not_be_null", column="n", mostly=0.9)).rules
    assert rule.text == "present(t.n) <= 0.1"


def test_numbers_of_a_table_are_bounded_on_both_sides():
    foreign = read(
        expect("expect_table_row_count_to_be_between", min_value=1, max_value=9),
        expect("expect_column_mean_to_be_between", column="x", min_value=2),
        expect("expect_column_quantile_values_to_be_between", column="x",
               quantile_ranges={"quantiles": [0.5], "value_ranges": [[1, None]]}),
        expect("expect_column_unique_value_count_to_be_between", column="n", max_value=6),
        expect("expect_column_max_to_be_between", column="n", max_value=60),
        expect("expect_compound_columns_to_be_unique", column_list=["id", "n"]),
        expect("expect_column_values_to_be_of_type", column="n", type_="int64"),
    )  # fmt: skip
    assert foreign.left == ()
    assert [rule.text for rule, _ in foreign.rules] == [
        "has_rows(t) >= 1", "has_rows(t) <= 9", "mean(t.x) >= 2", "quantile(t.x, 0.5) >= 1", "distinct(t.n) <= 6",
        "holds(t.n <= 60)", "unique(t.id, t.n)", 'has_columns(t, n="int")',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("expectation", "why"),
    [
        (expect("expect_column_kl_divergence_to_be_less_than", column="n"), "there is no word for it"),
        (expect("expect_column_values_to_be_between", column="nn", min_value=1), "no column 'nn'"),
        (expect("expect_column_values_to_be_between", column="n"), "neither a least nor a greatest"),
        (expect("expect_column_values_to_be_between", column="n", min_value="2020-01-01"), "is no number"),
        (expect("expect_column_values_to_not_be_null", column="n", row_condition="x>1"), "row_condition='x>1'"),
        (expect("expect_column_values_to_match_regex", column="code", regex=r"(?i)a"), "cannot be used"),
        (expect("expect_column_values_to_match_regex", column="code", regex="^a|b$"), "anchors and alternatives"),
        (expect("expect_column_min_to_be_between", column="n", max_value=3), "has no word"),
        (expect("expect_column_pair_values_to_be_equal", column_A="low", column_B="n", mostly=0.9), "mostly=0.9"),
        (expect("expect_column_values_to_be_unique", column="n", mostly=0.9), "mostly=0.9"),
        (expect("expect_column_values_to_be_in_set", column="n"), "cannot be read"),
    ],
)
def test_what_has_no_word_is_named(expectation, why):
    foreign = read(expectation)
    assert foreign.rules == ()
    (omission,) = foreign.left
    assert why in omission.why
    assert omission.what.startswith(expectation["type"])
