"""Suites on models behind a URL: a server of somebody else's, and our own."""

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from shipway import behaviours as b
from shipway.app.model import export_bundle
from shipway.app.suite import run_suite, run_suite_at, run_suite_on
from shipway.core.behaviour import Suite
from shipway.core.bundle import InputColumn
from shipway.core.error import ShipwayError


@contextmanager
def serving(predict, described):
    """Serve a function by the Open Inference Protocol in the standard library; yield its URL and what it saw."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, said):
            content = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self):
            self.answer({"name": "m", "versions": ["1"], "platform": "", "outputs": [], **described})

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            seen.append((self.path, self.headers.get("authorization"), body["inputs"]))
            name, values = predict(body["inputs"])
            flat = np.asarray(values)
            datatype = "BYTES" if flat.dtype.kind in "OU" else "FP64"
            tensor = {"name": name, "datatype": datatype, "shape": list(flat.shape), "data": flat.ravel().tolist()}
            self.answer({"model_name": "m", "outputs": [tensor]})

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


TEXT = {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}]}
WORDS = {"good": ("good", "great", "nice")}


def texts(**given):
    return b.suite(
        "s",
        b.probe("good", "{good}", "a {good} one", expect=b.says("yes")),
        b.probe("case", "{good}", change=b.case("upper"), expect=b.keeps_class()),
        lexicons=WORDS,
        **{"classes": ("no", "yes"), **given},
    )


def score(values):
    return [1.0 if "good" in text or "great" in text else 0.0 for text in values]


@pytest.mark.parametrize("shape", [[-1], [-1, 1]])
def test_a_text_model_of_another_server_is_asked_in_batches(shape):
    described = {"inputs": [{"name": "text", "datatype": "BYTES", "shape": shape}]}
    with serving(lambda inputs: ("score", score(inputs[0]["data"])), described) as (url, seen):
        found = run_suite_at(texts(), url, "m@1", batch=4, api_key="k")
        assert found.subject == f"model:m@1 at {url}"
        here = run_suite(texts(), lambda given: np.array(score(given)))
        assert found.tests == here.tests
        assert {path for path, _, _ in seen} == {"/v2/models/m/versions/1/infer"}
        assert {key for _, key, _ in seen} == {"Bearer k"}
        sizes = [inputs[0]["shape"] for _, _, inputs in seen]
        assert max(size[0] for size in sizes) <= 4
        assert {len(size) for size in sizes} == {len(shape)}


def test_classes_as_texts_and_as_probabilities_are_read():
    labels = lambda inputs: ("label", ["yes" if s else "no" for s in score(inputs[0]["data"])])
    both = lambda inputs: ("probabilities", [[1 - s, s] for s in score(inputs[0]["data"])])
    for predict, given in ((labels, {"classes": ()}), (both, {"place": 1})):
        with serving(predict, TEXT) as (url, _):
            found = run_suite_at(texts(**given), url, "m")
            assert [line.failed for line in found.tests] == [2, 2]


ROWS = Suite(
    name="rows",
    rules=b.suite("rows", b.probe("up", change=b.add("x", 1), expect=b.never_falls(0.0))).rules,
    columns=(
        InputColumn(name="x", kind="number", low=0.0, high=9.0),
        InputColumn(name="c", kind="category", categories=("a", "b")),
    ),
    rows={"x": (1.0, 2.0, 9.0, None), "c": ("a", "b", None, "a")},
)


def test_rows_are_sent_column_by_column_with_categories_as_texts():
    described = {"inputs": [{"name": n, "datatype": t, "shape": [-1]} for n, t in (("x", "FP32"), ("c", "BYTES"))]}

    def predict(inputs):
        columns = (tensor["data"] for tensor in inputs)
        return "p", [-x if c == "b" else x for x, c in zip(*columns, strict=True)]

    with serving(predict, described) as (url, seen):
        line = run_suite_at(ROWS, url, "m").tests[0]
        assert (line.failed, line.cases, line.left_out) == (1, 2, 1)
        assert line.counterexample.changed == {"x": (2, 3)}
        sent = seen[0][2]
        assert [(tensor["name"], tensor["datatype"]) for tensor in sent] == [("x", "FP32"), ("c", "BYTES")]
        assert sent[1]["data"] == ["a", "b"]


def test_rows_are_sent_as_a_matrix_where_the_suite_names_one():
    import msgspec

    described = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]}
    predict = lambda inputs: ("p", np.reshape(inputs[0]["data"], inputs[0]["shape"])[:, 0].tolist())
    with serving(predict, described) as (url, seen):
        line = run_suite_at(msgspec.structs.replace(ROWS, input="x"), url, "m").tests[0]
        assert (line.failed, line.cases) == (0, 2)
        assert (seen[0][2][0]["datatype"], seen[0][2][0]["shape"]) == ("FP32", [2, 2])


@pytest.mark.parametrize(
    ("code", "suite", "described", "given"),
    [
        ("SW-431", texts(input="txt"), TEXT, {}),
        ("SW-431", texts(), {"inputs": [*TEXT["inputs"], {"name": "b", "datatype": "BYTES", "shape": [-1]}]}, {}),
        ("SW-431", texts(), {"inputs": [{"name": "text", "datatype": "FP32", "shape": [-1]}]}, {}),
        ("SW-431", ROWS, TEXT, {}),
        ("SW-433", texts(output="scores"), TEXT, {}),
        ("SW-433", texts(classes=("a", "yes", "c")), TEXT, {}),
    ],
)
def test_a_server_that_is_asked_otherwise_is_refused(code, suite, described, given):
    with serving(lambda inputs: ("score", score(inputs[0]["data"])), described) as (url, _):
        with pytest.raises(ShipwayError) as refused:
            run_suite_at(suite, url, "m", **given)
        assert refused.value.code == code


def test_a_version_behind_our_own_server_comes_to_what_it_does_in_its_project(ran_shop, tmp_path):
    tested, suite = run_suite_on(ran_shop.project, "returned@1", rows=200)
    export_bundle(ran_shop.project, "returned@1", tmp_path / "bundles" / "returned-1")
    words = [sys.executable, "-m", "shipway.serving", "--bundles", str(tmp_path / "bundles"), "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        try:
            url = server.stdout.readline().split()[-1]
            remote = run_suite_at(suite, url, "returned")
        finally:
            server.terminate()
    assert [line.failed for line in remote.tests] == [line.failed for line in tested.tests]
    for far, near in zip(remote.tests, tested.tests, strict=True):
        assert far.mean_change == pytest.approx(near.mean_change, abs=1e-9)
