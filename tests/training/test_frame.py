import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.bundle import InputColumn
from shipway.core.error import ShipwayError
from shipway.training.frame import encode_frame, list_classes, prepare_frame, read_labels

UTC = dt.UTC
START = dt.datetime(2013, 1, 1, tzinfo=UTC)
ROWS = 300


def us(moment):
    return int(moment.timestamp() * 1_000_000)


CUT = us(START + dt.timedelta(hours=200))
"""Rows 0 to 199 are asked before it; their labels are known three hours later, so those of 0 to 197 by the cut."""


def make_frame(rows=ROWS, **columns):
    at = [START + dt.timedelta(hours=i) for i in range(rows)]
    instant = pl.Datetime("us", "UTC")
    return pl.DataFrame(
        {
            "at": pl.Series(at, dtype=instant),
            "known": pl.Series([moment + dt.timedelta(hours=3) for moment in at], dtype=instant),
            "late": [i % 3 == 0 for i in range(rows)],
            "delay": [float(i) for i in range(rows)],
            "carrier": [("UA", "AA", None)[i % 3] for i in range(rows)],
            "night": [i % 2 == 0 for i in range(rows)],
            **columns,
        }
    )


def prepare(frame, **changes):
    settings = {
        "columns": ("delay", "carrier", "night"),
        "rising": ("delay",),
        "falling": (),
        "cut": CUT,
        "label": "late",
        "label_known_at": "known",
        "at": "at",
        "threads": 3,
        "seed": 11,
    }
    return prepare_frame(frame, **{**settings, **changes})


def refuse(code, frame, **changes):
    with pytest.raises(ShipwayError) as refused:
        prepare(frame, **changes)
    assert refused.value.code == code
    return refused.value


def test_only_rows_with_a_label_known_by_the_cut_are_learned_from():
    prepared, _ = prepare(make_frame())
    assert prepared.rows == 198
    np.testing.assert_array_equal(prepared.at, us(START) + 3_600_000_000 * np.arange(198))
    np.testing.assert_array_equal(prepared.y, np.arange(198) % 3 == 0)
    np.testing.assert_array_equal(prepared.x[:, 0], np.arange(198))


def test_a_label_known_exactly_at_the_cut_counts_and_a_row_asked_then_does_not():
    frame = make_frame(known=pl.Series([START] * ROWS, dtype=pl.Datetime("us", "UTC")))
    assert prepare(frame)[0].rows == 200
    exact = frame.with_columns(known=pl.from_epoch(pl.lit(CUT), "us").dt.replace_time_zone("UTC"))
    assert prepare(exact)[0].rows == 200
    after = frame.with_columns(known=pl.from_epoch(pl.lit(CUT + 1), "us").dt.replace_time_zone("UTC"))
    refuse("SW-402", after)


def test_rows_without_label_or_its_instant_are_left_out():
    holes = make_frame().with_columns(
        late=pl.when(pl.int_range(pl.len()) < 10).then(None).otherwise("late"),
        known=pl.when(pl.int_range(pl.len()).is_between(20, 24)).then(None).otherwise("known"),
    )
    prepared, _ = prepare(holes)
    assert prepared.rows == 198 - 10 - 5


def test_what_the_training_function_is_handed():
    prepared, _ = prepare(make_frame())
    assert prepared.columns == ("delay", "carrier", "night")
    assert prepared.categories == {"carrier": ("AA", "UA")}
    assert prepared.category_columns == [1]
    assert prepared.monotone == (1, 0, 0)
    assert (prepared.threads, prepared.seed) == (3, 11)
    assert (prepared.x.dtype, prepared.y.dtype, prepared.at.dtype) == (np.float64, np.bool_, np.int64)
    assert prepared.x.flags.c_contiguous
    np.testing.assert_array_equal(prepared.x[:4], [[0, 1, 1], [1, 0, 0], [2, np.nan, 1], [3, 1, 0]])


def test_inputs_describe_the_learned_rows_only():
    frame = make_frame(carrier=["AA" if i < 198 else "ZZ" for i in range(ROWS)])
    _, (delay, carrier, night) = prepare(frame, rising=(), falling=("delay", "night"))
    assert delay == InputColumn(name="delay", kind="number", low=0.0, high=197.0, monotone=-1)
    assert carrier == InputColumn(name="carrier", kind="category", categories=("AA",))
    assert night == InputColumn(name="night", kind="number", low=0.0, high=1.0, monotone=-1)


def test_the_future_changes_nothing():
    changed = make_frame().with_columns(
        delay=pl.when(pl.int_range(pl.len()) < 198).then("delay").otherwise(1e9),
        carrier=pl.when(pl.int_range(pl.len()) < 198).then("carrier").otherwise(pl.lit("new")),
        late=pl.when(pl.int_range(pl.len()) < 198).then("late").otherwise(None),
    )
    (here, inputs), (there, others) = prepare(make_frame()), prepare(changed)
    assert inputs == others
    np.testing.assert_array_equal(here.x, there.x)
    np.testing.assert_array_equal(here.y, there.y)


def test_shares_of_missing_values():
    frame = make_frame(delay=[None if i % 2 else float("nan") if i % 4 else 1.0 for i in range(ROWS)])
    _, (delay, carrier, _) = prepare(frame)
    assert delay.missing == pytest.approx(148 / 198)
    assert (delay.low, delay.high) == (1.0, 1.0)
    assert carrier.missing == pytest.approx(66 / 198)


def test_a_column_without_values_has_no_range():
    frame = make_frame(
        delay=pl.Series([None] * ROWS, dtype=pl.Float64), carrier=pl.Series([None] * ROWS, dtype=pl.String)
    )
    prepared, (delay, carrier, _) = prepare(frame)
    assert (delay.low, delay.high, delay.missing) == (None, None, 1.0)
    assert (carrier.categories, carrier.missing) == ((), 1.0)
    assert np.isnan(prepared.x[:, :2]).all()


@pytest.mark.parametrize("rows", [0, 99])
def test_too_few_rows_are_refused(rows):
    assert f"{rows} rows" in refuse("SW-402", make_frame(99)[:rows]).fact


def test_one_outcome_is_refused():
    assert "false in all 198" in refuse("SW-402", make_frame(late=[False] * ROWS)).fact
    assert "true in all 198" in refuse("SW-402", make_frame(late=[True] * ROWS)).fact


def test_an_unknown_constraint_is_answered_with_the_nearest_feature():
    texts = make_frame(late=["a", "b"] * (ROWS // 2))
    assert "of 2 classes no single one rises or falls" in refuse("SW-106", texts, rising=("delay",)).fact
    refused = refuse("SW-104", make_frame(), rising=("dellay",))
    assert "rising column 'dellay'" in refused.fact
    assert "'delay'" in refused.hint
    assert "falling" in refuse("SW-104", make_frame(), falling=("at",)).fact


def test_constraints_that_contradict_are_refused():
    assert "both" in refuse("SW-106", make_frame(), falling=("delay",)).fact
    assert "text" in refuse("SW-106", make_frame(), rising=("carrier",)).fact


def test_missing_columns_and_wrong_types_are_refused():
    assert "'dest'" in refuse("SW-202", make_frame(), columns=("dest",), rising=()).fact
    assert "Datetime" in refuse("SW-203", make_frame(), columns=("at",), rising=()).fact
    instants = make_frame()["at"]
    assert "no condition, number or text" in refuse("SW-203", make_frame(late=instants)).fact


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        (pl.Series([True, None, False]), [1, np.nan, 0]),
        (pl.Series([-128, None, 127], dtype=pl.Int8), [-128, np.nan, 127]),
        (pl.Series([2**24 + 1, None, -(2**53)], dtype=pl.Int64), [2**24, np.nan, -(2**53)]),
        (pl.Series([2**40, None, 0], dtype=pl.UInt64), [2**40, np.nan, 0]),
        (pl.Series([0.1, float("nan"), 1e300]), [float(np.float32(0.1)), np.nan, np.inf]),
        (pl.Series([0.5, None, -0.5], dtype=pl.Float32), [0.5, np.nan, -0.5]),
    ],
)
def test_numbers_are_single_precision(series, expected):
    x = encode_frame(series.alias("c").to_frame(), [InputColumn(name="c", kind="number")])
    np.testing.assert_array_equal(x[:, 0], expected)


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False)), max_size=20))
def test_encoding_twice_changes_nothing(values):
    inputs = [InputColumn(name="c", kind="number")]
    once = encode_frame(pl.DataFrame({"c": pl.Series(values, dtype=pl.Float64)}), inputs)
    twice = encode_frame(pl.DataFrame({"c": once[:, 0]}), inputs)
    np.testing.assert_array_equal(once, twice)
    np.testing.assert_array_equal(np.isnan(once[:, 0]), [value is None for value in values])


@given(st.lists(st.one_of(st.none(), st.sampled_from(["", "AA", "UA", "ZZ", "é"])), max_size=20))
def test_texts_become_their_codes(texts):
    column = InputColumn(name="c", kind="category", categories=("", "AA", "UA"))
    x = encode_frame(pl.DataFrame({"c": pl.Series(texts, dtype=pl.String)}), [column])
    expected = [column.categories.index(t) if t in column.categories else np.nan for t in texts]
    np.testing.assert_array_equal(x[:, 0], np.asarray(expected, dtype=np.float64))


def test_columns_are_read_in_the_models_order():
    frame = pl.DataFrame({"b": [1.0, 2.0], "z": ["x", "y"], "a": [3.0, 4.0]})
    inputs = [InputColumn(name="a", kind="number"), InputColumn(name="b", kind="number")]
    np.testing.assert_array_equal(encode_frame(frame, inputs), [[3, 1], [4, 2]])
    assert encode_frame(frame[:0], inputs).shape == (0, 2)


@pytest.mark.parametrize(
    ("column", "code"),
    [
        (InputColumn(name="a", kind="category"), "SW-203"),
        (InputColumn(name="t", kind="number"), "SW-203"),
        (InputColumn(name="d", kind="number"), "SW-203"),
        (InputColumn(name="aa", kind="number"), "SW-202"),
    ],
)
def test_a_frame_that_is_not_the_models_is_refused(column, code):
    frame = pl.DataFrame({"a": [1.0], "t": ["x"], "d": [dt.date(2013, 1, 1)]})
    with pytest.raises(ShipwayError) as refused:
        encode_frame(frame, [column])
    assert refused.value.code == code


def test_a_label_may_be_a_number():
    prepared, _ = prepare(make_frame(late=[float(i % 7) for i in range(ROWS)]))
    assert (prepared.kind, prepared.y.dtype) == ("number", np.float64)
    assert prepared.y[:8].tolist() == [0, 1, 2, 3, 4, 5, 6, 0]
    whole, _ = prepare(make_frame(late=[i % 7 for i in range(ROWS)]))
    assert whole.y.tolist() == prepared.y.tolist()
    assert prepare(make_frame())[0].kind == "condition"


def test_a_number_that_teaches_nothing_is_refused():
    assert "is 4 in all" in refuse("SW-402", make_frame(late=[4.0] * ROWS)).fact
    endless = [float("inf"), *[float(i) for i in range(ROWS - 1)]]
    assert "no finite number in 1 of" in refuse("SW-203", make_frame(late=endless)).fact


def test_a_label_may_be_a_class():
    texts = ["lost" if i == 290 else ("on time", "early", "late")[i % 3] for i in range(ROWS)]
    prepared, _ = prepare(make_frame(late=texts), rising=())
    assert (prepared.kind, prepared.y.dtype) == ("class", np.int64)
    assert prepared.classes == ("early", "late", "on time")  # what happens after the cut is none
    assert prepared.y[:4].tolist() == [2, 0, 1, 2]
    assert prepare(make_frame())[0].classes == ()


def test_classes_that_teach_nothing_are_refused():
    assert "is 'late' in all" in refuse("SW-402", make_frame(late=["late"] * ROWS), rising=()).fact
    many = [f"text {i % 70}" for i in range(ROWS)]
    assert "70 different texts, and a model tells at most 64" in refuse("SW-203", make_frame(late=many), rising=()).fact


@pytest.mark.parametrize(("text", "said"), [
    ("x" * 201, "'xxxxxxxxxxxxxxxxxxxx'... has 201 characters, and a class has at most 200"),
    ("a\nb", r"'a\nb' has a control character"), ("a\x00", r"'a\x00' has a control character"),
    ("a\u2028", "control character"), ("", "one of its texts is empty"), (" ", "one of its texts is empty"),
])  # fmt: skip
def test_a_text_that_is_no_name_is_no_class(text, said):
    assert said in refuse("SW-203", make_frame(late=[text, "late"] * (ROWS // 2)), rising=()).fact


def test_a_class_is_called_in_any_language():
    names = ["en route vers l’été", "в пути", "配送中", "👩‍🚀 up", "x" * 200]
    assert list_classes(pl.Series(names)) == tuple(sorted(names))


def test_a_text_that_is_no_class_has_no_code():
    assert read_labels(pl.Series(["b", "a", "b"]), ("a", "b")).tolist() == [1, 0, 1]
    with pytest.raises(ShipwayError, match="'c' in some rows, which is none of the 2 classes"):
        read_labels(pl.Series(["b", "c"]), ("a", "b"))
