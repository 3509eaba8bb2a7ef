"""The suite fails for formats and runtimes that break its promises one at a time."""

import pickle

import lightgbm
import numpy as np
import pytest

from shipway.adapters.lightgbm.model import LightgbmFormat
from shipway.adapters.onnx.runtime import OnnxRuntime
from shipway.testing import model as suite

QUIET = {"num_threads": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1}


def fit(x, y, seed):
    classes = len(np.unique(y))
    objective = {"objective": "binary"} if classes == 2 else {"objective": "multiclass", "num_class": classes}
    return lightgbm.train({**QUIET, **objective, "seed": seed}, lightgbm.Dataset(x, y), 5)


def make_sample(model_format, runtime):
    return suite.FormatSample(
        model_format=model_format,
        runtime=runtime,
        fit=fit,
        unfitted=lightgbm.LGBMClassifier(),
        predict=lambda booster, x: booster.predict(x, num_threads=1),
    )


class Shifted:
    """A predictor that is a little off."""

    def __init__(self, predictor, shift):
        self.predictor, self.shift = predictor, shift

    def predict(self, x):
        return np.clip(self.predictor.predict(x) + self.shift, 0.0, 1.0)


class Broken:
    """LightGBM's format with one of its promises broken."""

    def __init__(self, promise):
        self.promise = promise
        self.name = "broken"
        self.inner = LightgbmFormat()
        self.dumped = 0

    def accepts(self, estimator):
        return self.promise == "own" or self.inner.accepts(estimator)

    def dump(self, estimator):
        self.dumped += 1
        if self.promise == "refuses" and not isinstance(estimator, lightgbm.Booster):
            return b"nothing"
        data = self.inner.dump(estimator)
        return data + b"\n" * self.dumped if self.promise == "equal" else data

    def load(self, data):
        if self.promise == "safe" and data[:1] == b"\x80":
            pickle.loads(data)
        predictor = self.inner.load(data)
        return Shifted(predictor, 1e-9) if self.promise == "exact" else predictor

    def to_onnx(self, data, columns):
        return self.inner.to_onnx(data, 3 if self.promise == "columns" else columns)


class BrokenRuntime:
    """ONNX Runtime with predictions a little off, or of the wrong kind."""

    name = "broken"

    def __init__(self, shift=1e-3):
        self.shift = shift

    def load(self, data):
        return Shifted(OnnxRuntime().load(data), self.shift)


@pytest.mark.parametrize("case", suite.FORMAT_CASES)
def test_a_sound_format_passes(case):
    case(lambda: make_sample(LightgbmFormat(), OnnxRuntime()))


@pytest.mark.parametrize(
    ("promise", "case"),
    [
        ("own", suite.check_accepts_its_own),
        ("exact", suite.check_native_form_is_the_estimator),
        ("equal", suite.check_equal_estimators_give_equal_bytes),
        ("columns", suite.check_wrong_columns_are_refused),
        ("refuses", suite.check_unfit_is_refused),
        ("safe", suite.check_strange_bytes_are_refused),
    ],
)
def test_a_broken_promise_is_caught(promise, case):
    with pytest.raises(AssertionError):
        case(lambda: make_sample(Broken(promise), OnnxRuntime()))


def test_a_portable_form_that_is_off_is_caught():
    with pytest.raises(AssertionError):
        suite.check_portable_form_agrees(lambda: make_sample(LightgbmFormat(), BrokenRuntime()))


def test_a_runtime_that_is_off_is_caught():
    model_format = LightgbmFormat()
    data = model_format.dump(fit(*suite.make_rows(1), 0))
    native = model_format.load(data)
    for runtime, caught in ((OnnxRuntime(), False), (BrokenRuntime(), True)):
        sample = suite.RuntimeSample(runtime, model_format.to_onnx(data, 3), native.predict)
        if caught:
            with pytest.raises(AssertionError):
                suite.check_runtime_predicts(lambda sample=sample: sample)
        else:
            suite.check_runtime_predicts(lambda sample=sample: sample)
