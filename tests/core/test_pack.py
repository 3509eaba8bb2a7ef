"""What is packed comes out as it went in, and a value that this shipway cannot read is refused."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.core import window as w
from shipway.core.error import ShipwayError
from shipway.core.feature import Entity, FeatureView, Source
from shipway.core.online import make_layout
from shipway.core.pack import decode_pack, decode_schema, encode_pack, encode_schema, find_packs, make_pack, read_schema

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
TIES = INT64 | st.lists(INT64 | st.text(max_size=3), max_size=2)
VALUES = {
    "int": INT64,
    "float": st.floats(allow_nan=False),
    "bool": st.booleans(),
    "text": st.text(max_size=20),
}
KNOWN = {"t1": ("a", "b"), "t2": ("c", "d"), "t3": ("e",), "always": ("k", "named")}
SCHEMA = {"facts": {"id": "int", "k": "text", "a": "int", "b": "float", "c": "bool", "d": "text", "e": "float"}}


def make(**features):
    facts = Source("facts", ("id",), (), KNOWN)
    streams = {name: facts.event(name) for name in ("t1", "t2", "t3", "always")}
    view = FeatureView("v", Entity("k", ("k",)), {n: f(streams) for n, f in features.items()})
    schema = {"facts": SCHEMA["facts"] | {"t1": "instant", "t2": "instant", "t3": "instant", "named": "text"}}
    return make_layout("facts", (), (view,), schema)


LAYOUT = make(
    a=lambda s: w.newest(s["t1"].a),
    b=lambda s: w.newest(s["t1"].b, within="3d"),
    c=lambda s: w.newest(s["t2"].c),
    d=lambda s: w.newest(s["t2"].d),
    age=lambda s: w.age(s["t2"]),
    e=lambda s: w.mean(s["t3"].e, last="1d"),
    name=lambda s: w.newest(s["always"].named),
)


def test_stored_series_of_an_entity_are_one_pack():
    (pack,) = find_packs(LAYOUT)
    assert [LAYOUT.series[place].stream for place in pack.members] == ["facts.always", "facts.t1", "facts.t2"]
    assert pack.kinds == (("text",), ("int", "float"), ("bool", "text"))
    assert pack.keys == ("k",)
    assert find_packs(make(a=lambda s: w.newest(s["t1"].a), e=lambda s: w.count(s["t2"], last="1d"))) == ()


@st.composite
def entries(draw):
    (pack,) = find_packs(LAYOUT)
    return [
        draw(
            st.none()
            | st.tuples(INT64, INT64, st.tuples(*(st.none() | VALUES[kind] for kind in kinds), TIES).map(list))
        )
        for kinds in pack.kinds
    ]


@given(entries())
def test_what_is_packed_comes_out(packed):
    (pack,) = find_packs(LAYOUT)
    value = encode_pack(pack, packed)
    assert read_schema(value) == pack.schema
    assert decode_pack(pack, value) == packed
    assert [type(v) for e in decode_pack(pack, value) if e for v in e[2]] == [
        type(v) for e in packed if e for v in e[2]
    ]


def test_a_schema_says_which_series_it_is_of():
    (pack,) = find_packs(LAYOUT)
    other = make_pack(LAYOUT, pack.members[:2])
    assert other.schema != pack.schema
    assert other.prefix == pack.prefix
    assert decode_schema(LAYOUT, encode_schema(other)) == other


def test_a_newer_layout_is_refused():
    (pack,) = find_packs(LAYOUT)
    value = encode_pack(pack, [None] * 3)
    with pytest.raises(ShipwayError, match=r"^SW-606 "):
        read_schema(struct.pack("<B", 2) + value[1:])
