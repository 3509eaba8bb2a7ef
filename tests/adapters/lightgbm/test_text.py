import lightgbm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.adapters.lightgbm.text import (
    count_classes,
    floor_single,
    narrow_text,
    narrow_threshold,
    normalise_text,
    read_header,
    read_kind,
    read_link,
    write_class,
)

doubles = st.floats(allow_nan=False, allow_infinity=False)
singles = st.floats(width=32, allow_nan=False)
ZERO = float(np.float32(1e-35))
LARGEST = float(np.finfo(np.float32).max)
near_zero = st.integers(-(2**31), 2**31).map(lambda steps: float(np.float32(steps * 1e-44)))


@given(doubles)
def test_floor_is_the_greatest_single_at_most(value):
    floor = floor_single(np.asarray([value]))[0]
    assert floor == float(np.float32(floor))
    assert floor <= value
    if floor == LARGEST:
        return
    assert float(np.nextafter(np.float32(floor), np.float32(np.inf))) > value or floor == float(
        np.finfo(np.float32).max
    )


@given(st.one_of(doubles, st.floats(-1e-34, 1e-34)), st.one_of(singles, near_zero))
def test_threshold_decides_as_lightgbm_does(threshold, x):
    read = 0.0 if abs(x) <= ZERO else x
    assert (x <= narrow_threshold(np.asarray([threshold]))[0]) == (read <= threshold)


@given(singles, st.sampled_from([-1, 0, 1]))
def test_threshold_decides_as_lightgbm_does_at_a_tie(x, side):
    threshold = np.nextafter(x, side * np.inf) if side else x
    read = 0.0 if abs(x) <= ZERO else x
    if np.isfinite(threshold):
        assert (x <= narrow_threshold(np.asarray([threshold]))[0]) == (read <= threshold)


@pytest.fixture(scope="module")
def booster():
    random = np.random.default_rng(0)
    x = random.normal(size=(1_000, 3))
    x[random.random(1_000) < 0.3, 0] = np.nan
    params = {"objective": "binary", "sigmoid": 1.7, "num_threads": 1, "deterministic": True, "force_row_wise": True}
    return lightgbm.train({**params, "verbosity": -1}, lightgbm.Dataset(x, x[:, 1] > 0), 10)


def test_header_has_the_fields_before_the_trees(booster):
    header = read_header(booster.model_to_string())
    assert header["objective"] == "binary sigmoid:1.7"
    assert header["max_feature_idx"] == "2"
    assert "Tree" not in header


def test_normal_text_has_no_parameters(booster):
    text = normalise_text(booster.model_to_string())
    assert "parameters" not in text
    assert "feature_importances:" in text
    assert normalise_text(text) == text


def test_narrowed_text_is_the_same_function(booster):
    narrowed = lightgbm.Booster(model_str=narrow_text(normalise_text(booster.model_to_string())))
    random = np.random.default_rng(1)
    x = random.normal(size=(5_000, 3)).astype(np.float32).astype(np.float64)
    x[random.random((5_000, 3)) < 0.2] = np.nan
    np.testing.assert_allclose(
        narrowed.predict(x, num_threads=1), booster.predict(x, num_threads=1), rtol=0, atol=1e-15
    )
    assert read_header(narrowed.model_to_string())["objective"] == "binary sigmoid:1"


@pytest.mark.parametrize(
    ("objective", "link", "kind"),
    [
        ("binary sigmoid:1", "logistic", "condition"),
        ("regression", "identity", "number"),
        ("regression sqrt", "square", "number"),
        ("regression_l1 sqrt", "square", "number"),
        ("quantile", "identity", "number"),
        ("tweedie", "exponential", "number"),
        ("lambdarank", None, None),
        ("multiclass num_class:1", None, None),
    ],
)
def test_a_text_says_its_link_and_its_kind(objective, link, kind):
    text = f"tree\nnum_class=1\nobjective={objective}\n\nTree=0\n"
    assert (read_link(text), read_kind(text)) == (link, kind)
    assert read_kind(text.replace("num_class=1", "num_class=3")) is None or "multiclass " in objective
    assert read_kind(text.replace("objective=", "other=")) is None


def test_a_text_says_its_classes():
    three = "tree\nnum_class=3\nobjective=multiclass num_class:3\n\nTree=0\n"
    assert (read_link(three), read_kind(three), count_classes(three)) == ("softmax", "class", 3)
    one = "tree\nnum_class=1\nobjective=binary sigmoid:1\n\nTree=0\n"
    assert (read_kind(one), count_classes(one)) == ("condition", 0)
    two = write_class(one)
    assert (read_link(two), read_kind(two), count_classes(two)) == ("logistic", "class", 2)
