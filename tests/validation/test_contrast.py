"""A label of classes seen as a condition: one class against the rest, and being right."""

from collections.abc import Callable

import numpy as np
import pytest

from shipway.testing.refusal import expect_refusal
from shipway.validation.contrast import contrast_chosen, contrast_class
from shipway.validation.sample import Sample, baseline_of

Build = Callable[..., Sample]
RNG = np.random.default_rng(3)
Y = RNG.integers(0, 3, 200)
P = RNG.dirichlet(np.ones(3), 200)
Q = RNG.dirichlet(np.ones(3), 200)


@pytest.fixture(scope="module")
def parcels(build: Build) -> Sample:
    """Return rows of three classes."""
    return build(Y, P, current=Q, classes=("late", "lost", "on time"), predict=lambda x: np.tile(P[0], (len(x), 1)),
                 baseline_names={"current": "version 1", "base rate": "training shares"},
                 learned=("late", "lost"))  # fmt: skip


def test_one_class_is_a_condition_of_the_candidate_and_its_baselines(parcels: Sample) -> None:
    lost = contrast_class(parcels, "lost")
    assert lost is not None
    assert (lost.kind, lost.classes, lost.n) == ("condition", (), 200)
    np.testing.assert_array_equal(lost.happened, Y == 1)
    np.testing.assert_array_equal(lost.p, P[:, 1])
    np.testing.assert_array_equal(lost.baselines["current"], Q[:, 1])
    assert lost.baselines["base rate"][0] == pytest.approx((Y == 1).mean())
    assert (baseline_of(lost, "current").name, baseline_of(lost, "base rate").name) == ("version 1", "base rate")
    np.testing.assert_array_equal(lost.predict(np.zeros((2, 1))), [P[0, 1]] * 2)


def test_a_chosen_class_is_the_most_probable_one(parcels: Sample) -> None:
    lost = contrast_class(parcels, "lost", chosen=True)
    assert lost is not None
    np.testing.assert_array_equal(lost.p, P.argmax(axis=1) == 1)
    np.testing.assert_array_equal(lost.baselines["current"], Q.argmax(axis=1) == 1)


def test_a_class_that_nobody_knows_is_none(parcels: Sample) -> None:
    assert contrast_class(parcels, "stolen") is None


def test_being_right_is_a_condition(parcels: Sample) -> None:
    seen = contrast_chosen(parcels)
    np.testing.assert_array_equal(seen.happened, P.argmax(axis=1) == Y)
    np.testing.assert_array_equal(seen.p, P.max(axis=1))
    assert list(seen.baselines) == ["base rate"]
    np.testing.assert_array_equal(seen.predict(np.zeros((2, 1))), [P[0].max()] * 2)


def test_no_rows_are_no_rows_of_a_class(build: Build) -> None:
    none = build(Y[:0], P[:0], classes=("late", "lost", "on time"), scored=4)
    lost = contrast_class(none, "lost", chosen=True)
    assert lost is not None
    assert (lost.n, contrast_chosen(none).n) == (0, 0)


def test_a_condition_has_no_classes(build: Build) -> None:
    with expect_refusal("SW-403"):
        contrast_chosen(build(Y == 1, P[:, 1]))
