"""The process as a whole: how it starts, what it holds, how it ends, and what it does when the disk is full."""

import contextlib
import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from shipway.kit.canonical import canonical_json

FORBIDDEN = ("app", "cli", "data", "training", "validation", "delivery", "monitoring")
HELD = """
import json, sys
import shipway.serving.__main__
before = sorted(name for name in sys.modules if name.partition(".")[0] in ("shipway", "polars", "onnxruntime"))
from shipway.serving.loader import Loader
from shipway.serving.log import LogWriter
from shipway.ports.adapter import load_adapter
from pathlib import Path
load_adapter("http.asyncio")
Loader(Path(sys.argv[1]), LogWriter())
print(json.dumps([before, sorted(name for name in sys.modules if name.startswith("shipway"))]))
"""
ENDED = """
import json, sys
from shipway.serving.__main__ import main
code = main(sys.argv[1:])
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
sys.exit(code)
"""
HEAVY = {
    "altair", "cryptography", "cyclonedx", "cyclopts", "duckdb", "google", "grpc", "lightgbm", "mlflow",
    "model_signing", "nats", "obstore", "onnx", "onnxmltools", "opentelemetry", "pandas", "polars", "psycopg",
    "pyarrow", "ray", "redis", "rich", "scipy", "skl2onnx", "sklearn", "skops", "torch", "xgboost", "yaml",
}  # fmt: skip
"""Libraries that shipway can use, and that a server which needs none of them starts and answers without."""
LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
os.execv(sys.argv[2], sys.argv[2:])
"""


def test_process_holds_nothing_of_the_control_plane(shop):
    said = subprocess.run([sys.executable, "-c", HELD, str(shop.state)], capture_output=True, text=True, check=True)
    early, late = json.loads(said.stdout)
    for name in (*early, *late):
        assert not any(name == f"shipway.{room}" or name.startswith(f"shipway.{room}.") for room in FORBIDDEN), name
    assert [name for name in early if not name.startswith("shipway")] == []
    assert "shipway.adapters.http.server" in late


def list_libraries(*words, ask=lambda port: None):
    """Run a server, ask it something, stop it, and return what it had imported by its end."""
    command = [sys.executable, "-c", ENDED, *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        ask(int(process.stdout.readline().rsplit(":", 1)[1]))
        process.terminate()
        said = process.stdout.read().splitlines()
    assert process.returncode == 0
    return set(json.loads(said[-1]))


def test_a_server_of_models_holds_nothing_heavy(exported):
    """What a library costs at the start is not timed here, bench/start.py does that: none is there."""

    def ask(port):
        said = send(port, "POST", "/v2/models/mirror/infer", {"inputs": []})
        assert b"SW-802" in said

    found = list_libraries("--bundles", exported, ask=ask)
    assert found & HEAVY == set()
    assert {"onnxruntime", "uvloop"} <= found


def test_a_server_of_services_holds_what_their_log_needs_and_no_more(shop, make_row):
    def ask(port):
        send(port, "PUT", "/v1/services/fraud/routing", shop.route(1, 2, weight=0.5))
        assert b'"p":' in send(port, "POST", "/v1/predict/fraud", {"row": make_row()})

    assert list_libraries("--state", shop.state, ask=ask) & HEAVY == {"polars"}


def test_grpc_is_there_where_it_is_spoken(exported):
    assert list_libraries("--bundles", exported, "--grpc-port", 0) & HEAVY == {"google", "grpc"}


def send(port, method, path, document):
    """One request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request(method, path, canonical_json(document))
        return connection.getresponse().read()


def test_a_provider_that_is_not_there_stops_the_server_before_it_listens(shop):
    command = [sys.executable, "-m", "shipway.serving", "--state", str(shop.state), "--providers", "abacus,cpu"]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (said.returncode, said.stdout) == (1, "")
    assert "SW-703 the installed onnxruntime has no execution provider 'abacus', and has " in said.stderr


def test_address_is_there_while_it_listens(shop, serve):
    server = serve(shop.state)
    place = shop.state / "serving" / "server.json"
    found = json.loads(place.read_text())
    assert found == {"pid": server.process.pid, "port": server.port, "url": f"http://127.0.0.1:{server.port}"}
    assert server.stop() == 0
    assert not place.exists()


def test_second_server_is_refused(shop, serve):
    first = serve(shop.state)
    command = [sys.executable, "-m", "shipway.serving", "--state", str(shop.state)]
    second = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert second.returncode == 1
    assert second.stderr.startswith(f"SW-603 process {first.process.pid} serves")
    assert first.ask("GET", "/v2/health/live").status == 200
    assert (shop.state / "serving" / "server.json").exists()


@pytest.mark.parametrize("words", [("--state", "nowhere"), ("--port", "1", "--host", "203.0.113.1")])
def test_impossible_starts_are_refused(shop, words):
    command = [sys.executable, "-m", "shipway.serving", "--state", str(shop.state), *words]
    said = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert said.returncode == 1
    assert said.stderr.startswith("SW-101" if "nowhere" in words else "SW-801")
    assert "hint: " in said.stderr


def test_port_that_is_taken_is_refused(shop):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "shipway.serving", "--state", str(shop.state), "--port", port]
        said = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert said.returncode == 1
    assert said.stderr.startswith("SW-801")


def test_ends_with_its_parent(shop, serve):
    server = serve(shop.state)
    server.process.stdin.close()
    assert server.process.wait(timeout=30) == 0
    assert not (shop.state / "serving" / "server.json").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_end_answers_and_logs_what_was_accepted(shop, serve, number):
    server = serve(shop.state, "--replay")
    server.apply(shop.route(1, 2, weight=0.5, salt="s"))
    answers, stop = [], threading.Event()

    def ask():
        while not stop.is_set():
            try:
                answers.append(server.predict().status)
            except OSError:
                return

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    while len(answers) < 30:
        time.sleep(0.01)
    assert server.stop(number) == 0
    stop.set()
    for thread in threads:
        thread.join()
    assert set(answers) == {200}
    rows = shop.log()
    # One more may have been answered to a caller that the end of the connection overtook.
    assert rows.filter(rows["role"] == "live").height >= len(answers)
    assert rows.filter(rows["role"] == "shadow").height == rows.filter(rows["role"] == "live").height


def test_request_in_the_middle_may_be_finished_at_the_end(shop, serve, make_row):
    server = serve(shop.state, "--replay")
    server.apply(shop.route())
    body = json.dumps({"row": make_row(), "at": 1}).encode()
    head = b"POST /v1/predict/fraud HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
    with server.connect() as late, server.connect() as idle:
        late.sendall(head + body[:10])
        idle.sendall(b"GET /v2 HTTP/1.1\r\nhost: x\r\n\r\n")
        assert idle.recv(1 << 16).startswith(b"HTTP/1.1 200")
        server.process.send_signal(signal.SIGTERM)
        assert idle.recv(1 << 16) == b""
        late.sendall(body[10:])
        said = late.recv(1 << 16)
        assert said.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in said
        assert late.recv(1 << 16) == b""
    assert server.process.wait(timeout=30) == 0
    assert shop.log().height == 1


def test_killed_server_keeps_what_was_flushed(shop, serve):
    server = serve(shop.state, "--replay")
    server.apply(shop.route())
    for _ in range(5):
        server.predict()
    assert server.flush().status == 200
    for _ in range(5):
        server.predict()
    server.stop(signal.SIGKILL)
    assert shop.log().height == 5
    again = serve(shop.state, "--replay")
    assert again.predict().status == 200
    again.flush()
    assert shop.log().height == 6


def test_a_killed_server_has_lost_nothing_but_what_was_answered_last(shop, serve, make_row):
    """Rows are written without a flush, also where no more come. What is on the disk after a kill is what was answered
    first: in its order, each row once and with its vector. What only the memory held has to be the last rows.

    `bench/log_crash.py` kills a server under load at random instants, and holds the rows lost against the clock.
    """
    server = serve(shop.state, "--replay")
    server.apply(shop.route())
    said = {}

    def ask(rows):
        for order in range(rows):
            answer = server.predict(make_row(order=order), request=f"r{len(said)}").document
            said[answer["request"]] = answer["p"]
        return len(said)

    settled = ask(40)
    until = time.monotonic() + 30
    while server.status()["log"]["written_rows"] < 2 * settled:
        assert time.monotonic() < until
        time.sleep(0.05)
    ask(40)
    server.stop(signal.SIGKILL)
    places = list((shop.state / "log" / "fraud").rglob("*.parquet"))
    assert {str(place.parent.name) for place in places} == {"predictions", "features.main"}
    found, vectors = shop.log(), shop.log("features.main")  # a torn segment is refused, SW-605
    assert settled <= found.height <= len(said)
    assert dict(zip(found["request"], found["p"], strict=True)) == dict(list(said.items())[: found.height])
    assert found["request"].to_list() == list(said)[: found.height]
    assert vectors["request"].to_list()[: found.height] == found["request"].to_list()
    assert vectors["request"].n_unique() == vectors.height
    again = serve(shop.state, "--replay")
    assert again.predict(request="after").status == 200
    assert again.flush().status == 200
    assert shop.log()["request"].to_list() == [*found["request"], "after"]


def test_full_disk_under_the_log(shop, serve):
    """No file of the child may grow beyond a size: rows wait, predictions go on, and both recover with the disk."""
    limit = 2_000
    wrapper = (sys.executable, "-c", LIMITED, str(limit))
    server = serve(shop.state, "--replay", wrapper=wrapper, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert server.apply(shop.route()).status == 200
    assert server.predict().status == 200
    answer = server.flush()
    assert (answer.status, answer.document["code"]) == (507, "SW-601")
    assert server.predict().status == 200
    assert server.ask("GET", "/v2/health/ready").status == 200
    log = server.status()["log"]
    assert log["waiting_rows"] > 0
    assert log["failures"] > 0
    assert log["error"].startswith("SW-601")
    whole = resource.RLIM_INFINITY, resource.RLIM_INFINITY
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, whole)
    assert server.flush().status == 200
    log = server.status()["log"]
    assert (log["waiting_rows"], log["dropped_rows"], log["error"]) == (0, 0, None)
    assert shop.log().height == 2


def test_routing_that_cannot_be_kept_is_not_in_force(shop, serve):
    server = serve(shop.state, "--replay")
    server.apply(shop.route(token=1))
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
    answer = server.apply(shop.route(2, token=2))
    assert (answer.status, answer.document["code"]) == (507, "SW-601")
    assert server.predict().document["version"] == 1
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert server.apply(shop.route(2, token=2)).status == 200
    assert server.predict().document["version"] == 2
