"""What is read for versions that are no binary classifiers: the usual and the unusual way come to the same."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.serving.loader import Loader
from shipway.serving.log import LogWriter
from shipway.serving.outcome import execute, plan_sent, predict_tensors, read_tensors, require_predictions
from shipway.serving.refusal import RefusedError

COLUMNS = ("row_amount", "row_country", "row_express", "row_items", "row_wait", "customer_n", "customer_total")


class Call:
    def __init__(self, body, **headers):
        self.body, self.headers = json.dumps(body).encode(), headers


@pytest.fixture(scope="module")
def load(stored_fair):
    writer = LogWriter()
    loader = Loader(stored_fair.state, writer)
    yield lambda model, number: loader.load(stored_fair.between(model, number), strict=True).stable
    loader.close()
    writer.stop(10)


numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9)


@given(rows=st.lists(st.lists(numbers, min_size=7, max_size=7), min_size=1, max_size=3), texts=st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_usual_way_reads_what_the_other_reads(load, rows, texts):
    version = load("kinds", 1)
    if texts:
        columns = list(zip(*rows, strict=True))
        inputs = [
            {"name": name, "shape": [len(rows)], "datatype": "FP64", "data": list(values)}
            for name, values in zip(COLUMNS, columns, strict=True)
        ]
        said = [None if value is None else ["AT", "DE", "no"][int(value) % 3] for value in columns[1]]
        inputs[1] = inputs[1] | {"datatype": "BYTES", "data": said}
    else:
        data = [value for row in rows for value in row]
        inputs = [{"name": "x", "shape": [len(rows), 7], "datatype": "FP64", "data": data}]
    body = {"inputs": inputs, "id": "me", "parameters": {"a": 1}}
    usual = read_tensors(Call(body), version).question
    # What asks for its outputs by name is not usual.
    outputs = [{"name": "label"}, {"name": "probability"}]
    other = read_tensors(Call(body | {"outputs": outputs}), version).question
    assert np.array_equal(usual.x, other.x, equal_nan=True)
    assert usual.x.dtype == other.x.dtype
    assert (usual.rows, usual.id, usual.outputs, usual.parameters, usual.form) == (
        other.rows, other.id, other.outputs, other.parameters, other.form,
    )  # fmt: skip


def test_a_request_that_has_other_rows_for_another_version_is_refused(load):
    body = {"inputs": [{"name": "x", "shape": [2, 7], "datatype": "FP64", "data": [0.0] * 14}]}
    assert read_tensors(Call(body), load("delay", 1), 2).rows == 2
    with pytest.raises(RefusedError, match="reads 2 rows where 3 were sent"):
        read_tensors(Call(body), load("delay", 1), 3)


def test_a_binary_classifier_reads_no_tensors(load):
    with pytest.raises(RefusedError, match="says one number a row"):
        read_tensors(Call({}), load("fraud", 1))


def test_a_prediction_that_is_none_is_a_failure_of_its_row(load):
    x = np.ones((3, 7))
    x[1, 0] = 666.0
    for model in ("delay", "kinds"):
        found = predict_tensors(load(model, 2), {"x": x}, 3)
        assert {row: error.code for row, error in found.errors.items()} == {1: "SW-801"}
        assert found.find_error(0, 1) is None
        assert found.find_error(0, 2) is found.errors[1]
        assert all(len(values) == 1 for values in found.take(2, 3).values())


def test_requests_that_cannot_be_read_are_no_part_of_a_run(load):
    version, other = load("delay", 2), load("delay", 3)

    class One:
        rows, place, kept = 1, None, True

        def __init__(self, version, amount):
            data = [amount] + [1.0] * 6
            body = {"inputs": [{"name": "x", "shape": [1, 7], "datatype": "FP64", "data": data}]}
            self.sent = read_tensors(Call(body), version)

    asks = [One(version, 1.0), One(other, 1.0), One(version, 777.0)]
    runs = plan_sent(version, asks)
    assert [(len(run.asks), run.error is None) for run in runs] == [(1, False), (2, True)]
    found = [outcome for run in runs for _, outcome in execute(version, run)]
    assert [len(outcome.errors) for outcome in found] == [1, 0, 1]


def test_a_row_has_to_be_a_prediction_where_a_label_says_what_that_is(load):
    said = np.full((2, 4), 0.25)
    said[1, 2] = np.nan
    require_predictions(load("share", 3), {"shares": said}, 2)
    with pytest.raises(RefusedError, match=r"share@3 gave shape \[2, 3\] as 'shares' of 2 rows"):
        require_predictions(load("share", 3), {"shares": said[:, :3]}, 2)
    require_predictions(load("sort", 3), {"probabilities": said[:1]}, 1)
    with pytest.raises(RefusedError, match="sort@3 predicted nan, which is no probability"):
        require_predictions(load("sort", 3), {"probabilities": said}, 2)
