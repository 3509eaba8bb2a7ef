"""Every metric by name is the function it names, and says why where it has no value."""

import numpy as np
import pytest

from shipway.core.metric import METRICS
from shipway.maths import threshold
from shipway.maths.scoring import Scoring, influence_of_score, why_undefined

RNG = np.random.default_rng(2)
Y = RNG.random(200) < 0.4
P = RNG.random(200)
QUERY = RNG.integers(0, 20, 200)
OWN = {"auc", "expected_calibration_error"}


CONDITION = {name for name, metric in METRICS.items() if "condition" in metric.of}
CLASS = {name for name, metric in METRICS.items() if "class" in metric.of}
NUMBER = {name for name, metric in METRICS.items() if "number" in metric.of}


@pytest.mark.parametrize("name", sorted(NUMBER))
def test_every_metric_of_a_number_has_an_influence(name: str):
    y, p = RNG.gamma(2.0, 3.0, 200), RNG.gamma(2.0, 3.0, 200)
    scoring = Scoring(name, 5.0 if name == "ndcg" else 0.4, 1.0, QUERY)
    assert why_undefined(scoring, y, p) is None
    found = influence_of_score(scoring, y, p)
    assert found.rows.shape == (200,)
    assert found.rows.sum() == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("name", sorted(CLASS - OWN))
def test_every_metric_of_classes_has_an_influence(name: str):
    y, p = RNG.integers(0, 4, 200), RNG.dirichlet(np.ones(4), 200)
    scoring = Scoring(name, 2.0)
    assert why_undefined(scoring, y, p) is None
    found = influence_of_score(scoring, y, p)
    assert found.rows.shape == (200,)
    assert found.rows.sum() == pytest.approx(0, abs=1e-10)


def test_a_metric_of_classes_without_a_value_says_why():
    y, p = np.zeros(9, np.int64), np.full((9, 3), 1 / 3)
    assert "one class, so there is nothing to rank" in (why_undefined(Scoring("macro_auc"), y, p) or "")
    assert "one of the first 3 is always right" in (why_undefined(Scoring("top_accuracy", 3.0), y, p) or "")
    with pytest.raises(ValueError, match="no metric of classes"):
        influence_of_score(Scoring("recall"), y, p)


def test_a_metric_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="no metric of a number"):
        influence_of_score(Scoring("recall"), P, P)
    with pytest.raises(ValueError, match="no metric with an influence"):
        influence_of_score(Scoring("r_squared"), Y, P)


@pytest.mark.parametrize("name", sorted(CONDITION - OWN))
def test_every_metric_has_an_influence(name: str):
    first = 5.0 if METRICS[name].better == "more" and name in ("ndcg", "top_recall", "mean_average_precision") else 0.4
    scoring = Scoring(name, first, 2.0, QUERY)
    assert why_undefined(scoring, Y, P) is None
    found = influence_of_score(scoring, Y, P)
    assert found.rows.shape == (200,)
    assert found.rows.sum() == pytest.approx(0, abs=1e-10)


@pytest.mark.parametrize("name", sorted(OWN))
def test_what_has_an_estimator_of_its_own_is_refused(name: str):
    with pytest.raises(ValueError, match="no metric with an influence"):
        influence_of_score(Scoring(name), Y, P)


def test_beta_and_threshold_are_handed_on():
    found = influence_of_score(Scoring("f_score", 0.4, 2.0), Y, P)
    assert found.value == threshold.f_score(Y, P, 0.4, 2.0).value


@pytest.mark.parametrize(
    ("name", "y", "said"),
    [
        ("auc", True, "all 3 labels are true, so there is nothing to rank"),
        ("mcc", False, "nothing to tell apart"),
        ("recall", False, "nothing to find"),
        ("ndcg", False, "nothing to find"),
        ("specificity", True, "nothing to leave alone"),
    ],
)
def test_labels_that_are_all_alike_are_told(name: str, y: bool, said: str):
    assert said in (why_undefined(Scoring(name), np.full(3, y), np.array([0.1, 0.5, 0.9])) or "")


def test_a_threshold_that_nothing_reaches_is_told():
    y, p = np.array([True, False]), np.array([0.2, 0.3])
    assert why_undefined(Scoring("precision", 0.5), y, p) == "no prediction is above 0.5"
    assert why_undefined(Scoring("mcc", 0.1), y, p) == "all predictions are above 0.1"
    assert why_undefined(Scoring("recall", 0.5), y, p) is None
