"""XGBoost's binary files say what its JSON says, and damaged ones never reach the library."""

import json

import numpy as np
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st

from shipway.adapters.xgboost.binary import read_binary
from shipway.adapters.xgboost.foreign import load_file
from shipway.core.error import ShipwayError
from shipway.testing.model import make_rows
from shipway.testing.refusal import expect_refusal


@pytest.fixture(scope="module")
def booster():
    x, y = make_rows(1, 400)
    return xgboost.train({"objective": "binary:logistic", "nthread": 1, "seed": 1}, xgboost.DMatrix(x, y), 4)


@pytest.fixture(scope="module")
def binary(booster):
    return bytes(booster.save_raw(raw_format="ubj"))


def flat(value):
    """Numbers as single precision, and what either form writes as a number or a truth value as a number."""
    if isinstance(value, dict):
        return {name: flat(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [flat(inner) for inner in value]
    return float(np.float32(value)) if isinstance(value, int | float) else value


def test_both_forms_say_the_same(booster, binary):
    assert flat(read_binary(binary)) == flat(json.loads(booster.save_raw(raw_format="json")))


@pytest.mark.parametrize("ending", ["ubj", "json"])
def test_file_of_the_library_is_loaded_and_predicts_the_same(booster, tmp_path, ending):
    path = tmp_path / f"model.{ending}"
    booster.save_model(path)
    x = xgboost.DMatrix(make_rows(2, 100)[0])
    np.testing.assert_array_equal(load_file(path).predict(x), booster.predict(x))


def test_cut_and_strange_files_are_refused(binary, tmp_path):
    path = tmp_path / "model.ubj"
    for strange in (b"", b"{", b"junk", b"[[[[", binary[:-1], binary[:300], binary + b"Z", b"{" * 100):
        path.write_bytes(strange)
        with expect_refusal("SW-502"):
            load_file(path)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data):
    try:
        found = read_binary(data)
    except ShipwayError as error:
        found = error.code
    assert isinstance(found, dict) or found == "SW-502"


def test_deep_nesting_is_refused():
    with expect_refusal("SW-502"):
        read_binary(b"{U\x01a" + b"[" * 5_000)
    with expect_refusal("SW-502"):
        read_binary(b"{U\x01a[$d#L" + (1 << 62).to_bytes(8, "big"))
