"""Shares and agreement as evidence: right where they are known, with intervals by cluster."""

import numpy as np
import pytest

from shipway.core.label import LabelKind
from shipway.core.measure import Attribution, ReasonAgreement
from shipway.testing.refusal import expect_refusal
from shipway.validation.attribution import measure_agreement, measure_share
from shipway.validation.explainer import Attributed, Explainer
from shipway.validation.sample import make_sample

COLUMNS = ("a", "b", "vector_0", "vector_1")


class Nothing:
    predicts: LabelKind | None = "condition"
    single = False

    def predict(self, x):
        return np.full(len(x), 0.5)


def build(values, days=None):
    n = len(values)
    sample = make_sample(
        y=np.zeros(n, dtype=np.bool_),
        p=np.full(n, 0.5),
        baselines={"base rate": np.full(n, 0.5)},
        clusters={"day": np.arange(n) if days is None else days},
        groups={},
        scored=n + 5,
        x=np.zeros((n, 4)),
        columns=COLUMNS,
        predict=Nothing().predict,
    )
    found = Attributed(values, np.zeros_like(values), np.full(n, 0.5), 0.1, 0, True)
    return sample, Explainer(Nothing(), np.zeros((1, 4)), "tree", "log-odds"), found


def test_a_share_is_that_of_all_and_an_embedding_is_all_its_components():
    values = np.tile([3.0, -1.0, 0.5, -0.5], (40, 1))
    for columns, share in ((("a",), 0.6), (("b",), 0.2), (("vector",), 0.2), (("a", "vector"), 0.8)):
        reading = measure_share(Attribution(columns), *build(values))
        assert reading.value == pytest.approx(share)
        assert (reading.n, reading.clusters) == (40, 40)
    assert "path-dependent TreeSHAP in log-odds, over 40 rows in 40 day clusters" in reading.facts["said"]
    assert [row["feature"] for row in reading.detail][:2] == ["a", "b"]
    assert [row["asked"] for row in reading.detail] == [True, False, True, True]


def test_the_interval_of_a_share_is_by_day():
    """Forty rows of each day that are the same row say no more than one."""
    random = np.random.default_rng(2)
    daily = random.normal(size=(20, 4))
    once = measure_share(Attribution(("a",)), *build(daily))
    again = measure_share(Attribution(("a",)), *build(np.repeat(daily, 40, axis=0), np.repeat(np.arange(20), 40)))
    assert (once.low, once.high) == (pytest.approx(again.low), pytest.approx(again.high))
    assert 0 < once.low < once.value < once.high < 1


def test_agreement_is_of_the_greatest_reasons_row_by_row():
    values = np.tile([3.0, -2.0, 0.5, 0.0], (30, 1))
    same = ("version 1", COLUMNS, values * -2)
    assert measure_agreement(ReasonAgreement(2), *build(values), same).value == 1
    swapped = ("version 1", ("b", "a", "new"), np.tile([3.0, 1.0, 9.0], (30, 1)))
    reading = measure_agreement(ReasonAgreement(3), *build(values), swapped)
    # Of a, b, vector_0 and new, b, a: none of the first, b of two, a and b of three.
    assert reading.value == pytest.approx((0 + 1 / 2 + 2 / 3) / 3)
    assert reading.facts["first_alike"] == 0
    assert {row["feature"] for row in reading.detail} == {*COLUMNS, "new"}


def test_without_a_version_nothing_disagrees():
    reading = measure_agreement(ReasonAgreement(), *build(np.ones((5, 4))), None)
    assert (reading.value, reading.low, reading.n, reading.facts["fallback"]) == (1.0, 1.0, 5, True)


def test_nothing_to_measure_is_no_evidence():
    for reading in (
        measure_share(Attribution(("a",)), *build(np.empty((0, 4)))),
        measure_share(Attribution(("a",)), *build(np.zeros((5, 4)))),
        measure_agreement(ReasonAgreement(), *build(np.empty((0, 4))), None),
    ):
        assert (reading.n, reading.low, reading.high) == (0, 0.0, 1.0)


def test_an_unknown_feature_is_refused():
    with expect_refusal("SW-104"):
        measure_share(Attribution(("aa",)), *build(np.ones((5, 4))))
