from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from shipway.core.error import ShipwayError
from shipway.testing.refusal import expect_refusal
from shipway.validation.sample import (
    Group,
    Sample,
    baseline_of,
    clusters_of,
    group_of,
    split_rows,
    take_rows,
)

Build = Callable[..., Sample]
Y = np.array([True, False, True])
P = np.array([0.9, 0.1, 0.4])


def test_what_fits_is_kept(build: Build) -> None:
    sample = build(Y, P, scored=5)
    assert (sample.n, sample.scored, sample.columns) == (3, 5, ("a",))
    assert clusters_of(sample, "day").tolist() == [0, 1, 2]


def test_a_sample_may_be_empty(build: Build) -> None:
    assert build(np.array([], bool), np.array([]), scored=7).n == 0


@pytest.mark.parametrize(
    ("given", "fact"),
    [
        ({"y": Y.astype(np.int64)}, "y is int64"),
        ({"y": Y[None]}, "not one label a row"),
        ({"p": P[:2]}, "p is float64"),
        ({"p": P.astype(np.float32)}, "p is float32"),
        ({"p": np.array([0.1, np.nan, 0.2])}, "p holds something that is not a probability"),
        ({"current": np.array([0.1, 1.1, 0.2])}, "baseline 'current' holds something that is not a probability"),
        ({"baselines": {"current": P}}, "no baseline 'base rate'"),
        ({"day": np.array([0, -1, 0])}, "cluster 'day' is null"),
        ({"day": np.array([0, 1])}, "cluster 'day' is int64"),
        ({"groups": {"g": Group(np.array([0, 1, 2]), ("a", "b"))}}, "group 'g' has a code without a label"),
        ({"groups": {"g": Group(np.array([0, -2, 1]), ("a", "b"))}}, "group 'g' has a code without a label"),
        ({"groups": {"g": Group(np.array([0, 1]), ("a", "b"))}}, "group 'g' is int64"),
        ({"x": np.zeros((2, 1))}, "x is float64"),
        ({"x": np.zeros((3, 1), np.float32)}, "x is float32"),
        ({"x": np.zeros((3, 2)), "columns": ("a", "a")}, "a name for each column"),
        ({"scored": 2}, "3 rows have a label and only 2 were scored"),
    ],
)
def test_refuses_columns_that_do_not_fit(build: Build, given: dict[str, Any], fact: str) -> None:
    columns = {"y": Y, "p": P, **given}
    with pytest.raises(ShipwayError) as caught:
        build(columns.pop("y"), columns.pop("p"), **columns)
    assert caught.value.code == "SW-403"
    assert fact in caught.value.fact


def test_current_falls_back_to_the_base_rate(build: Build) -> None:
    first, later = build(Y, P), build(Y, P, current=P)
    assert (baseline_of(first, "current").name, baseline_of(first, "current").fallback) == ("base rate", True)
    assert (baseline_of(later, "current").name, baseline_of(later, "current").fallback) == ("version 1", False)
    assert (baseline_of(later, "base rate").name, baseline_of(later, "base rate").fallback) == ("base rate", False)


CODES = np.array([0, 2, 1])
SHARES = np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8], [0.0, 1.0, 0.0]])
NAMES = ("late", "lost", "on time")


def test_classes_are_kept_with_their_texts(build: Build) -> None:
    sample = build(CODES, SHARES, classes=NAMES, learned=NAMES[:2])
    assert (sample.kind, sample.classes, sample.unseen) == ("class", NAMES, 1)
    assert sample.codes.tolist() == [0, 2, 1]
    np.testing.assert_allclose(sample.lose(sample.p), -np.log([0.5, 0.8, 1.0]), atol=1e-12)
    some = take_rows(sample, np.array([1]), np.zeros((1, 1)), ("a",))
    assert (sample.unseen, some.unseen) == (1, 1)
    assert take_rows(sample, np.array([0, 2]), np.zeros((2, 1)), ("a",)).unseen == 0
    assert (some.classes, some.p.tolist()) == (NAMES, [[0.1, 0.1, 0.8]])
    with expect_refusal("SW-403"):
        _ = sample.happened
    with expect_refusal("SW-403"):
        _ = build(Y, P).codes


@pytest.mark.parametrize(
    ("given", "fact"),
    [
        ({"classes": ()}, "no classes are named"),
        ({"y": CODES - 1}, "a code of none of the 3 classes"),
        ({"classes": (*NAMES, "stolen")}, "p is float64[3, 3], not float64[3, 4]"),
        ({"p": SHARES + np.array([[0.0], [0.1], [0.0]])}, "p holds something that is not a probability of each class"),
        ({"p": SHARES * 0.999}, "p holds something that is not a probability of each class"),
        ({"current": SHARES * np.nan}, "baseline 'current' holds something"),
        ({"y": CODES.astype(np.int32)}, "y is int32"),
        ({"y": Y, "p": P}, "3 classes are named"),
    ],
)
def test_refuses_classes_that_do_not_fit(build: Build, given: dict[str, Any], fact: str) -> None:
    columns = {"y": CODES, "p": SHARES, "classes": NAMES, **given}
    with expect_refusal("SW-403") as caught:
        build(columns.pop("y"), columns.pop("p"), **columns)
    assert fact in caught[0].fact


def test_probabilities_in_single_precision_sum_to_one(build: Build) -> None:
    p = np.random.default_rng(0).dirichlet(np.ones(64), 500).astype(np.float32).astype(np.float64)
    assert build(np.arange(500) % 64, p, classes=tuple(map(str, range(64)))).n == 500


@pytest.mark.parametrize(
    ("ask", "name", "hint"),
    [(baseline_of, "base_rate", "base rate"), (clusters_of, "days", "day"), (group_of, "orign", "origin")],
)
def test_a_wrong_name_is_answered_with_the_nearest(
    build: Build, ask: Callable[[Sample, str], object], name: str, hint: str
) -> None:
    sample = build(Y, P, groups={"origin": Group(np.array([0, 0, 0]), ("EWR",))})
    with pytest.raises(ShipwayError) as caught:
        ask(sample, name)
    assert caught.value.code == "SW-104"
    assert caught.value.hint == f"did you mean {hint!r}?"


def test_rows_split_by_label_without_those_that_have_none() -> None:
    parts = split_rows(Group(np.array([2, 0, -1, 2, 0]), ("a", "b", "c")))
    assert [(label, rows.tolist()) for label, rows in parts] == [("a", [1, 4]), ("c", [0, 3])]
