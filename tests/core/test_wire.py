"""Tensors as bytes: what is written is read, and what is no tensor is said to be none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shipway.core.wire import RAW, read_raw, write_raw

PLAIN = [name for name in RAW if name not in ("BYTES", "BF16")]


@pytest.mark.parametrize("datatype", PLAIN)
@given(data=st.data())
def test_numbers_come_back_to_the_bit(datatype, data):
    shape = data.draw(hnp.array_shapes(max_dims=3, min_side=0, max_side=4))
    values = data.draw(hnp.arrays(RAW[datatype], shape))
    raw = write_raw(datatype, values)
    assert len(raw) == values.size * values.itemsize
    found = read_raw(datatype, shape, raw)
    assert found.shape == shape
    assert found.tobytes() == values.tobytes()


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=8))
def test_texts_come_back(texts):
    values = np.array([*texts, None], dtype=object)[:-1]
    assert read_raw("BYTES", [len(texts)], write_raw("BYTES", values)).tolist() == texts


def test_text_that_is_missing_is_an_empty_one():
    assert write_raw("BYTES", np.array([None, "a"], dtype=object)) == b"\0\0\0\0\1\0\0\0a"


@given(hnp.arrays(np.float32, 5, elements=st.floats(width=32, allow_nan=False, allow_infinity=True)))
def test_half_of_single_precision_is_the_nearest(values):
    found = read_raw("BF16", [5], write_raw("BF16", values))
    again = read_raw("BF16", [5], write_raw("BF16", found))
    assert found.tobytes() == again.tobytes()
    finite = np.isfinite(found)
    # Eight bits of significand: half a unit in the last place is a 256th.
    allowed = np.abs(values[finite]) * 2.0**-8 + 1e-40
    assert (np.abs(found[finite].astype(np.float64) - values[finite]) <= allowed).all()
    assert (np.abs(values[~finite]) > 3.38e38).all()


def test_half_of_single_precision_knows_no_number():
    found = read_raw("BF16", [2], write_raw("BF16", np.array([np.nan, -np.nan], dtype=np.float32)))
    assert np.isnan(found).all()


@pytest.mark.parametrize(
    ("datatype", "shape", "raw", "said"),
    [
        ("FP32", [2], b"1234", "has 4 bytes for 2 values of 4"),
        ("BYTES", [1], b"\1\0\0", "holds no texts"),
        ("BYTES", [1], b"\5\0\0\0abc", "ends in the middle"),
        ("BYTES", [1], b"\1\0\0\0\xff", "holds no texts"),
        ("BYTES", [2], b"\1\0\0\0a", "has 1 values, which do not make shape [2]"),
    ],
)
def test_what_is_no_tensor_is_refused(datatype, shape, raw, said):
    with pytest.raises(ValueError) as refusal:
        read_raw(datatype, shape, raw)
    assert said in str(refusal.value)
