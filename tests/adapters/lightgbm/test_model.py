import os
import subprocess
import sys

import lightgbm
import numpy as np
import onnxruntime
import pytest

from shipway.adapters.lightgbm.model import LightgbmFormat
from shipway.adapters.onnx.runtime import OnnxRuntime
from shipway.core.bundle import measure_difference
from shipway.core.error import ShipwayError
from shipway.testing.model import FORMAT_CASES, FormatSample, make_labelled, make_rows

QUIET = {"num_threads": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1, "min_data_per_group": 5}
COLUMNS = 6


def fit_booster(x, y, seed, **params):
    classes = len(np.unique(y))
    objective = {"objective": "binary"} if classes == 2 else {"objective": "multiclass", "num_class": classes}
    data = lightgbm.Dataset(x, y, categorical_feature=[1])
    return lightgbm.train({**objective, **QUIET, "seed": seed, **params}, data, 20)


def fit_classifier(x, y, seed, **params):
    quiet = {**QUIET, "n_jobs": QUIET["num_threads"]}
    del quiet["num_threads"]
    return lightgbm.LGBMClassifier(n_estimators=20, random_state=seed, **quiet, **params).fit(
        x, y, categorical_feature=[1]
    )


def make_booster_sample():
    x, y = make_rows(9)
    return FormatSample(
        model_format=LightgbmFormat(),
        runtime=OnnxRuntime(),
        fit=fit_booster,
        unfitted=lightgbm.Booster({**QUIET, "objective": "binary"}, lightgbm.Dataset(x, y)),
        predict=lambda booster, x: booster.predict(x, num_threads=1),
    )


def make_classifier_sample():
    return FormatSample(
        model_format=LightgbmFormat(),
        runtime=OnnxRuntime(),
        fit=fit_classifier,
        unfitted=lightgbm.LGBMClassifier(),
        predict=lambda classifier, x: classifier.booster_.predict(x, num_threads=1),
    )


def fit_number(x, y, seed, **params):
    data = lightgbm.Dataset(x, y, categorical_feature=[1])
    return lightgbm.train({"objective": "regression", **QUIET, "seed": seed, **params}, data, 20)


def make_number_sample(**params):
    x, y = make_labelled(9, "number")
    return FormatSample(
        model_format=LightgbmFormat(),
        runtime=OnnxRuntime(),
        fit=lambda x, y, seed: fit_number(x, y, seed, **params),
        unfitted=lightgbm.Booster({**QUIET, "objective": "regression"}, lightgbm.Dataset(x, y)),
        predict=lambda booster, x: booster.predict(x, num_threads=1),
        kind="number",
    )


def make_count_sample():
    return make_number_sample(objective="poisson")


def make_regressor_sample():
    quiet = {**QUIET, "n_jobs": QUIET["num_threads"]}
    del quiet["num_threads"]

    def fit(x, y, seed):
        regressor = lightgbm.LGBMRegressor(n_estimators=20, random_state=seed, **quiet)
        return regressor.fit(x, y, categorical_feature=[1])

    return FormatSample(
        model_format=LightgbmFormat(),
        runtime=OnnxRuntime(),
        fit=fit,
        unfitted=lightgbm.LGBMRegressor(),
        predict=lambda regressor, x: regressor.booster_.predict(x, num_threads=1),
        kind="number",
    )


def make_class_sample(classes=3):
    x, y = make_labelled(9, "class", classes=classes)

    def predict(booster, x):
        said = booster.predict(x, num_threads=1)
        return said if classes > 2 else np.column_stack([1 - said, said])

    return FormatSample(
        model_format=LightgbmFormat(),
        runtime=OnnxRuntime(),
        fit=fit_booster,
        unfitted=lightgbm.Booster(
            {**QUIET, "objective": "multiclass", "num_class": classes}, lightgbm.Dataset(x, y.astype(np.float64))
        ),
        predict=predict,
        kind="class",
        classes=classes,
    )


def make_two_class_sample():
    return make_class_sample(2)


def make_wide_rows(seed, *, holes=True, rows=3_000):
    """Two real columns of different scale, two categories, a small whole number and one beyond 2 ** 24."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, COLUMNS))
    x[:, 1] = random.integers(0, 60, rows)
    x[:, 2] = np.round(x[:, 2] * 3)
    x[:, 3] = random.integers(0, 3, rows)
    x[:, 4] = random.integers(0, 10**9, rows) * 1000.0
    x[:, 5] *= 1e-3
    if holes:
        x[random.random(rows) < 0.2, 0] = np.nan
        x[random.random(rows) < 0.1, 1] = np.nan
    signal = np.nan_to_num(x[:, 0]) + (np.nan_to_num(x[:, 1]) % 3 == 0) + (x[:, 3] == 2) + x[:, 4] / 1e12
    return x.astype(np.float32).astype(np.float64), signal + 0.2 * x[:, 2] + random.normal(size=rows) > 1


def thresholds_of(booster):
    found = [[] for _ in range(COLUMNS)]
    nodes = [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]
    while nodes:
        node = nodes.pop()
        if "split_feature" in node:
            nodes += [node["left_child"], node["right_child"]]
            if node["decision_type"] == "<=":
                found[node["split_feature"]].append(node["threshold"])
    return found


def make_hostile_rows(booster, x, seed):
    """Rows at every threshold and a step of single precision to either side, and with every odd value anywhere."""
    random = np.random.default_rng(seed)
    at_ties = x[random.integers(0, len(x), 4_000)].copy()
    for column, thresholds in enumerate(thresholds_of(booster)):
        if thresholds:
            tie = random.choice(thresholds, len(at_ties)).astype(np.float32)
            steps = [np.nextafter(tie, np.float32(-np.inf)), tie, np.nextafter(tie, np.float32(np.inf))]
            near = np.choose(random.integers(0, 3, len(tie)), steps)
            at_ties[:, column] = np.where(random.random(len(tie)) < 0.7, near, at_ties[:, column])
    blocks = [x[:500], at_ties, np.full((1, COLUMNS), np.nan)]
    for value in (np.nan, 0.0, -0.0, 1e30, -1e30, np.inf, -np.inf, 1e-40, -1e-35, -1.0, 999.0, 2.0**31, 3e9):
        for column in range(COLUMNS):
            block = x[:40].copy()
            block[:, column] = value
            blocks.append(block)
    rows = np.concatenate(blocks)
    # A category is a whole number; LightGBM would cut off the rest of another, ONNX would not.
    rows[:, [1, 3]] = np.trunc(rows[:, [1, 3]])
    return rows.astype(np.float32).astype(np.float64)


@pytest.mark.parametrize(
    "make",
    [
        make_booster_sample,
        make_classifier_sample,
        make_number_sample,
        make_count_sample,
        make_regressor_sample,
        make_class_sample,
        make_two_class_sample,
    ],
)
@pytest.mark.parametrize("case", FORMAT_CASES)
def test_lightgbm_conforms(case, make):
    case(make)


@pytest.mark.parametrize(
    ("params", "holes"),
    [
        ({}, True),
        ({}, False),
        ({"use_missing": False}, True),
        ({"sigmoid": 2.0}, True),
        ({"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}, True),
        ({"boosting": "dart"}, True),
        ({"monotone_constraints": [1, 0, 0, 0, -1, 0]}, True),
        ({"extra_trees": True, "num_leaves": 127, "min_data_in_leaf": 5}, True),
        ({"max_cat_to_onehot": 100}, True),
        ({"cat_smooth": 1, "min_data_per_group": 1, "num_leaves": 127, "min_data_in_leaf": 1}, True),
        ({"num_leaves": 2}, True),
    ],
    ids=lambda v: ",".join(v) if isinstance(v, dict) else None,
)
def test_portable_form_agrees_on_hostile_rows(params, holes):
    x, y = make_wide_rows(3, holes=holes)
    train = lightgbm.Dataset(x, y, categorical_feature=[1, 3])
    booster = lightgbm.train({"objective": "binary", "seed": 1, **QUIET, **params}, train, 25)
    model_format = LightgbmFormat()
    data = model_format.dump(booster)
    rows = make_hostile_rows(booster, x, 5)
    expected = booster.predict(rows, num_threads=1)
    np.testing.assert_array_equal(model_format.load(data).predict(rows), expected)
    portable = OnnxRuntime().load(model_format.to_onnx(data, COLUMNS))
    np.testing.assert_allclose(portable.predict(rows), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "params",
    [
        {"objective": "regression"},
        {"objective": "regression", "reg_sqrt": True},
        {"objective": "regression_l1"},
        {"objective": "regression_l1", "reg_sqrt": True},
        {"objective": "huber"},
        {"objective": "fair", "fair_c": 5.0},
        {"objective": "poisson"},
        {"objective": "quantile", "alpha": 0.9},
        {"objective": "mape"},
        {"objective": "gamma"},
        {"objective": "tweedie", "tweedie_variance_power": 1.3},
        {"objective": "rmse", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6},
        {"objective": "poisson", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6},
        {"objective": "mse", "boosting": "dart"},
    ],
    ids=lambda params: ",".join(map(str, params.values())),
)
def test_numbers_of_every_objective_agree_on_hostile_rows(params):
    x, y = make_wide_rows(3)
    train = lightgbm.Dataset(x, np.exp(0.7 * np.nan_to_num(x[:, 0]) + 2 * y), categorical_feature=[1, 3])
    booster = lightgbm.train({"seed": 1, **QUIET, **params}, train, 25)
    model_format = LightgbmFormat()
    data = model_format.dump(booster, "number")
    rows = make_hostile_rows(booster, x, 5)
    expected = booster.predict(rows, num_threads=1)
    assert np.ptp(expected) > 1
    native = model_format.load(data)
    assert native.predicts == "number"
    np.testing.assert_array_equal(native.predict(rows), expected)
    portable = OnnxRuntime().load(model_format.to_onnx(data, COLUMNS))
    assert measure_difference(portable.predict(rows), expected).max() < 2e-6


@pytest.mark.parametrize(
    ("params", "fact"), [({"linear_tree": True}, "linear models"), ({"zero_as_missing": True}, "zeros as missing")]
)
def test_parts_onnx_lacks_are_refused(params, fact):
    model_format = LightgbmFormat()
    x, y = make_rows(1)
    data = model_format.dump(fit_booster(x, y, 0, **params))
    with pytest.raises(ShipwayError, match=fact) as refused:
        model_format.to_onnx(data, 3)
    assert refused.value.code == "SW-501"


def test_threads_and_verbosity_leave_no_trace():
    x, y = make_rows(1)
    model_format = LightgbmFormat()
    data = model_format.dump(fit_booster(x, y, 0))
    assert data == model_format.dump(fit_booster(x, y, 0, num_threads=2, verbosity=-2, machine_list_filename="x"))
    assert b"num_threads" not in data
    assert data == model_format.dump(lightgbm.Booster(model_str=data.decode()))


def test_a_batch_is_predicted_without_a_warning(capfd):
    x, y = make_rows(1)
    model_format = LightgbmFormat()
    graph = model_format.to_onnx(model_format.dump(fit_booster(x, y, 0)), 3)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    (probabilities,) = session.run(None, {"x": x[:64].astype(np.float32)})
    assert probabilities.shape == (64, 2)
    assert capfd.readouterr().err == ""


def test_early_stopping_keeps_the_best_iteration():
    x, y = make_rows(1)
    data = lightgbm.Dataset(x, y)
    valid = lightgbm.Dataset(*make_rows(2), reference=data)
    booster = lightgbm.train(
        {"objective": "binary", "learning_rate": 0.5, **QUIET},
        data,
        200,
        valid_sets=[valid],
        callbacks=[lightgbm.early_stopping(3, verbose=False)],
    )
    assert 0 < booster.best_iteration < 200
    loaded = LightgbmFormat().load(LightgbmFormat().dump(booster))
    np.testing.assert_array_equal(loaded.predict(x), booster.predict(x, num_threads=1))


@pytest.mark.parametrize(
    ("objective", "kind", "said"),
    [
        ("regression", "condition", "not a probability"),
        ("poisson", "condition", "not a probability"),
        ("binary", "number", "not a number"),
        ("cross_entropy", "condition", "not a probability"),
        ("cross_entropy", "number", "not a number"),
        ("cross_entropy", None, "not a probability, a number or classes"),
    ],
)
def test_other_objectives_are_refused(objective, kind, said):
    x, y = make_rows(1)
    booster = lightgbm.train({**QUIET, "objective": objective}, lightgbm.Dataset(x, y.astype(float)), 2)
    with pytest.raises(ShipwayError, match=f"predicts {objective}, {said}") as refused:
        LightgbmFormat().dump(booster, kind)
    assert refused.value.code == "SW-501"
    assert "train it with objective=" in refused.value.hint
    assert kind is None or f"the label is a {kind}" in refused.value.hint


def test_pandas_categories_are_refused():
    x, y = make_rows(1)
    text = fit_booster(x, y, 0).model_to_string().replace("pandas_categorical:null", 'pandas_categorical:[["a", "b"]]')
    with pytest.raises(ShipwayError, match="pandas"):
        LightgbmFormat().dump(lightgbm.Booster(model_str=text))


def test_another_estimator_is_refused():
    with pytest.raises(ShipwayError, match="is a dict"):
        LightgbmFormat().dump({})


CONVERT = """
import hashlib
from pathlib import Path
from shipway.adapters.lightgbm.model import LightgbmFormat
data = Path("model.txt").read_bytes()
print(hashlib.sha256(LightgbmFormat().to_onnx(data, 3)).hexdigest())
"""


def test_the_portable_form_is_the_same_in_every_process(tmp_path):
    (tmp_path / "model.txt").write_bytes(LightgbmFormat().dump(fit_booster(*make_rows(1), 0)))
    digests = {
        subprocess.run(
            [sys.executable, "-c", CONVERT],
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(4)
    }
    assert len(digests) == 1


def expect_of_tree(node, row, known):
    """Return what a tree says of a row of which only some columns are known (Lundberg et al. 2020, algorithm 1)."""
    if "leaf_value" in node:
        return node["leaf_value"]
    left, right = node["left_child"], node["right_child"]
    if node["split_feature"] in known:
        value = row[node["split_feature"]]
        if node["decision_type"] == "==":
            goes_left = not np.isnan(value) and str(int(value)) in node["threshold"].split("||")
        elif np.isnan(value):
            goes_left = node["default_left"]
        else:
            goes_left = value <= node["threshold"]
        return expect_of_tree(left if goes_left else right, row, known)
    counts = [child.get("internal_count", child.get("leaf_count")) for child in (left, right)]
    said = [expect_of_tree(child, row, known) for child in (left, right)]
    return np.dot(counts, said) / sum(counts)


def test_contributions_are_shapley_values_of_the_trees():
    """The library's values against all coalitions, walked here: its trees, its counts, its categories and gaps."""
    x, y = make_rows(1)
    booster = fit_booster(x, y, 0, num_leaves=12)
    trees = [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]
    predictor = LightgbmFormat().load(LightgbmFormat().dump(booster))
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
        np.testing.assert_allclose(found, [*due, worth[frozenset()]], atol=1e-9)


@pytest.mark.parametrize(
    ("params", "known"),
    [
        ({"sigmoid": 2.0}, True),
        ({"boosting": "dart"}, True),
        ({"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, False),
        ({"linear_tree": True}, False),
    ],
)
def test_contributions_are_log_odds_or_not_known(params, known):
    x, y = make_rows(1)
    data = lightgbm.Dataset(x, y, params=params)
    booster = lightgbm.train({"objective": "binary", **QUIET, **params}, data, 10)
    predictor = LightgbmFormat().load(LightgbmFormat().dump(booster))
    added = predictor.contribute(x[:50])
    assert (added is not None) == known
    if known:
        p = predictor.predict(x[:50])
        np.testing.assert_allclose(added.sum(axis=1), np.log(p) - np.log1p(-p), atol=1e-9)


@pytest.mark.parametrize(
    ("params", "known"),
    [
        ({"objective": "huber"}, True),
        ({"objective": "quantile", "alpha": 0.8}, True),
        ({"objective": "regression", "reg_sqrt": True}, False),
        ({"objective": "gamma"}, False),
        ({"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5}, False),
        ({"linear_tree": True}, False),
    ],
)
def test_contributions_are_the_number_or_not_known(params, known):
    x, y = make_labelled(1, "number")
    data = lightgbm.Dataset(x, y, params=params)
    booster = lightgbm.train({"objective": "regression", **QUIET, **params}, data, 10)
    predictor = LightgbmFormat().load(LightgbmFormat().dump(booster))
    added = predictor.contribute(x[:50])
    assert (added is not None) == known
    if known:
        np.testing.assert_allclose(added.sum(axis=1), predictor.predict(x[:50]), atol=1e-9)


def test_probabilities_that_do_not_sum_to_one_are_refused():
    x, y = make_labelled(9, "class")
    each = lightgbm.train(
        {**QUIET, "objective": "multiclassova", "num_class": 3}, lightgbm.Dataset(x, y.astype(np.float64)), 3
    )
    with pytest.raises(ShipwayError, match="SW-501") as refused:
        LightgbmFormat().dump(each, "class")
    assert "multiclassova, not a probability of each class" in refused.value.fact
    assert "sum to one" in refused.value.hint


def test_a_random_forest_of_classes_averages_in_both_forms():
    x, y = make_labelled(9, "class")
    forest = {"objective": "multiclass", "num_class": 3, "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}
    booster = lightgbm.train({**QUIET, **forest}, lightgbm.Dataset(x, y.astype(np.float64)), 7)
    data = LightgbmFormat().dump(booster, "class")
    native, portable = LightgbmFormat().load(data), OnnxRuntime().load(LightgbmFormat().to_onnx(data, 3))
    assert measure_difference(portable.predict(x), native.predict(x)).max() < 1e-6
    assert native.contribute(x) is None
