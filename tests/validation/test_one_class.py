"""One class of several is explained as a condition: by the library in log-ratio, else in probability."""

import lightgbm
import numpy as np
import pytest

from shipway.adapters.lightgbm.model import LightgbmFormat
from shipway.maths.shapley import MOST_EXACT
from shipway.testing.refusal import expect_refusal
from shipway.validation.explainer import Explainer, explain_rows, make_explainer
from shipway.validation.one_class import OneClass

RNG = np.random.default_rng(8)
X = RNG.normal(size=(900, 4)).astype(np.float32).astype(np.float64)
Y = np.where(X[:, 0] + X[:, 1] * X[:, 2] + RNG.normal(size=900) > 0.8, 2, (X[:, 1] > 0).astype(int))
QUIET = {"objective": "multiclass", "num_class": 3, "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 10}


@pytest.fixture(scope="module")
def trees():
    """Return a model of three classes."""
    form = LightgbmFormat()
    trained = lightgbm.train(QUIET, lightgbm.Dataset(X[:600], Y[:600]), 12)
    return form.load(form.dump(trained, "class"))


class Bare:
    """A model of classes whose library knows nothing of contributions."""

    predicts, single = "class", False

    def __init__(self, whole):
        self.predict, self.infer = whole.predict, whole.infer


@pytest.mark.parametrize("code", range(3))
def test_the_library_says_what_columns_add_to_the_log_ratio(trees, code):
    one = OneClass(trees, code)
    p = trees.predict(X[600:])
    np.testing.assert_array_equal(one.predict(X[600:]), p[:, code])
    explainer = make_explainer(one, X[600:700])
    assert (explainer.method, explainer.unit) == ("tree", "log-ratio")
    found = explain_rows(explainer, X[600:])
    due = np.log(p[:, code]) - np.log(p).mean(axis=1)
    np.testing.assert_allclose(found.values.sum(axis=1) + found.baseline, due, atol=1e-6)
    np.testing.assert_array_equal(found.p, p[:, code])


def test_the_difference_of_two_classes_is_their_log_odds(trees):
    first, second = (explain_rows(make_explainer(OneClass(trees, code), X[600:700]), X[:50]) for code in (0, 1))
    p = trees.predict(X[:50])
    total = (first.values - second.values).sum(axis=1) + first.baseline - second.baseline
    np.testing.assert_allclose(total, np.log(p[:, 0] / p[:, 1]), atol=1e-6)


def test_baselines_of_all_classes_are_a_distribution(trees):
    assert sum(OneClass(trees, code).find_baseline(X) for code in range(3)) == pytest.approx(1)


def test_trees_are_explained_against_rows_where_that_is_asked(trees):
    one = OneClass(trees, 2)
    explainer = make_explainer(one, X[600:640], wanted="interventional")
    assert (explainer.method, explainer.unit, X.shape[1] <= MOST_EXACT) == ("exact", "log-ratio", True)
    found = explain_rows(explainer, X[:3])
    np.testing.assert_allclose(found.values.sum(axis=1) + found.baseline, one.centre(X[:3]), atol=1e-6)


def test_any_other_model_is_explained_in_probability(trees):
    one = OneClass(Bare(trees), 1)
    explainer = make_explainer(one, X[600:640])
    assert (explainer.method, explainer.unit) == ("exact", "probability")
    found = explain_rows(explainer, X[:3])
    np.testing.assert_allclose(found.values.sum(axis=1) + found.baseline, trees.predict(X[:3])[:, 1], atol=1e-9)


def test_contributions_of_another_class_do_not_add_up_and_are_refused(trees):
    class Crossed(Bare):
        def contribute(self, x):
            return np.roll(trees.contribute(x), 1, axis=1)

    with expect_refusal("SW-461"):
        explain_rows(Explainer(OneClass(Crossed(trees), 1), X[600:640], "tree", "log-ratio"), X[:5])


@pytest.mark.parametrize("code", range(3))
def test_a_class_that_is_next_to_impossible_hides_no_wrong_contribution(code):
    """Single precision says 1e-7 of it, and what is said of every class must add up all the same."""

    class Sure:
        predicts, single = "class", True
        error = 0.0

        def contribute(self, x):
            added = np.zeros((len(x), 3, 2))
            added[:, :, 0] = np.array([8.0, 7.0, -8.0]) - 7 / 3
            added[:, code, 0] += self.error
            return added

        def predict(self, x):
            odds = np.exp(np.array([8.0, 7.0, -8.0], dtype=np.float32))
            return np.tile((odds / odds.sum()).astype(np.float64), (len(x), 1))

    sure = Sure()
    explainer = Explainer(OneClass(sure, code), X[:4, :1], "tree", "log-ratio")
    assert explain_rows(explainer, X[:4, :1]).values.shape == (4, 1)
    sure.error = 0.05
    with expect_refusal("SW-461"):
        explain_rows(explainer, X[:4, :1])
