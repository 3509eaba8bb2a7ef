"""YAML, read back by a parser that is not ours."""

import yaml
from hypothesis import given
from hypothesis import strategies as st

from shipway.kit.yaml import write_yaml

scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(st.dictionaries(st.text(), values))
def test_what_is_written_is_read(document):
    assert yaml.safe_load(write_yaml(document)) == document


def test_long_keys_are_read_too():
    long = "é" * 600
    document = {long: {long: [1, {long: None}]}, "short": [{long: "x"}]}
    assert yaml.safe_load(write_yaml(document)) == document


def test_keys_keep_their_order_and_blocks_are_plain():
    document = {"b": [{"x": 1, "z": []}, "text"], "a": {}, "no": None, "on": {"off": "yes"}}
    lines = ["b:", "  - x: 1", "    z: []", '  - "text"', "a: {}", '"no": null', '"on":', '  "off": "yes"', ""]
    assert write_yaml(document).decode() == "\n".join(lines)
