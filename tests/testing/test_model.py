"""The suite passes for sound formats and runtimes, and fails for those that break its promises one at a time."""

import pickle
from dataclasses import replace

import lightgbm
import numpy as np
import pytest

from shipway.adapters.lightgbm.model import LightgbmFormat
from shipway.adapters.onnx.runtime import OnnxRuntime
from shipway.core.error import ShipwayError
from shipway.core.label import LabelKind
from shipway.testing import model as suite
from shipway.testing.fake import LinearClassifier, LinearFormat, LinearRegressor, LinearRuntime
from shipway.testing.fake.model import LinearPredictor

QUIET = {"num_threads": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1}


def fit_booster(x, y, seed):
    classes = len(np.unique(y))
    objective = {"objective": "binary"} if classes == 2 else {"objective": "multiclass", "num_class": classes}
    return lightgbm.train({**QUIET, **objective, "seed": seed}, lightgbm.Dataset(x, y), 5)


def make_booster():
    return suite.FormatSample(
        model_format=LightgbmFormat(),
        runtime=OnnxRuntime(),
        fit=fit_booster,
        unfitted=lightgbm.LGBMClassifier(),
        predict=lambda booster, x: booster.predict(x, num_threads=1),
    )


def make_linear():
    return suite.FormatSample(
        model_format=LinearFormat(),
        runtime=LinearRuntime(),
        fit=lambda x, y, seed: LinearClassifier().fit(x, y),
        unfitted=LinearClassifier(),
        predict=lambda classifier, x: LinearPredictor(classifier.scores[0]).predict(x),
    )


def make_line():
    return suite.FormatSample(
        model_format=LinearFormat(),
        runtime=LinearRuntime(),
        fit=lambda x, y, seed: LinearRegressor().fit(x, y),
        unfitted=LinearRegressor(),
        predict=lambda regressor, x: LinearPredictor(regressor.score).predict(x),
        kind="number",
    )


def make_number():
    return suite.FormatSample(
        model_format=LightgbmFormat(),
        runtime=OnnxRuntime(),
        fit=lambda x, y, seed: lightgbm.train(
            {**QUIET, "objective": "regression", "seed": seed}, lightgbm.Dataset(x, y), 5
        ),
        unfitted=lightgbm.LGBMRegressor(),
        predict=lambda booster, x: booster.predict(x, num_threads=1),
        kind="number",
    )


def make_runtime(make, runtime=None):
    sample = make()
    data = sample.dump(sample.train(1))
    portable, native = sample.model_format.to_onnx(data, 3), sample.model_format.load(data)
    return suite.RuntimeSample(runtime or sample.runtime, portable, native.predict, sample.kind)


class Shifted:
    """A predictor that is a little off."""

    single = False

    def __init__(self, predictor, shift):
        self.predictor, self.shift = predictor, shift
        self.predicts: LabelKind | None = predictor.predicts

    def predict(self, x):
        said = self.predictor.predict(x)
        if self.predicts == "number":
            return said + self.shift * np.maximum(np.abs(said), 1.0)
        return np.clip(said + self.shift, 0.0, 1.0)

    def infer(self, inputs):
        return dict.fromkeys(self.predictor.infer(inputs), self.predict(inputs["x"]))


class Broken:
    """A format with one of its promises broken."""

    name = "broken"

    def __init__(self, inner, promise):
        self.inner, self.promise = inner, promise
        self.dumped = 0

    def accepts(self, estimator):
        return self.promise == "own" or self.inner.accepts(estimator)

    def dump(self, estimator, kind=None):
        self.dumped += 1
        try:
            data = self.inner.dump(estimator, None if self.promise == "kind" else kind)
        except ShipwayError:
            if self.promise == "refuses":
                return b"nothing"
            raise
        return data + b"\n" * self.dumped if self.promise == "equal" else data

    def load(self, data):
        if self.promise == "safe" and data[:1] == b"\x80":
            pickle.loads(data)
        predictor = self.inner.load(data)
        return Shifted(predictor, 1e-9) if self.promise == "exact" else predictor

    def to_onnx(self, data, columns):
        return self.inner.to_onnx(data, 3 if self.promise == "columns" else columns)


class Contributed(Shifted):
    """A predictor whose contributions are spoilt in one way."""

    def __init__(self, predictor, spoil):
        super().__init__(predictor, 0.0)
        self.spoil = spoil

    def contribute(self, x):
        return self.spoil(self.predictor.contribute(x))


class Spoilt(Broken):
    """A format whose models say a little too much of what their columns add."""

    def load(self, data):
        return Contributed(self.inner.load(data), self.promise)


class BrokenRuntime:
    """A runtime whose predictions are a little off."""

    name = "broken"

    def __init__(self, inner):
        self.inner = inner

    def load(self, data):
        return Shifted(self.inner.load(data), 1e-3)


every = pytest.mark.parametrize("make", [make_linear, make_booster, make_line, make_number])


@every
@pytest.mark.parametrize("case", suite.FORMAT_CASES)
def test_a_sound_format_passes(case, make):
    case(make)


@every
@pytest.mark.parametrize("case", suite.RUNTIME_CASES)
def test_a_sound_runtime_passes(case, make):
    case(lambda: make_runtime(make))


@every
@pytest.mark.parametrize(
    ("promise", "case"),
    [
        ("own", suite.check_accepts_its_own),
        ("exact", suite.check_native_form_is_the_estimator),
        ("equal", suite.check_equal_estimators_give_equal_bytes),
        ("columns", suite.check_wrong_columns_are_refused),
        ("refuses", suite.check_unfit_is_refused),
        ("kind", suite.check_kind_is_that_of_the_label),
        ("safe", suite.check_strange_bytes_are_refused),
    ],
)
def test_a_broken_promise_is_caught(promise, case, make):
    sample = make()
    with pytest.raises(AssertionError):
        case(lambda: replace(sample, model_format=Broken(sample.model_format, promise)))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda added: added + 1e-3,
        lambda added: added[:, :-1],
        lambda added: added.astype(np.float32),
        lambda added: added + np.arange(len(added))[:, None] * np.array([1e-3, 0, 0, 0, -1e-3]),
        lambda added: added + np.array([-1e-3, 0, 0, 1e-3, 0]),
        lambda added: added * np.array([0, 1, 1, 1, 1]) + added[:, :1] * np.array([0, 1, 0, 0, 0]),
    ],
)
@pytest.mark.parametrize("make", [make_booster, make_number])
def test_contributions_that_are_off_are_caught(spoil, make):
    sample = make()
    suite.check_contributions_add_up(lambda: sample)
    with pytest.raises((AssertionError, IndexError)):
        suite.check_contributions_add_up(lambda: replace(sample, model_format=Spoilt(sample.model_format, spoil)))


@every
def test_a_portable_form_that_is_off_is_caught(make):
    sample = make()
    with pytest.raises(AssertionError):
        suite.check_portable_form_agrees(lambda: replace(sample, runtime=BrokenRuntime(sample.runtime)))


@every
def test_a_runtime_that_is_off_is_caught(make):
    with pytest.raises(AssertionError):
        suite.check_runtime_predicts(lambda: make_runtime(make, BrokenRuntime(make().runtime)))
