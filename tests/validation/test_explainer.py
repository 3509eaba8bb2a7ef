"""Each kind of model is explained in its way, and every explanation adds up or is refused."""

import warnings

import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from shipway.adapters.lightgbm.model import LightgbmFormat
from shipway.adapters.sklearn.model import SklearnFormat
from shipway.adapters.xgboost.model import XgboostFormat
from shipway.core.label import LabelKind
from shipway.maths.shapley import MOST_EXACT, enumerate_values
from shipway.testing.refusal import expect_refusal
from shipway.validation.explainer import explain_rows, log_odds, make_explainer

WIDE = MOST_EXACT + 3


def make_rows(columns, rows=600, seed=3):
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, columns)).astype(np.float32).astype(np.float64)
    y = x[:, 0] + x[:, 1] * (x[:, 2] > 0) + random.normal(size=rows) > 0.2
    return x, y


def fit_trees(x, y):
    quiet = {"objective": "binary", "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 10}
    return LightgbmFormat(), lightgbm.train(quiet, lightgbm.Dataset(x, y), 15)


def fit_boosted(x, y):
    return XgboostFormat(), xgboost.train({"objective": "binary:logistic", "nthread": 1}, xgboost.DMatrix(x, y), 8)


def fit_linear(x, y):
    return SklearnFormat(), make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()).fit(x, y)


def fit_mixed(x, y):
    """A linear model of products of columns is not linear in the columns."""
    return SklearnFormat(), make_pipeline(PolynomialFeatures(2), LogisticRegression(max_iter=500)).fit(x, y)


def fit_histogram(x, y):
    return SklearnFormat(), HistGradientBoostingClassifier(max_iter=8, random_state=0).fit(x, y)


def fit_number(x, y, **params):
    quiet = {"objective": "regression", "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 10, **params}
    return LightgbmFormat(), lightgbm.train(quiet, lightgbm.Dataset(x, make_number(x, y)), 15)


def fit_count(x, y):
    return fit_number(x, y, objective="poisson")


def fit_boosted_number(x, y):
    quiet = {"objective": "reg:squarederror", "nthread": 1}
    return XgboostFormat(), xgboost.train(quiet, xgboost.DMatrix(x, make_number(x, y)), 8)


def fit_line(x, y):
    return SklearnFormat(), make_pipeline(SimpleImputer(), StandardScaler(), Ridge()).fit(x, make_number(x, y))


def fit_histogram_number(x, y):
    return SklearnFormat(), HistGradientBoostingRegressor(max_iter=8, random_state=0).fit(x, make_number(x, y))


def make_number(x, y, unit=1.0):
    return unit * (60 + 10 * x[:, 0] + 20 * y)


def load(fit, columns):
    x, y = make_rows(columns)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model_format, estimator = fit(x, y)
    return model_format.load(model_format.dump(estimator)), x


@pytest.mark.parametrize(
    ("fit", "columns", "method", "unit"),
    [
        (fit_trees, WIDE, "tree", "log-odds"),
        (fit_boosted, WIDE, "tree", "log-odds"),
        (fit_linear, WIDE, "linear", "log-odds"),
        (fit_mixed, 4, "exact", "probability"),
        (fit_histogram, 5, "exact", "probability"),
        (fit_histogram, WIDE, "sampled", "probability"),
    ],
)
def test_every_kind_of_model_is_explained_and_adds_up(fit, columns, method, unit):
    predictor, x = load(fit, columns)
    explainer = make_explainer(predictor, x[:20])
    assert (explainer.method, explainer.unit) == (method, unit)
    found = explain_rows(explainer, x[20:22])
    said = predictor.predict(x[20:22])
    due = said if unit == "probability" else log_odds(said)
    np.testing.assert_allclose(found.values.sum(axis=1) + found.baseline, due, atol=1e-4)
    assert (found.errors > 0).any() == (method == "sampled")
    assert (found.values[:, 0] != 0).all()


@pytest.mark.parametrize(
    ("fit", "columns", "method"),
    [
        (fit_number, WIDE, "tree"),
        (fit_boosted_number, WIDE, "tree"),
        (fit_line, WIDE, "linear"),
        (fit_count, 4, "exact"),
        (fit_histogram_number, 5, "exact"),
        (fit_histogram_number, WIDE, "sampled"),
    ],
)
def test_every_kind_of_model_of_a_number_is_explained_in_its_unit(fit, columns, method):
    predictor, x = load(fit, columns)
    explainer = make_explainer(predictor, x[:20])
    assert (explainer.method, explainer.unit) == (method, "number")
    found = explain_rows(explainer, x[20:22])
    said = predictor.predict(x[20:22])
    assert said.min() > 30
    np.testing.assert_allclose(found.values.sum(axis=1) + found.baseline, said, rtol=1e-5)
    np.testing.assert_array_equal(found.p, said)
    assert (found.values[:, 0] != 0).all()


def test_trees_of_a_number_against_rows_have_the_exact_values():
    predictor, x = load(fit_number, 5)
    explainer = make_explainer(predictor, x[:20], wanted="interventional")
    assert (explainer.method, explainer.unit) == ("exact", "number")
    exact = enumerate_values(predictor.predict, x[30], x[:20])
    np.testing.assert_allclose(explain_rows(explainer, x[30:31]).values[0], exact.values, atol=1e-9)


def test_a_line_has_its_closed_form():
    predictor, x = load(fit_line, WIDE)
    found = explain_rows(make_explainer(predictor, x[:50]), x[100:103])
    slope = predictor.predict(np.eye(WIDE)) - predictor.predict(np.zeros((1, WIDE)))
    np.testing.assert_allclose(found.values, slope * (x[100:103] - x[:50].mean(axis=0)), atol=1e-3)
    np.testing.assert_allclose(found.baseline, predictor.predict(x[:50]).mean(), rtol=1e-6)


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_what_does_not_add_up_is_refused_in_any_unit(unit):
    x, y = make_rows(4)
    quiet = {"objective": "regression", "verbosity": -1, "num_threads": 1}
    booster = lightgbm.train(quiet, lightgbm.Dataset(x, make_number(x, y, unit)), 15)
    predictor = LightgbmFormat().load(LightgbmFormat().dump(booster))

    class Wrong:
        """Contributions that are a little off."""

        predicts: LabelKind | None = "number"
        single = False
        predict = staticmethod(predictor.predict)

        def __init__(self, off):
            self.off = off

        def contribute(self, rows):
            added = predictor.contribute(rows)
            added[:, 0] += self.off
            return added

    explain_rows(make_explainer(Wrong(0.0), x[:5]), x[:3])
    for off in (0.1 * unit, -0.1 * unit, np.nan):
        with expect_refusal("SW-461") as refusals:
            explain_rows(make_explainer(Wrong(off), x[:5]), x[:3])
        assert "as probability" not in refusals[0].fact


def test_a_linear_model_has_its_closed_form():
    predictor, x = load(fit_linear, WIDE)
    found = explain_rows(make_explainer(predictor, x[:50]), x[100:103])
    slope = log_odds(predictor.predict(np.eye(WIDE))) - log_odds(predictor.predict(np.zeros((1, WIDE))))
    np.testing.assert_allclose(found.values, slope * (x[100:103] - x[:50].mean(axis=0)), atol=1e-3)


def test_trees_against_rows_are_within_the_errors_of_the_exact_values():
    predictor, x = load(fit_trees, MOST_EXACT)
    explainer = make_explainer(predictor, x[:20], wanted="interventional")
    assert (explainer.method, explainer.unit) == ("exact", "log-odds")
    wide = np.column_stack([x, np.zeros((len(x), 1))])

    class Padded:
        """The same model, with a column that it does not read."""

        predicts: LabelKind | None = "condition"
        single = False

        def predict(self, rows):
            return predictor.predict(np.ascontiguousarray(rows[:, :-1]))

        def contribute(self, rows):
            return predictor.contribute(np.ascontiguousarray(rows[:, :-1]))

    sampled = make_explainer(Padded(), wide[:20], wanted="interventional")
    assert (sampled.method, sampled.unit) == ("sampled", "log-odds")
    found = explain_rows(sampled, wide[30:31])
    exact = enumerate_values(lambda rows: log_odds(predictor.predict(rows)), x[30], x[:20])
    assert np.all(np.abs(found.values[0, :-1] - exact.values) <= 4 * found.errors[0, :-1] + 1e-9)
    assert found.values[0, -1] == 0
    np.testing.assert_allclose(explain_rows(explainer, x[30:31]).values[0], exact.values, atol=1e-9)
    assert not np.allclose(explain_rows(make_explainer(predictor, x[:20]), x[30:31]).values[0], exact.values, atol=1e-3)


def test_what_does_not_add_up_is_refused():
    predictor, x = load(fit_trees, 4)

    class Wrong:
        """Contributions that are a little off."""

        predicts: LabelKind | None = "condition"
        single = False
        predict = staticmethod(predictor.predict)

        def __init__(self, off):
            self.off = off

        def contribute(self, rows):
            added = predictor.contribute(rows)
            added[:, 0] += self.off
            return added

    explain_rows(make_explainer(Wrong(0.0), x[:5]), x[:3])
    for off in (0.01, -0.01, np.nan, np.inf):
        with expect_refusal("SW-461"):
            explain_rows(make_explainer(Wrong(off), x[:5]), x[:3])


def test_a_model_that_answers_otherwise_each_time_is_refused():
    random = np.random.default_rng(1)

    class Moody:
        predicts: LabelKind | None = "condition"
        single = False

        def predict(self, rows):
            return random.uniform(size=len(rows))

    with expect_refusal("SW-461"):
        explain_rows(make_explainer(Moody(), np.zeros((5, 3))), np.zeros((4, 3)))


def test_a_linear_model_that_is_sure_of_everything_is_explained_in_probability():
    x = np.linspace(-1, 1, 200)[:, None] * np.array([1.0, 0.5])
    model = LogisticRegression(C=1e9).fit(x, x[:, 0] > 0)
    predictor = SklearnFormat().load(SklearnFormat().dump(model))
    explainer = make_explainer(predictor, x)
    assert (explainer.method, explainer.unit) == ("exact", "probability")
    explain_rows(explainer, x[:2])


def test_no_rows_explain_nothing_and_no_rows_are_explained():
    predictor, x = load(fit_trees, 4)
    with expect_refusal("SW-462"):
        make_explainer(predictor, x[:0])
    assert explain_rows(make_explainer(predictor, x[:5]), x[:0]).values.shape == (0, 4)
