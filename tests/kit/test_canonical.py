import hashlib
import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.kit.canonical import canonical_json, digest_bytes, digest_value

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=20
)


class Point(msgspec.Struct, frozen=True, kw_only=True):
    y: int
    x: int


@given(VALUES)
def test_json_reads_back_as_the_value(value):
    assert msgspec.json.decode(canonical_json(value)) == value
    assert json.loads(canonical_json(value)) == value


@given(st.dictionaries(st.text(), VALUES, min_size=2, max_size=6), st.randoms())
def test_order_of_insertion_does_not_show(mapping, random):
    items = list(mapping.items())
    random.shuffle(items)
    assert canonical_json(dict(items)) == canonical_json(mapping)


def test_json_is_dense_and_sorted():
    assert canonical_json({"b": [1, 2.5, None], "a": {"d": "é", "c": True}}) == (
        '{"a":{"c":true,"d":"é"},"b":[1,2.5,null]}'.encode()
    )


def test_struct_is_its_fields():
    assert canonical_json(Point(x=1, y=2)) == b'{"y":2,"x":1}'


def test_what_json_cannot_carry_is_refused():
    with pytest.raises(TypeError):
        canonical_json(object())


@given(st.binary())
def test_digest_of_bytes_is_sha256(data):
    assert digest_bytes(data) == hashlib.sha256(data).hexdigest()


@given(VALUES)
def test_digest_of_value_is_that_of_its_json(value):
    assert digest_value(value) == digest_bytes(canonical_json(value))


def test_digest_is_the_same_in_every_release():
    assert digest_value({"table": "flights", "rows": [1, 2.5, None], "share": math.pi}) == (
        "36eb38d8d12f293ee3fb92a9f0caf474a51fac7e0fa3b9f441be1c3dd1f42502"
    )
