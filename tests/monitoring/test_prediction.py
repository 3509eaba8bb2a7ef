"""What versions said of a label of classes, out of the streams that servers write, and labels as they are measured."""

import numpy as np
import polars as pl
import pytest

from shipway.adapters.log.parquet import ParquetLog
from shipway.core.bundle import declare_outputs
from shipway.core.prediction import OUTPUTS
from shipway.core.record import plan_outputs
from shipway.monitoring.prediction import (
    describe_labels,
    describe_predictions,
    is_told,
    read_happened,
    read_numbers,
    read_predictions,
    widen,
)
from shipway.monitoring.reading import digest_rows, distinct_predictions, pair_versions

COLUMNS = ("request", "row", "at", "version", "role", "token", "weight", "p", "error", "latency_us", "answer_us")
THREE, FOUR = ("early", "late", "never"), ("early", "late", "lost", "never")


def write(log, version, classes, p, *, role="live", error=None, first=0):
    """Append what a version said of some requests, as a server does."""
    p = np.asarray(p, dtype=np.float64)
    names = [f"r{first + place}" for place in range(len(p))]
    errors = error or [None] * len(p)
    columns = {
        "request": names, "row": names, "at": np.arange(len(p)) + first, "unit": names,
        "version": np.full(len(p), version), "role": [role] * len(p), "weight": np.zeros(len(p)),
        "token": np.ones(len(p), dtype=np.int64), "y": np.full(len(p), np.nan),
        "class": [None if why else classes[row.argmax()] for row, why in zip(p, errors, strict=True)],
        "error": errors, "latency_us": np.ones(len(p), dtype=np.int64), "answer_us": np.ones(len(p), dtype=np.int64),
        "online": ["s"] * len(p),
    }  # fmt: skip
    columns |= {f"output probabilities[{name}]": p[:, place] for place, name in enumerate(classes)}
    log.append(OUTPUTS + plan_outputs(declare_outputs("class", classes)).form, columns)


@pytest.fixture
def log(tmp_path):
    return ParquetLog(tmp_path)


def test_versions_of_other_classes_are_read_over_all_of_them(log):
    write(log, 1, THREE, [[0.5, 0.25, 0.25], [0.25, 0.25, 0.5]])
    write(log, 2, FOUR, [[0.5, 0.125, 0.125, 0.25], [0.25, 0.25, 0.25, 0.25]], role="shadow")
    rows = read_predictions(log, "class", COLUMNS, classes=(*THREE, "lost"))
    assert rows.columns == list(COLUMNS)
    said = {(row["version"], row["request"]): row["p"] for row in rows.rows(named=True)}
    assert said == {
        (1, "r0"): [0.5, 0.25, 0.25, 0.0], (1, "r1"): [0.25, 0.25, 0.5, 0.0],
        (2, "r0"): [0.5, 0.125, 0.25, 0.125], (2, "r1"): [0.25, 0.25, 0.25, 0.25],
    }  # fmt: skip
    pairs = pair_versions(rows, 1, 2)
    assert read_numbers(pairs["p_candidate"]).shape == (2, 4)
    assert read_numbers(pairs["p_stable"]).sum(axis=1).tolist() == [1.0, 1.0]
    assert read_predictions(log, "class", ("request", "p"), classes=THREE, since=1, until=2).height == 2


def test_what_failed_is_told_of_no_class(log):
    write(log, 1, THREE, [[0.5, 0.25, 0.25], [0.5, 0.0, 0.0], [1.0, 1e-6, -1e-6]], error=[None, "SW-801", None])
    rows = read_predictions(log, "class", COLUMNS, classes=(*THREE, "lost"))
    assert rows.select(is_told("p", "class")).to_series().to_list() == [True, False, True]
    p = read_numbers(rows["p"])
    assert np.isnan(p[1]).all()
    # Beyond 0 and 1 by the last digit of single precision is within.
    assert p[2].tolist() == [1.0, 1e-6, 0.0, 0.0]


def test_probabilities_that_were_logged_by_their_digest_are_none(log):
    many = tuple(f"c{place:03}" for place in range(100))
    columns = {
        "request": ["r0", "r1"], "row": ["r0", "r1"], "at": np.arange(2), "unit": ["r0", "r1"],
        "version": np.ones(2, dtype=np.int64), "role": ["live"] * 2, "weight": np.zeros(2),
        "token": np.ones(2, dtype=np.int64), "y": np.full(2, np.nan), "class": ["c001", None],
        "error": [None, "SW-801"], "latency_us": np.ones(2, dtype=np.int64), "answer_us": np.ones(2, dtype=np.int64),
        "online": ["s"] * 2, "output probabilities digest": ["ab", None], "output probabilities shape": ["100", None],
    }  # fmt: skip
    log.append(OUTPUTS + plan_outputs(declare_outputs("class", many)).form, columns)
    rows = read_predictions(log, "class", COLUMNS, classes=many)
    assert rows["version"].to_list() == [1, 1]
    assert rows.select(is_told("p", "class")).to_series().to_list() == [False, False]
    assert np.isnan(read_numbers(rows["p"])).all()


def test_what_is_logged_twice_counts_once_and_must_be_the_same(log):
    for _ in range(2):
        write(log, 1, THREE, [[0.5, 0.25, 0.25], [np.nan, np.nan, np.nan]], error=[None, "SW-801"])
    rows = read_predictions(log, "class", COLUMNS, classes=THREE)
    assert (rows.height, distinct_predictions(rows).height) == (4, 2)
    write(log, 1, THREE, [[0.25, 0.5, 0.25]])
    with pytest.raises(Exception, match="predicted request 'r0' twice and not the same"):
        distinct_predictions(read_predictions(log, "class", COLUMNS, classes=THREE))


def test_an_empty_log_has_the_columns_of_a_full_one(log):
    rows = read_predictions(log, "class", COLUMNS, classes=THREE)
    assert (rows.height, rows.columns, rows.schema["p"]) == (0, list(COLUMNS), pl.Array(pl.Float64, 3))
    assert pair_versions(rows, 1, 2).height == 0
    assert read_numbers(rows["p"]).shape == (0, 3)


def test_no_rows_keep_their_classes_in_a_file(tmp_path):
    pl.DataFrame([pl.Series("p", np.empty((0, 3)))]).write_parquet(tmp_path / "p.parquet")
    rows = pl.read_parquet(tmp_path / "p.parquet")
    assert (rows.schema["p"], read_numbers(rows["p"]).shape) == (pl.Array(pl.Float64, 3), (0, 3))


def test_a_condition_is_read_from_its_own_stream(log):
    assert read_predictions(log, "condition", COLUMNS).width == 0
    write(log, 1, THREE, [[0.5, 0.25, 0.25]])
    log.append("predictions", {"request": ["a"], "at": np.zeros(1, dtype=np.int64), "p": np.array([0.5])})
    assert read_predictions(log, "condition", ("request", "p")).rows() == [("a", 0.5)]


def test_a_digest_of_classes_is_one_of_each_place():
    p = pl.Series("p", np.array([[0.5, 0.5], [0.25, 0.75]]), dtype=pl.Array(pl.Float64, 2))
    rows = pl.DataFrame({"request": ["a", "b"], "p": p})
    plain = rows.select("request", **{f"p[{place}]": pl.col("p").arr.get(place) for place in range(2)})
    assert digest_rows(rows, ("request", "p")) == digest_rows(plain, ("request", "p[0]", "p[1]"))
    assert digest_rows(rows, ("request", "p")) == digest_rows(rows[[1, 0]], ("request", "p"))
    assert digest_rows(rows, ("request", "p")) != digest_rows(
        rows.with_columns(p=pl.Series(p[[1, 0]])), ("request", "p")
    )


def test_a_class_that_nobody_told_of_is_one_of_probability_nought():
    y, classes = read_happened(pl.Series(["late", "lost", "early", "gone"]), ("early", "late"))
    assert (y.tolist(), classes) == ([1, 3, 0, 2], ("early", "late", "gone", "lost"))
    p = widen(np.array([[0.25, 0.75]] * 4), 4)
    assert p[1].tolist() == [0.25, 0.75, 0.0, 0.0]
    assert describe_labels(y, ("early", "late"), classes) == {
        "shares": {"early": 0.25, "late": 0.25, "gone": 0.25, "lost": 0.25}, "never_told": 2,
    }  # fmt: skip
    assert describe_predictions(p, classes)["mean_p"] == {"early": 0.25, "late": 0.75, "gone": 0.0, "lost": 0.0}


def test_labels_of_other_kinds_are_read_as_they_are():
    truths, none = read_happened(pl.Series([True, False]), ())
    assert (truths.dtype, none) == (np.bool_, ())
    assert describe_labels(truths, (), ()) == {"rate": 0.5}
    numbers, _ = read_happened(pl.Series([1, 4]), ())
    assert (numbers.dtype, describe_labels(numbers, (), ())) == (np.float64, {"mean": 2.5})
    assert describe_predictions(np.array([0.25, 0.75]), ()) == {"mean_p": 0.5}
