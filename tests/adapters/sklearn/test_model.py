import warnings

import numpy as np
import pytest
import sklearn
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    HuberRegressor,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from shipway.adapters.onnx.runtime import OnnxRuntime
from shipway.adapters.sklearn.model import SklearnFormat
from shipway.core.error import ShipwayError
from shipway.testing.model import FORMAT_CASES, FormatSample, expect_close, make_labelled, make_odd_rows, make_rows


def make_linear():
    return make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression())


def make_trees(seed=0):
    return HistGradientBoostingClassifier(max_iter=15, random_state=seed)


def make_sample(build):
    return lambda: FormatSample(
        model_format=SklearnFormat(),
        runtime=OnnxRuntime(),
        fit=lambda x, y, seed: build().fit(x, y),
        unfitted=build(),
        predict=lambda estimator, x: estimator.predict_proba(x)[:, 1],
        tolerance=1e-5,
    )


def make_number_sample(build):
    return lambda: FormatSample(
        model_format=SklearnFormat(),
        runtime=OnnxRuntime(),
        fit=lambda x, y, seed: build().fit(x, y),
        unfitted=build(),
        predict=lambda estimator, x: estimator.predict(x),
        tolerance=1e-5,
        kind="number",
    )


def make_class_sample(build, classes):
    return lambda: FormatSample(
        model_format=SklearnFormat(),
        runtime=OnnxRuntime(),
        fit=lambda x, y, seed: build().fit(x, y),
        unfitted=build(),
        predict=lambda estimator, x: estimator.predict_proba(x),
        tolerance=1e-5,
        kind="class",
        classes=classes,
    )


def make_line():
    return make_pipeline(SimpleImputer(), StandardScaler(), Ridge())


def make_number_trees(**params):
    return HistGradientBoostingRegressor(max_iter=15, random_state=0, **params)


@pytest.mark.parametrize("build", [make_linear, make_trees])
@pytest.mark.parametrize("case", FORMAT_CASES)
def test_sklearn_conforms(case, build):
    case(make_sample(build))


@pytest.mark.parametrize("build", [make_line, make_number_trees])
@pytest.mark.parametrize("case", FORMAT_CASES)
def test_regressors_conform(case, build):
    case(make_number_sample(build))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("build", [make_linear, make_trees])
@pytest.mark.parametrize("case", FORMAT_CASES)
def test_classifiers_of_classes_conform(case, build, classes):
    case(make_class_sample(build, classes))


CLASSIFIERS = {
    "forest": make_pipeline(SimpleImputer(), RandomForestClassifier(10, max_depth=6, random_state=0, n_jobs=1)),
    "boosting": make_pipeline(SimpleImputer(), GradientBoostingClassifier(n_estimators=10, random_state=0)),
    "calibrated": make_pipeline(SimpleImputer(), CalibratedClassifierCV(LogisticRegression(), cv=3)),
    "one against the rest": make_pipeline(SimpleImputer(), OneVsRestClassifier(LogisticRegression())),
    "bayes": make_pipeline(SimpleImputer(), GaussianNB()),
    "network": make_pipeline(SimpleImputer(), StandardScaler(), MLPClassifier([8], max_iter=40, random_state=0)),
    "discriminant": make_pipeline(SimpleImputer(), QuadraticDiscriminantAnalysis()),
    "stacked": make_pipeline(SimpleImputer(), StackingClassifier([("a", GaussianNB()), ("b", LogisticRegression())])),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("classes", [2, 5])
def test_usual_classifiers_convert(name, classes):
    estimator = sklearn.base.clone(CLASSIFIERS[name])
    with warnings.catch_warnings():
        # A few rounds are enough of a network here.
        warnings.simplefilter("ignore")
        estimator.fit(*make_labelled(1, "class", classes=classes))
    predictor = SklearnFormat().load(SklearnFormat().dump(estimator, "class"))
    x = make_rows(2)[0]
    expect_close(predictor.predict(x), estimator.predict_proba(x), 1e-5)


def test_an_estimator_of_two_classes_may_be_of_a_condition():
    x, y = make_labelled(1, "class", classes=2)
    estimator = make_linear().fit(x, y)
    told = {kind: SklearnFormat().load(SklearnFormat().dump(estimator, kind)) for kind in (None, "condition", "class")}
    assert {kind: each.predicts for kind, each in told.items()} == {
        None: "condition",
        "condition": "condition",
        "class": "class",
    }
    np.testing.assert_array_equal(told["class"].predict(x)[:, 1], told["condition"].predict(x))


def test_where_nobody_knows_the_label_classes_may_be_called_anything():
    x, y = make_labelled(1, "class")
    estimator = make_linear().fit(x, np.array(["early", "late", "lost"])[y])
    assert SklearnFormat().load(SklearnFormat().dump(estimator)).predict(x[:2]).shape == (2, 3)
    with pytest.raises(ShipwayError, match="of the classes early, late, lost"):
        SklearnFormat().dump(estimator, "class")


@pytest.mark.parametrize("codes", [[0, 2], [1, 2, 3], [-1, 0, 1]])
def test_classes_that_are_not_the_codes_of_the_label_are_refused(codes):
    x, y = make_labelled(1, "class", classes=len(codes))
    estimator = make_linear().fit(x, np.array(codes)[y])
    with pytest.raises(ShipwayError, match=f"of the classes {codes[0]}, {codes[1]}") as refused:
        SklearnFormat().dump(estimator, "class")
    assert "frame.classes" in refused.value.hint


@pytest.mark.parametrize(
    ("estimator", "labels", "said"),
    [
        (OneVsRestClassifier(LogisticRegression()), lambda y: np.column_stack([y > 0, y > 1]), "do not sum to one"),
        (DecisionTreeClassifier(), lambda y: np.column_stack([y, y > 1]), "of several labels"),
        (Ridge(), lambda y: y, "gives no probabilities"),
        (RidgeClassifier(), lambda y: y, "gives no probabilities"),
        (OneVsOneClassifier(LogisticRegression()), lambda y: y, "gives no probabilities"),
        (VotingClassifier([("a", GaussianNB())], voting="soft"), lambda y: y, "does not convert to ONNX"),
        (KNeighborsClassifier(5), lambda y: y, "predicts something else as ONNX"),
    ],
    ids=["several labels", "columns of labels", "regressor", "no probabilities", "one against one", "votes", "nearest"],
)
def test_what_tells_no_classes_apart_is_refused(estimator, labels, said):
    x, y = make_labelled(1, "class")
    with pytest.raises(ShipwayError, match=said) as refused:
        SklearnFormat().dump(estimator.fit(np.nan_to_num(x), labels(y)), "class")
    assert refused.value.code == "SW-501"


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(SimpleImputer(), LinearRegression()),
        make_pipeline(SimpleImputer(), StandardScaler(), ElasticNet(0.1)),
        make_pipeline(SimpleImputer(), StandardScaler(), HuberRegressor()),
        make_pipeline(SimpleImputer(), StandardScaler(), PoissonRegressor()),
        make_pipeline(SimpleImputer(), DecisionTreeRegressor(max_depth=6, random_state=0)),
        make_pipeline(SimpleImputer(), RandomForestRegressor(10, max_depth=6, random_state=0, n_jobs=1)),
        make_pipeline(SimpleImputer(), GradientBoostingRegressor(n_estimators=10, random_state=0)),
        make_pipeline(SimpleImputer(), VotingRegressor([("a", Ridge()), ("b", DecisionTreeRegressor(max_depth=3))])),
        make_pipeline(SimpleImputer(), StandardScaler(), MLPRegressor(hidden_layer_sizes=[8], max_iter=40)),
        make_number_trees(loss="poisson"),
        make_number_trees(loss="gamma"),
        make_number_trees(loss="quantile", quantile=0.9),
        make_number_trees(loss="absolute_error"),
        make_pipeline(StandardScaler(), make_number_trees(loss="poisson")),
    ],
    ids=[
        "least squares", "elastic net", "huber", "poisson", "tree", "forest", "boosting", "votes", "network",
        "poisson trees", "gamma trees", "quantile trees", "absolute trees", "scaled poisson trees",
    ],
)  # fmt: skip
def test_usual_regressors_convert(estimator):
    with warnings.catch_warnings():
        # A few rounds are enough of a network here.
        warnings.simplefilter("ignore")
        estimator.fit(*make_labelled(1, "number"))
    predictor = SklearnFormat().load(SklearnFormat().dump(estimator, "number"))
    x = make_rows(2)[0]
    expect_close(predictor.predict(x), np.asarray(estimator.predict(x), dtype=np.float64), 1e-5)


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(SimpleImputer(), RandomForestClassifier(10, max_depth=6, random_state=0, n_jobs=1)),
        make_pipeline(SimpleImputer(), GradientBoostingClassifier(n_estimators=10, random_state=0)),
        make_pipeline(SimpleImputer(), CalibratedClassifierCV(LogisticRegression(), cv=3)),
        make_pipeline(StandardScaler(), make_trees()),
        make_pipeline(
            make_column_transformer(
                (OneHotEncoder(handle_unknown="ignore"), [2]),
                (make_pipeline(SimpleImputer(), StandardScaler()), [0, 1]),
            ),
            LogisticRegression(),
        ),
    ],
    ids=["forest", "boosting", "calibrated", "scaled histogram trees", "one-hot"],
)
def test_usual_estimators_convert(estimator):
    x, y = make_rows(1)
    estimator.fit(x, y)
    predictor = SklearnFormat().load(SklearnFormat().dump(estimator))
    # The one-hot encoder of scikit-learn takes no missing value that its training did not have.
    whole = np.trunc(np.nan_to_num(make_odd_rows(3)))
    for rows in (make_rows(2)[0], whole):
        np.testing.assert_allclose(predictor.predict(rows), estimator.predict_proba(rows)[:, 1], rtol=0, atol=1e-5)


def test_conversion_that_loses_missing_values_is_refused():
    x, y = make_rows(1)
    forest = RandomForestClassifier(10, max_depth=6, random_state=0, n_jobs=1).fit(x, y)
    with pytest.raises(ShipwayError, match="predicts something else as ONNX") as refused:
        SklearnFormat().dump(forest)
    assert refused.value.code == "SW-501"


def test_conversion_that_loses_categories_is_refused():
    x, y = make_rows(1)
    trees = HistGradientBoostingClassifier(max_iter=10, categorical_features=[1], random_state=0).fit(x, y)
    with pytest.raises(ShipwayError, match="predicts something else as ONNX"):
        SklearnFormat().dump(trees)


def test_estimators_of_others_are_not_accepted():
    lightgbm = pytest.importorskip("lightgbm")
    assert not SklearnFormat().accepts(lightgbm.LGBMClassifier())


def test_a_pipeline_with_a_foreign_estimator_is_refused():
    lightgbm = pytest.importorskip("lightgbm")
    x, y = make_rows(1)
    foreign = lightgbm.LGBMClassifier(n_estimators=2, n_jobs=1, verbosity=-1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline = make_pipeline(SimpleImputer(), foreign).fit(x, y)
    with pytest.raises(ShipwayError, match="does not convert to ONNX") as refused:
        SklearnFormat().dump(pipeline)
    assert refused.value.code == "SW-501"


@pytest.mark.parametrize(
    ("estimator", "kind", "said"),
    [
        (LinearRegression(), "condition", "gives no probabilities"),
        (RidgeClassifier(), "condition", "gives no probabilities"),
        (RidgeClassifier(), "number", "is no regressor"),
        (LogisticRegression(), "number", "is no regressor"),
        (RidgeClassifier(), None, "gives no probabilities and is no regressor"),
        (StandardScaler(), None, "gives no probabilities and is no regressor"),
    ],
)
def test_estimators_of_another_kind_are_refused(estimator, kind, said):
    x, y = make_rows(1)
    with pytest.raises(ShipwayError, match=said) as refused:
        SklearnFormat().dump(estimator.fit(np.nan_to_num(x), y), kind)
    assert refused.value.code == "SW-501"
    assert kind is None or f"the label is a {kind}" in refused.value.hint


def test_a_regressor_of_several_numbers_is_refused():
    x, y = make_labelled(1, "number")
    two = make_pipeline(SimpleImputer(), LinearRegression()).fit(x, np.column_stack([y, -y]))
    with pytest.raises(ShipwayError, match=r"gives shape \(2000, 2\)") as refused:
        SklearnFormat().dump(two, "number")
    assert refused.value.code == "SW-501"


@pytest.mark.parametrize(
    ("build", "additive"),
    [
        (make_linear, True),
        (lambda: make_pipeline(SimpleImputer(), MinMaxScaler(), LogisticRegression()), True),
        (
            lambda: make_pipeline(
                make_column_transformer((OneHotEncoder(handle_unknown="ignore"), [2]), ("passthrough", [0])),
                SimpleImputer(),
                LogisticRegression(),
            ),
            True,
        ),
        (lambda: make_pipeline(SimpleImputer(), Normalizer(), LogisticRegression()), False),
        (lambda: make_pipeline(SimpleImputer(), PolynomialFeatures(2), LogisticRegression(max_iter=500)), False),
        (lambda: HistGradientBoostingClassifier(max_iter=2, random_state=0), False),
    ],
)
def test_a_graph_says_whether_its_log_odds_are_a_sum_over_columns(build, additive):
    x, y = make_rows(1)
    predictor = SklearnFormat().load(SklearnFormat().dump(build().fit(x, y)))
    assert predictor.additive == additive
    rows, gain = np.nan_to_num(x[:30]), np.array([1.0, 1.0, 2.0])

    def score(given):
        p = predictor.predict(given)
        return np.log(p) - np.log1p(-p)

    alone = sum(score(rows + gain * np.eye(3)[at]) - score(rows) for at in range(3))
    together = score(rows + gain) - score(rows)
    assert np.allclose(alone, together, atol=1e-3) == additive


@pytest.mark.parametrize(
    ("build", "additive"),
    [
        (make_line, True),
        (lambda: make_pipeline(SimpleImputer(), PolynomialFeatures(2), LinearRegression()), False),
        (lambda: make_pipeline(SimpleImputer(), StandardScaler(), PoissonRegressor()), False),
        (make_number_trees, False),
    ],
)
def test_a_graph_says_whether_its_number_is_a_sum_over_columns(build, additive):
    estimator = build().fit(*make_labelled(1, "number"))
    predictor = SklearnFormat().load(SklearnFormat().dump(estimator))
    assert predictor.additive == additive
    rows, gain = np.nan_to_num(make_rows(2)[0][:30]), np.array([1.0, 1.0, 2.0])
    score = predictor.predict
    alone = sum(score(rows + gain * np.eye(3)[at]) - score(rows) for at in range(3))
    assert np.allclose(alone, score(rows + gain) - score(rows), atol=1e-2) == additive
