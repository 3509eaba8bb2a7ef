import json

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.adapters.onnx.runtime import OnnxRuntime
from shipway.adapters.xgboost.document import read_document
from shipway.adapters.xgboost.model import XgboostFormat
from shipway.core.error import ShipwayError
from shipway.testing.model import (
    FORMAT_CASES,
    PORTABLE_TOLERANCE,
    FormatSample,
    expect_close,
    make_labelled,
    make_odd_rows,
    make_rows,
)

QUIET = {"nthread": 1, "seed": 0}


def fit_booster(x, y, seed, rounds=5, **params):
    classes = len(np.unique(y))
    due = {"objective": "binary:logistic"} if classes == 2 else {"objective": "multi:softprob", "num_class": classes}
    return xgboost.train({**due, **QUIET, "seed": seed, **params}, xgboost.DMatrix(x, y), rounds)


def fit_classifier(x, y, seed):
    return xgboost.XGBClassifier(n_estimators=5, max_depth=4, n_jobs=1, random_state=seed).fit(x, y)


def make_booster():
    return FormatSample(
        model_format=XgboostFormat(), runtime=OnnxRuntime(), fit=fit_booster, unfitted=xgboost.Booster(),
        predict=lambda booster, x: booster.inplace_predict(x),
    )  # fmt: skip


def make_classifier():
    return FormatSample(
        model_format=XgboostFormat(), runtime=OnnxRuntime(), fit=fit_classifier, unfitted=xgboost.XGBClassifier(),
        predict=lambda classifier, x: classifier.predict_proba(x)[:, 1],
    )  # fmt: skip


def fit_number(x, y, seed, **params):
    return xgboost.train({"objective": "reg:squarederror", **QUIET, "seed": seed, **params}, xgboost.DMatrix(x, y), 5)


def make_number():
    return FormatSample(
        model_format=XgboostFormat(), runtime=OnnxRuntime(), fit=fit_number, unfitted=xgboost.Booster(),
        predict=lambda booster, x: booster.inplace_predict(x), kind="number",
    )  # fmt: skip


def make_count():
    return FormatSample(
        model_format=XgboostFormat(), runtime=OnnxRuntime(), unfitted=xgboost.Booster(), kind="number",
        fit=lambda x, y, seed: fit_number(x, y, seed, objective="count:poisson"),
        predict=lambda booster, x: booster.inplace_predict(x),
    )  # fmt: skip


def make_regressor():
    return FormatSample(
        model_format=XgboostFormat(), runtime=OnnxRuntime(), unfitted=xgboost.XGBRegressor(), kind="number",
        fit=lambda x, y, seed: xgboost.XGBRegressor(n_estimators=5, max_depth=4, n_jobs=1, random_state=seed).fit(x, y),
        predict=lambda regressor, x: regressor.predict(x),
    )  # fmt: skip


def fit_class(x, y, seed, classes=3, **params):
    due = {"objective": "multi:softprob", "num_class": classes, **QUIET, "seed": seed, **params}
    return xgboost.train(due, xgboost.DMatrix(x, y), 5)


def make_class(classes=3, **params):
    return FormatSample(
        model_format=XgboostFormat(), runtime=OnnxRuntime(), unfitted=xgboost.Booster(), kind="class", classes=classes,
        fit=lambda x, y, seed: fit_class(x, y, seed, classes, **params),
        predict=lambda booster, x: booster.inplace_predict(x),
    )  # fmt: skip


def make_two_classes():
    return FormatSample(
        model_format=XgboostFormat(), runtime=OnnxRuntime(), fit=fit_classifier, unfitted=xgboost.XGBClassifier(),
        predict=lambda classifier, x: np.column_stack([1 - (p := predict_second(classifier, x)), p]), kind="class",
        classes=2,
    )  # fmt: skip


def predict_second(classifier, x):
    return classifier.get_booster().inplace_predict(x).astype(np.float64)


def make_class_of_two():
    # What is trained with as many numbers as there are classes is no condition.
    return make_class(2)


def make_class_forest():
    return make_class(num_parallel_tree=3, subsample=0.5)


def make_class_classifier():
    return FormatSample(
        model_format=XgboostFormat(), runtime=OnnxRuntime(), fit=fit_classifier, unfitted=xgboost.XGBClassifier(),
        predict=lambda classifier, x: classifier.predict_proba(x), kind="class",
    )  # fmt: skip


@pytest.mark.parametrize("make", [make_booster, make_classifier, make_number, make_count, make_regressor])
@pytest.mark.parametrize("case", FORMAT_CASES)
def test_xgboost_conforms(case, make):
    case(make)


@pytest.mark.parametrize(
    "make", [make_class, make_class_classifier, make_class_forest, make_class_of_two, make_two_classes]
)
@pytest.mark.parametrize("case", FORMAT_CASES)
def test_models_of_classes_conform(case, make):
    case(make)


@pytest.fixture(scope="module")
def data():
    return XgboostFormat().dump(fit_booster(*make_rows(1, 300), 0, rounds=2, max_depth=3))


def refuse(code, call, *args):
    with pytest.raises(ShipwayError) as refused:
        call(*args)
    assert refused.value.code == code
    return refused.value.fact


def test_a_classifier_that_stopped_early_predicts_with_its_best_round():
    x, y = make_rows(1)
    classifier = xgboost.XGBClassifier(n_estimators=60, learning_rate=0.9, early_stopping_rounds=3, n_jobs=1)
    classifier.fit(x[:1000], y[:1000], eval_set=[(x[1000:], y[1000:])], verbose=False)
    assert classifier.best_iteration + 1 < classifier.get_booster().num_boosted_rounds()
    loaded = XgboostFormat().load(XgboostFormat().dump(classifier))
    np.testing.assert_array_equal(loaded.predict(x), classifier.predict_proba(x)[:, 1])


@pytest.mark.parametrize(
    ("params", "kind", "said"),
    [
        ({"objective": "reg:squarederror"}, "condition", "is for reg:squarederror, not a probability"),
        ({"objective": "binary:logistic"}, "number", "is for binary:logistic, not a number"),
        ({"objective": "binary:logitraw"}, None, "is for binary:logitraw, not a probability, a number or classes"),
        ({"objective": "reg:squarederror"}, "class", "is for reg:squarederror, not a probability of each class"),
        ({"objective": "rank:pairwise"}, "number", "is for rank:pairwise, not a number"),
        ({"booster": "dart"}, "condition", "is a dart"),
        ({"booster": "gblinear"}, None, "is a gblinear"),
    ],
)
def test_what_gives_neither_probability_nor_number_or_no_trees_is_refused(params, kind, said):
    x, y = make_rows(1, 300)
    assert said in refuse("SW-501", XgboostFormat().dump, fit_booster(np.nan_to_num(x), y, 0, **params), kind)


@pytest.mark.parametrize(
    "params",
    [
        {"objective": "reg:squarederror"},
        {"objective": "reg:squarederror", "base_score": 40.0},
        {"objective": "reg:absoluteerror"},
        {"objective": "reg:pseudohubererror"},
        {"objective": "reg:squaredlogerror"},
        {"objective": "reg:quantileerror", "quantile_alpha": 0.9},
        {"objective": "count:poisson"},
        {"objective": "reg:gamma"},
        {"objective": "reg:tweedie", "tweedie_variance_power": 1.3, "base_score": 3.0},
        {"objective": "reg:squarederror", "num_parallel_tree": 3, "subsample": 0.5, "learning_rate": 1.0},
    ],
    ids=lambda params: ",".join(map(str, params.values())),
)
def test_numbers_of_every_objective_are_those_of_the_library(params):
    booster = fit_number(*make_labelled(1, "number"), 0, max_depth=4, **params)
    form = XgboostFormat().dump(booster, "number")
    native, portable = XgboostFormat().load(form), OnnxRuntime().load(XgboostFormat().to_onnx(form, 3))
    for x in (make_rows(2)[0], make_odd_rows(3)):
        expected = booster.predict(xgboost.DMatrix(x)).astype(np.float64)
        assert np.ptp(expected) > 0.1
        np.testing.assert_array_equal(native.predict(x), expected)
        expect_close(portable.predict(x), expected, PORTABLE_TOLERANCE)
    added = native.contribute(make_rows(2)[0])
    assert (added is None) == (params["objective"] in ("count:poisson", "reg:gamma", "reg:tweedie"))


def test_more_than_one_number_for_each_row_is_refused():
    x, y = make_labelled(1, "number", 300)
    both = xgboost.train({"objective": "reg:squarederror", **QUIET}, xgboost.DMatrix(x, np.column_stack([y, -y])), 2)
    assert "gives 2 numbers" in refuse("SW-501", XgboostFormat().dump, both, "number")
    params = {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.9], **QUIET}
    band = xgboost.train(params, xgboost.QuantileDMatrix(x, y), 2)
    assert "gives 2 numbers" in refuse("SW-501", XgboostFormat().dump, band, "number")


@pytest.mark.parametrize(
    "params",
    [{"base_score": 0.3}, {"max_depth": 9, "learning_rate": 1.0}, {"num_parallel_tree": 2, "colsample_bynode": 0.5}],
    ids=lambda params: ",".join(params),
)
@pytest.mark.parametrize("classes", [2, 3, 12])
def test_probabilities_of_classes_are_those_of_the_library(classes, params):
    booster = fit_class(*make_labelled(1, "class", classes=classes), 0, classes, **params)
    form = XgboostFormat().dump(booster, "class")
    native, portable = XgboostFormat().load(form), OnnxRuntime().load(XgboostFormat().to_onnx(form, 3))
    for x in (make_rows(2)[0], make_odd_rows(3)):
        expected = booster.predict(xgboost.DMatrix(x)).astype(np.float64)
        assert expected.shape == (len(x), classes)
        assert np.ptp(expected) > 0.1
        np.testing.assert_array_equal(native.predict(x), expected)
        expect_close(portable.predict(x), expected, 1e-6)


def test_two_classes_are_learned_as_a_condition_is_or_as_more_are():
    x, y = make_labelled(1, "class", classes=2)
    plain, told = XgboostFormat().dump(fit_classifier(x, y, 0)), XgboostFormat().dump(fit_classifier(x, y, 0), "class")
    assert XgboostFormat().load(plain).predicts == "condition"
    assert XgboostFormat().load(told).predicts == "class"
    np.testing.assert_array_equal(XgboostFormat().load(told).predict(x)[:, 1], XgboostFormat().load(plain).predict(x))
    booster = fit_class(x, y, 0, 2)
    assert "not a probability" in refuse("SW-501", XgboostFormat().dump, booster, "condition")


def test_what_names_a_class_without_saying_how_probable_it_is_is_refused():
    booster = fit_class(*make_labelled(1, "class"), 0, objective="multi:softmax")
    with pytest.raises(ShipwayError, match="is for multi:softmax") as refused:
        XgboostFormat().dump(booster, "class")
    assert 'objective="multi:softprob"' in refused.value.hint


def test_leaves_of_all_classes_at_once_are_refused():
    params = {"multi_strategy": "multi_output_tree", "tree_method": "hist"}
    booster = fit_class(*make_labelled(1, "class"), 0, **params)
    assert "of all classes at once" in refuse("SW-501", XgboostFormat().dump, booster, "class")


def test_a_classifier_of_classes_that_stopped_early_predicts_with_its_best_round():
    x, y = make_labelled(1, "class")
    classifier = xgboost.XGBClassifier(n_estimators=60, learning_rate=0.9, early_stopping_rounds=3, n_jobs=1)
    classifier.fit(x[:1000], y[:1000], eval_set=[(x[1000:], y[1000:])], verbose=False)
    assert classifier.best_iteration + 1 < classifier.get_booster().num_boosted_rounds()
    loaded = XgboostFormat().load(XgboostFormat().dump(classifier, "class"))
    np.testing.assert_array_equal(loaded.predict(x), classifier.predict_proba(x))


def test_sets_of_categories_stay_native():
    x, y = make_rows(1)
    rows = xgboost.DMatrix(x, y, feature_types=["q", "c", "q"], enable_categorical=True)
    booster = xgboost.train({"objective": "binary:logistic", "max_cat_to_onehot": 1, **QUIET}, rows, 5)
    form = XgboostFormat().dump(booster)
    assert any(1 in tree.split_type for tree in read_document(form).trees)
    np.testing.assert_array_equal(XgboostFormat().load(form).predict(x), booster.predict(rows))
    assert "sets of categories" in refuse("SW-501", XgboostFormat().to_onnx, form, 3)


def test_infinite_values_go_the_way_of_the_greatest():
    form = XgboostFormat().dump(fit_booster(*make_rows(1), 0))
    x = make_odd_rows(3)
    x[::3, 0], x[1::3, 0] = np.inf, -np.inf
    native, portable = XgboostFormat().load(form), OnnxRuntime().load(XgboostFormat().to_onnx(form, 3))
    np.testing.assert_allclose(native.predict(x), portable.predict(x), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("left_children", 0), 10_000),
        (("right_children", 0), -5),
        (("left_children", 0), 0),
        (("split_indices", 0), 3),
        (("split_indices", 0), -1),
        (("split_type", 0), 1),
        (("parents", 1), 77),
        (("categories",), [1]),
        (("split_conditions",), [0.5]),
        (("tree_param", "num_nodes"), "4"),
        (("tree_param", "num_feature"), "2"),
        (("tree_param", "size_leaf_vector"), "8"),
    ],
)
def test_a_tree_that_refers_to_what_is_not_there_never_reaches_the_library(data, path, value):
    document = json.loads(data)
    place = document["learner"]["gradient_booster"]["model"]["trees"][0]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    refuse("SW-502", XgboostFormat().load, json.dumps(document).encode())


@pytest.fixture(scope="module")
def class_data():
    return XgboostFormat().dump(fit_class(*make_labelled(1, "class", 300), 0, max_depth=3), "class")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("learner_model_param", "num_class"), "2"),
        (("learner_model_param", "num_class"), "0"),
        (("learner_model_param", "num_class"), "1000000"),
        (("learner_model_param", "num_class"), "-3"),
        (("learner_model_param", "base_score"), "[0,0]"),
        (("learner_model_param", "base_score"), "[0,0,1e999]"),
        (("objective", "name"), "multi:softmax"),
        (("objective", "name"), "binary:logistic"),
        (("gradient_booster", "model", "tree_info"), [0, 1, 3] * 5),
        (("gradient_booster", "model", "tree_info"), [0, 1, -1] * 5),
        (("gradient_booster", "model", "tree_info"), [0, 1, 2]),
    ],
)
def test_a_document_of_classes_that_contradicts_itself_is_refused(class_data, path, value):
    document = json.loads(class_data)
    place = document["learner"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    refuse("SW-502", XgboostFormat().load, json.dumps(document).encode())


@settings(max_examples=40)
@given(st.data())
def test_no_flipped_byte_of_a_model_of_classes_ends_the_process(class_data, draw):
    spoiled = bytearray(class_data)
    spoiled[draw.draw(st.integers(0, len(class_data) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
    try:
        loaded = XgboostFormat().load(bytes(spoiled))
    except ShipwayError:
        return
    assert len(loaded.predict(make_rows(2, 20)[0])) == 20


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("learner_model_param", "num_class"), "3"),
        (("learner_model_param", "num_target"), "2"),
        (("learner_model_param", "num_feature"), "many"),
        (("learner_model_param", "base_score"), "[5E-1,5E-1]"),
        (("learner_model_param", "base_score"), "[2]"),
        (("objective", "name"), "rank:pairwise"),
        (("gradient_booster", "name"), "dart"),
        (("gradient_booster", "model", "tree_info"), [0]),
        (("gradient_booster", "model", "iteration_indptr"), [0, 9]),
        (("gradient_booster", "model", "gbtree_model_param", "num_trees"), "7"),
    ],
)
def test_a_document_that_contradicts_itself_is_refused(data, path, value):
    document = json.loads(data)
    place = document["learner"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    refuse("SW-502", XgboostFormat().load, json.dumps(document).encode())


@settings(max_examples=60)
@given(st.data())
def test_no_flipped_byte_ends_the_process(data, draw):
    spoiled = bytearray(data)
    spoiled[draw.draw(st.integers(0, len(data) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
    try:
        loaded = XgboostFormat().load(bytes(spoiled))
    except ShipwayError:
        return
    assert loaded.predict(make_rows(2, 20)[0]).shape == (20,)


def expect_of_tree(node, row, known):
    """Return what a tree says of a row of which only some columns are known (Lundberg et al. 2020, algorithm 1)."""
    if "leaf" in node:
        return node["leaf"]
    children = {child["nodeid"]: child for child in node["children"]}
    column = int(node["split"].removeprefix("f"))
    if column in known:
        value = row[column]
        way = (
            "missing" if np.isnan(value) else "yes" if np.float32(value) < np.float32(node["split_condition"]) else "no"
        )
        return expect_of_tree(children[node[way]], row, known)
    covers = [child["cover"] for child in node["children"]]
    return np.dot(covers, [expect_of_tree(child, row, known) for child in node["children"]]) / sum(covers)


def test_contributions_are_shapley_values_of_the_trees():
    """The library's values against all coalitions, walked here: its trees, its covers and gaps."""
    x, y = make_rows(1)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 3, "nthread": 1}, xgboost.DMatrix(x, y), 6)
    trees = [json.loads(tree) for tree in booster.get_dump(with_stats=True, dump_format="json")]
    predictor = XgboostFormat().load(XgboostFormat().dump(booster))
    rows = make_rows(2)[0]
    rows = np.vstack([rows[:4], rows[np.isnan(rows).any(axis=1)][:3]])
    added = predictor.contribute(rows)
    coalitions = [frozenset(at for at in range(3) if number >> at & 1) for number in range(8)]
    for row, found in zip(rows, added, strict=True):
        worth = {known: sum(expect_of_tree(tree, row, known) for tree in trees) for known in coalitions}
        due = [
            sum(
                (worth[known | {at}] - worth[known]) * (2 if len(known) in (0, 2) else 1) / 6
                for known in coalitions
                if at not in known
            )
            for at in range(3)
        ]
        np.testing.assert_allclose(found[:3], due, atol=1e-5)
