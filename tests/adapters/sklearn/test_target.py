"""Targets that were transformed come back inside of the graph, or are refused."""

import numpy as np
import onnx
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from shipway.adapters.sklearn.model import SklearnFormat
from shipway.adapters.sklearn.target import find_target
from shipway.core.error import ShipwayError
from shipway.testing.model import expect_close, make_labelled, make_rows


def make_target(**params):
    return TransformedTargetRegressor(Ridge(), **params)


@pytest.mark.parametrize(
    "params",
    [
        {"func": np.log1p, "inverse_func": np.expm1},
        {"func": np.log, "inverse_func": np.exp},
        {"func": np.sqrt, "inverse_func": np.square},
        {"transformer": StandardScaler()},
        {"transformer": StandardScaler(with_mean=False)},
        {"transformer": StandardScaler(with_std=False)},
        {},
    ],
    ids=["log1p", "log", "root", "scaled", "not moved", "moved alone", "as it is"],
)
@pytest.mark.parametrize("piped", [True, False])
def test_what_is_predicted_is_in_the_unit_of_the_label(params, piped):
    x, y = make_labelled(1, "number")
    probe = make_rows(2)[0]
    if piped:
        estimator = make_pipeline(SimpleImputer(), StandardScaler(), make_target(**params)).fit(x, y)
    else:
        inner = make_pipeline(SimpleImputer(), Ridge())
        estimator = TransformedTargetRegressor(inner, **params).fit(x, y)
    data = SklearnFormat().dump(estimator, "number")
    assert data == SklearnFormat().dump(estimator)
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    expect_close(SklearnFormat().load(data).predict(probe), estimator.predict(probe), 1e-5)


@pytest.mark.parametrize(
    "params",
    [
        {"func": np.log1p, "inverse_func": lambda y: np.exp(y) - 1},
        {"func": np.cbrt, "inverse_func": lambda y: y**3},
        {"transformer": QuantileTransformer(n_quantiles=100)},
    ],
    ids=["its own", "cube", "quantiles"],
)
def test_another_way_back_is_refused_with_those_there_are(params):
    estimator = make_pipeline(SimpleImputer(), make_target(**params)).fit(*make_labelled(1, "number"))
    with pytest.raises(ShipwayError, match="turned back") as refused:
        SklearnFormat().dump(estimator, "number")
    assert refused.value.code == "SW-501"
    assert "np.expm1" in refused.value.hint


def test_an_estimator_without_a_target_is_left_as_it_is():
    estimator = make_pipeline(SimpleImputer(), Ridge())
    assert find_target(estimator) == (estimator, "none")
