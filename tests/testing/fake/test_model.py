import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from shipway.core.error import ShipwayError
from shipway.testing.fake import LinearClassifier, LinearFormat, LinearRegressor, LinearRuntime
from shipway.testing.fake.model import LinearPredictor, LinearScore, LinearTerm
from shipway.testing.model import make_labelled, make_odd_rows, make_rows

SCORE = LinearScore(-0.5, (LinearTerm(-1.0, 3.0, 2.0, 0.25), LinearTerm(7.0, 7.0, 5.0, -1.0)))
DATA = LinearFormat().dump(LinearClassifier((SCORE,)))
PORTABLE = LinearFormat().to_onnx(DATA, 2)
START = len(PORTABLE) - 4 * 9


def predict_slowly(score, row):
    total = score.intercept
    for value, term in zip(row, score.terms, strict=True):
        if math.isnan(value):
            total += term.gap
        elif term.low < term.high:
            total += term.weight * (min(max(value, term.low), term.high) - term.low) / (term.high - term.low)
    return 1 / (1 + math.exp(-total))


def fit(x, y):
    (score,) = LinearClassifier().fit(x, y).scores
    return score


@pytest.mark.parametrize("x", [make_rows(2, 300)[0], make_odd_rows(3)], ids=["usual", "odd"])
def test_both_forms_predict_what_the_definition_says(x):
    score = fit(*make_rows(1))
    data = LinearFormat().dump(LinearClassifier((score,)))
    expected = [predict_slowly(score, row) for row in x]
    np.testing.assert_allclose(LinearFormat().load(data).predict(x), expected, rtol=0, atol=1e-12)
    portable = LinearRuntime().load(LinearFormat().to_onnx(data, 3))
    np.testing.assert_allclose(portable.predict(x), expected, rtol=0, atol=1e-6)


def test_portable_form_runs_in_single_precision():
    x = np.linspace(-1, 3, 1_000)[:, None].repeat(2, axis=1)
    native, portable = LinearPredictor(SCORE).predict(x), LinearRuntime().load(PORTABLE).predict(x)
    assert 0 < np.abs(native - portable).max() < 1e-6


def test_fit_is_where_the_penalised_likelihood_is_greatest():
    x, y = make_rows(1)
    score = fit(x, y)
    share = np.column_stack([(x[:, at] - term.low) / (term.high - term.low) for at, term in enumerate(score.terms)])
    design = np.column_stack([np.ones(len(x)), np.nan_to_num(share), np.isnan(share)])

    def loss(w):
        z = design @ w
        return np.sum(np.logaddexp(0, z) - y * z) + 0.5e-3 * w @ w

    found = [score.intercept, *(term.weight for term in score.terms), *(term.gap for term in score.terms)]
    best = optimize.minimize(loss, np.zeros(7), method="BFGS", options={"gtol": 1e-3})
    assert loss(np.asarray(found)) <= best.fun + 1e-6
    np.testing.assert_allclose(found, best.x, atol=0.05)


def test_a_line_is_where_the_penalised_squares_are_least():
    x, y = make_labelled(1, "number")
    score = LinearRegressor().fit(x, y).score
    assert score is not None
    share = np.column_stack([(x[:, at] - term.low) / (term.high - term.low) for at, term in enumerate(score.terms)])
    design = np.column_stack([np.ones(len(x)), np.nan_to_num(share), np.isnan(share)])
    ridged = np.vstack([design, np.sqrt(1e-3) * np.eye(7)])
    due = np.linalg.lstsq(ridged, np.append(y, np.zeros(7)), rcond=None)[0]
    found = [score.intercept, *(term.weight for term in score.terms), *(term.gap for term in score.terms)]
    np.testing.assert_allclose(found, due, rtol=1e-6, atol=1e-6)
    predicted = LinearFormat().load(LinearFormat().dump(LinearRegressor(score))).predict(x)
    np.testing.assert_allclose(predicted, design @ due, rtol=1e-6)


def test_range_of_training_is_one_that_single_precision_holds():
    x = 1e9 + np.arange(100.0)[:, None] / 7
    (term,) = fit(x, x[:, 0] > 1e9 + 5).terms
    assert (term.low, term.high) == (float(np.float32(x[0, 0])), float(np.float32(x[-1, 0])))


def test_each_class_but_the_first_is_told_from_all_others():
    x, y = make_rows(1)
    three = y.astype(np.int64) + (x[:, 2] > 0)
    assert LinearClassifier().fit(x, three).scores == (fit(x, three == 1), fit(x, three == 2))
    assert LinearClassifier().fit(x, np.ones(len(x), dtype=np.bool_)) == LinearClassifier()


@given(
    st.lists(st.lists(st.floats(width=32), min_size=2, max_size=2), min_size=2, max_size=30),
    st.integers(0, 2**30 - 1),
)
def test_any_rows_make_a_model_whose_forms_agree(rows, labels):
    x = np.asarray(rows)
    y = np.asarray([bool(labels >> at & 1) for at in range(len(x))])
    y[:2] = False, True
    classifier = LinearClassifier().fit(x, y)
    data = LinearFormat().dump(classifier)
    native = LinearFormat().load(data).predict(x)
    assert np.all((native >= 0) & (native <= 1))
    portable = LinearRuntime().load(LinearFormat().to_onnx(data, 2)).predict(x)
    np.testing.assert_allclose(portable, native, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "number", [math.inf, -math.inf, 1e300, -1e300], ids=["inf", "-inf", "beyond single", "-beyond single"]
)
def test_far_values_count_as_the_nearest_of_training(number):
    row = np.asarray([[number, 7.0]])
    near = np.asarray([[3.0 if number > 0 else -1.0, 7.0]])
    for predictor in (LinearFormat().load(DATA), LinearRuntime(threads=2).load(PORTABLE)):
        assert predictor.predict(row) == predictor.predict(near)


@pytest.mark.parametrize(
    "damaged",
    [
        PORTABLE + b"\0",
        PORTABLE[:-4],
        PORTABLE[:START] + struct.pack("<f", math.nan) + PORTABLE[START + 4 :],
        PORTABLE[: START + 4] + struct.pack("<ff", 3.0, -1.0) + PORTABLE[START + 12 :],
        PORTABLE[: START - 8],
        DATA,
    ],
    ids=["longer", "shorter", "no number", "turned range", "only a mark", "the native form"],
)
def test_damaged_portable_form_is_refused(damaged):
    with pytest.raises(ShipwayError) as refused:
        LinearRuntime().load(damaged)
    assert refused.value.code == "SW-502"


@pytest.mark.parametrize("old", [b'"low":-1.0', b'"intercept":-0.5', b'"gap":0.25'])
@pytest.mark.parametrize("new", [b"", b"null", b"1e40", b'"1"'])
def test_damaged_native_form_is_refused(old, new):
    name = old.partition(b":")[0]
    data = DATA.replace(old, name + b":" + new if new else b'"other":1')
    assert data != DATA
    with pytest.raises(ShipwayError) as refused:
        LinearFormat().load(data)
    assert refused.value.code == "SW-502"


@pytest.mark.parametrize(
    ("estimator", "fact"),
    [
        ({}, "is a dict"),
        (LinearClassifier(), "not fitted"),
        (LinearClassifier((SCORE, SCORE)), "3 classes"),
        (LinearRegressor(), "not fitted"),
    ],
)
def test_what_has_no_form_is_refused(estimator, fact):
    with pytest.raises(ShipwayError, match=fact) as refused:
        LinearFormat().dump(estimator)
    assert refused.value.code == "SW-501"
