"""What the server makes of values is what training made of them, to the bit."""

import math

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.bundle import InputColumn
from shipway.maths.encoding import round_single
from shipway.serving.reader import Features
from shipway.serving.vector import find_texts, make_encoder, pack_vectors
from shipway.training.frame import encode_frame

INPUTS = (
    InputColumn(name="a", kind="number"),
    InputColumn(name="word", kind="category", categories=("x", "y", "ü")),
    InputColumn(name="b", kind="number"),
    InputColumn(name="ok", kind="number"),
    InputColumn(name="other", kind="category", categories=("y",)),
)
NAMES = [column.name for column in INPUTS]
TEXTS = st.one_of(st.none(), st.sampled_from(["x", "y", "ü", "unseen", ""]))
ROWS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.floats(allow_nan=True)),
        TEXTS,
        st.one_of(st.none(), st.integers(-(1 << 63), (1 << 63) - 1)),
        st.one_of(st.none(), st.booleans()),
        TEXTS,
    ),
    min_size=1,
    max_size=6,
)


def frame_of(rows):
    types = [pl.Float64, pl.String, pl.Int64, pl.Boolean, pl.String]
    return pl.DataFrame(rows, schema=dict(zip(NAMES, types, strict=True)), orient="row")


def same(left, right):
    return left.shape == right.shape and left.tobytes() == right.tobytes()


@given(ROWS, st.permutations(range(5)), st.data())
def test_encoding_is_that_of_training(rows, order, data):
    columns = [NAMES[place] for place in order]
    features = [Features([row[place] for place in order], ()) for row in rows]
    vectors = pack_vectors(features, find_texts(INPUTS, columns))
    encoder = make_encoder(INPUTS, columns)
    due = encode_frame(frame_of(rows), INPUTS)
    canonical = np.where(np.isnan(due), np.nan, due)
    found = encoder.encode(vectors, range(len(rows)))
    assert same(np.where(np.isnan(found), np.nan, found), canonical)
    some = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, unique=True))
    if len(some) < len(rows):
        part = encoder.encode(vectors, some)
        assert same(np.where(np.isnan(part), np.nan, part), canonical[some])


def test_encoding_leaves_the_vectors_as_they_are():
    vectors = pack_vectors([Features([1 / 3, "y", 2, True, "y"], (5, None))], (1, 4))
    before = vectors.numbers.copy()
    make_encoder(INPUTS, NAMES).encode(vectors, [0])
    assert same(vectors.numbers, before)
    assert vectors.numbers[0, 0] == 1 / 3
    assert vectors.texts == (["y"], ["y"])
    assert vectors.newest == ((5, None),)


def test_rounding_overflows_to_infinity_without_a_word():
    assert round_single(np.array([1e300, -1e300, 0.1])).tolist() == [math.inf, -math.inf, float(np.float32(0.1))]
