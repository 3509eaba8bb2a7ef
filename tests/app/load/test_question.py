"""What a load sends: files and golden rows."""

from contextlib import closing

import msgspec
import numpy as np
import pytest

from shipway.app.load.question import read_bodies, read_body, write_questions
from shipway.app.workspace import Workspace
from shipway.core.bundle import InputColumn, Manifest, OutputColumn, make_golden
from shipway.testing.refusal import expect_refusal

X = np.array([[0.0, np.nan], [1.0, 10.0], [2.0, 20.0]])
GOLDEN = make_golden({"x": X}, {"probability": np.array([0.1, 0.2, 0.3])})


@pytest.fixture
def manifest(ran_shop):
    """The manifest of a real bundle, and the project it is of."""
    with closing(Workspace(ran_shop.project)) as workspace:
        version = workspace.peek().models["returned"][0]
        return msgspec.json.decode(workspace.blobs.get(version.bundle), type=Manifest)


def tensors(body):
    (tensor,) = msgspec.json.decode(body)["inputs"]
    return tensor["shape"], tensor["data"]


def test_golden_rows_are_asked_about_in_turn_and_begin_anew_at_their_end(manifest):
    found = [tensors(body) for body in write_questions(manifest, GOLDEN, 2)]
    assert found == [([2, 2], [0, None, 1, 10]), ([2, 2], [1, 10, 2, 20]), ([2, 2], [2, 20, 0, None])]
    assert tensors(write_questions(manifest, GOLDEN, 5)[0]) == ([5, 2], [0, None, 1, 10, 2, 20, 0, None, 1, 10])


def test_model_of_a_fixed_number_of_rows_is_asked_about_as_many(manifest):
    column = InputColumn(name="a", kind="number", shape=(3,))
    fixed = msgspec.structs.replace(manifest, inputs=(column,), outputs=manifest.outputs)
    assert [tensors(body)[0] for body in write_questions(fixed, GOLDEN, 1)] == [[3, 2]]
    assert isinstance(fixed.outputs[0], OutputColumn)


def test_files_are_bodies(tmp_path):
    path = tmp_path / "bodies.jsonl"
    path.write_bytes(b'{"a": 1}\n\n{"a": 2}\n')
    assert read_bodies(path) == [b'{"a": 1}', b'{"a": 2}']
    assert read_body(path) == path.read_bytes()
    path.write_bytes(b"\n \n")
    with expect_refusal("SW-204"):
        read_bodies(path)
    with expect_refusal("SW-201"):
        read_body(tmp_path / "missing")
