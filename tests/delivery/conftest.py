"""A real bundle: a small LightGBM model in both its forms, with held-out rows."""

import lightgbm
import numpy as np
import pytest

from shipway.adapters.lightgbm.model import LightgbmFormat
from shipway.adapters.onnx.runtime import OnnxRuntime
from shipway.core.bundle import NUMBER, InputColumn, KeyedFeatures, declare_outputs
from shipway.core.feature import Entity, FeatureView
from shipway.core.label import LabelKind
from shipway.delivery.bundle import Form, build_bundle
from shipway.maths.expression import Aggregate, Column
from shipway.testing.model import make_labelled, make_rows

TRAINING = {"format": "lightgbm", "rows": 2_000, "rate": 0.5, "cut": 1_370_000_000_000_000, "frame": "ab" * 32}


QUIET = {"num_threads": 1, "deterministic": True, "force_row_wise": True, "verbosity": -1, "seed": 0}


def make_forms(objective, kind, unit=1.0, **params):
    """Both forms of a model whose label, where it is a number, is written in a unit."""
    x, y = make_labelled(1, kind)
    train = lightgbm.Dataset(x, y * unit if kind == "number" else y, categorical_feature=[1])
    model_format = LightgbmFormat()
    native = model_format.dump(lightgbm.train({"objective": objective, **QUIET, **params}, train, 10), kind)
    portable = model_format.to_onnx(native, 3)
    return Form("lightgbm", native, model_format.load(native)), Form("onnx", portable, OnnxRuntime().load(portable))


@pytest.fixture(scope="session")
def bundle_arguments():
    """Everything `build_bundle` is given."""
    native, portable = make_forms("binary", "condition")
    column = Column("flights", "distance")
    mean = Aggregate("mean", "landings", Column("landings", "arr_delay"), width_us=3_600_000_000)
    return {
        "model": "delay",
        "version": 3,
        "cut": TRAINING["cut"],
        "ending": "txt",
        "native": native,
        "portable": portable,
        "inputs": (
            InputColumn(name="row_distance", kind="number", low=-3.0, high=3.0, missing=0.1, monotone=1),
            InputColumn(name="row_carrier", kind="category", categories=tuple("ABCDEFGH")),
            InputColumn(name="origin_mean", kind="number", low=-8.0, high=8.0),
        ),
        "features": KeyedFeatures(
            at='flights.scheduled - "2h"',
            spine="flights",
            key=("fid",),
            views=(
                FeatureView("row", None, {"distance": abs(column), "carrier": Column("flights", "carrier")}),
                FeatureView("origin", Entity("origin", ("origin",)), {"mean": mean.fill(0.0)}),
            ),
            schema={"flights": {"fid": "int", "distance": "int", "carrier": "text", "origin": "text"}},
        ),
        "sample": {"x": make_rows(2, 6_000)[0]},
        "training": TRAINING,
        "metrics": {"auc": (0.77, 0.76, 0.78), "decision_value": (1.5, -0.5, 3.5)},
        "verdict": {"outcome": "pass", "gates": [{"gate": "quality", "outcome": "pass"}]},
        "lock": "# Python 3.11.7\nnumpy==2.4.6\n",
        "card": "# delay@3\n\nWill it be late?\n",
    }


@pytest.fixture(scope="session")
def number_arguments(bundle_arguments):
    """The same for a model of a number."""
    native, portable = make_forms("regression", "number")
    facts = {key: value for key, value in TRAINING.items() if key != "rate"}
    return {
        **bundle_arguments,
        "native": native,
        "portable": portable,
        "outputs": NUMBER,
        "training": {**facts, "label": "number", "mean": 9.4},
        "metrics": {},
    }


CLASSES = ("early", "late", "on the way")


@pytest.fixture(scope="session")
def class_arguments(bundle_arguments):
    """The same for a model of classes."""
    native, portable = make_forms("multiclass", "class", num_class=3)
    facts = {key: value for key, value in TRAINING.items() if key != "rate"}
    return {
        **bundle_arguments,
        "native": native,
        "portable": portable,
        "outputs": declare_outputs("class", CLASSES),
        "training": {**facts, "label": "class", "classes": list(CLASSES), "shares": [0.5, 0.3, 0.2]},
        "metrics": {},
    }


@pytest.fixture(scope="session")
def bundle(bundle_arguments):
    """A bundle's manifest and files."""
    return build_bundle(**bundle_arguments)


@pytest.fixture(scope="session")
def noise():
    """A predictor that is off by what it is told, in the rows it is told."""

    class Noise:
        single = False

        def __init__(self, predictor, shift, rows=slice(None)):
            self.predictor, self.shift, self.rows = predictor, shift, rows
            self.predicts: LabelKind | None = predictor.predicts

        def predict(self, x):
            predictions = np.array(self.predictor.predict(x))
            predictions[self.rows] += self.shift
            return predictions

        def infer(self, inputs):
            return dict.fromkeys(self.predictor.infer(inputs), self.predict(inputs["x"]))

    return Noise
