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
from shipway.testing.fake import LinearClassifier, LinearFormat, LinearRuntime
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


def make_runtime(make, runtime=None):
    sample = make()
    data = sample.model_format.dump(sample.fit(*suite.make_rows(1), 0))
    native = sample.model_format.load(data)
    return suite.RuntimeSample(runtime or sample.runtime, sample.model_format.to_onnx(data, 3), native.predict)


class Shifted:
    """A predictor that is a little off."""

    predicts: LabelKind | None = "condition"
    single = False

    def __init__(self, predictor, shift):
        self.predictor, self.shift = predictor, shift

    def predict(self, x):
        return np.clip(self.predictor.predict(x) + self.shift, 0.0, 1.0)

    def infer(self, inputs):
        self.predictor.infer(inputs)
        return {"probability": self.predict(inputs["x"])}


class Broken:
    """A format with one of its promises broken."""

    name = "broken"

    def __init__(self, inner, promise):
        self.inner, self.promise = inner, promise
        self.dumped = 0

    def accepts(self, estimator):
        return self.promise == "own" or self.inner.accepts(estimator)

    def dump(self, estimator):
        self.dumped += 1
        try:
            data = self.inner.dump(estimator)
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


both = pytest.mark.parametrize("make", [make_linear, make_booster])


@both
@pytest.mark.parametrize("case", suite.FORMAT_CASES)
def test_a_sound_format_passes(case, make):
    case(make)


@both
@pytest.mark.parametrize("case", suite.RUNTIME_CASES)
def test_a_sound_runtime_passes(case, make):
    case(lambda: make_runtime(make))


@both
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
def test_contributions_that_are_off_are_caught(spoil):
    sample = make_booster()
    suite.check_contributions_add_up(lambda: sample)
    with pytest.raises((AssertionError, IndexError)):
        suite.check_contributions_add_up(lambda: replace(sample, model_format=Spoilt(sample.model_format, spoil)))


@both
def test_a_portable_form_that_is_off_is_caught(make):
    sample = make()
    with pytest.raises(AssertionError):
        suite.check_portable_form_agrees(lambda: replace(sample, runtime=BrokenRuntime(sample.runtime)))


@both
def test_a_runtime_that_is_off_is_caught(make):
    with pytest.raises(AssertionError):
        suite.check_runtime_predicts(lambda: make_runtime(make, BrokenRuntime(make().runtime)))
