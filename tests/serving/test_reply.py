"""Answers by key of models that say no probability, as the client reads them."""

import numpy as np
import pytest

from shipway.client.asking import ask_prediction
from shipway.client.wire import Reply
from shipway.core.bundle import OutputColumn
from shipway.core.record import plan_outputs
from shipway.serving.interface import Interface
from shipway.serving.reply import write_keyed
from shipway.testing.refusal import expect_refusal


def read(outputs, said, **more):
    """What the client makes of the second of two rows."""
    face = Interface(form="", matrix=True, outputs=outputs, said=plan_outputs(outputs), inputs=(), read="")
    body = write_keyed("r", "m", 2, face, said, 1, 5, **more)
    return ask_prediction("s", {}, "r", None).read(Reply(200, b"", body, keeps=True))


def output(name, datatype="FP32", shape=(-1,), classes=()):
    return OutputColumn(name=name, datatype=datatype, shape=shape, classes=classes)


def test_a_number_is_y_and_a_number():
    said = read((output("minutes", shape=(-1, 1)),), {"minutes": np.array([[1.0], [2.5]], np.float32)})
    assert (said.request, said.model, said.version, said.at) == ("r", "m", 2, 5)
    assert (said.y, said.outputs, said.chosen, said.fallback) == (2.5, {"minutes": 2.5}, "", "")
    assert said.p != said.p


def test_classes_are_told_by_name():
    outputs = (output("label", "INT64"), output("p", shape=(-1, 2), classes=("a", "b")))
    given = {"label": np.array([0, 1]), "p": np.array([[1.0, 0.0], [0.25, 0.75]])}
    said = read(outputs, given, fallback="last")
    assert (said.chosen, said.fallback) == ("b", "last")
    assert said.outputs == {"label": 1, "p": {"a": 0.25, "b": 0.75}}
    assert said.y != said.y


def test_vectors_are_lists_and_what_is_no_number_is_null():
    outputs = (output("text", "BYTES"), output("vector", shape=(-1, 2)), output("box", shape=(-1, 1, 2)))
    given = {
        "text": np.array(["x", "é"], dtype=object),
        "vector": np.array([[1, 2], [3, np.nan]]),
        "box": np.arange(4.0).reshape(2, 1, 2),
    }
    assert read(outputs, given).outputs == {"text": "é", "vector": [3.0, None], "box": [[2.0, 3.0]]}


@pytest.mark.parametrize("body", [b'{"request":"r","model":"m","version":1,"at":1}', b'{"p":0.5}'])
def test_an_answer_that_says_nothing_is_none(body):
    with expect_refusal("SW-801"):
        ask_prediction("s", {}, "r", None).read(Reply(200, b"", body, keeps=True))
