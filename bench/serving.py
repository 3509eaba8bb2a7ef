"""What does a request cost: shipway with a split between two versions and its log on, and other servers, one model.

usage: serving.py [--venvs FOLDER] [--seconds S] [--rounds N] [--only NAME ...]     by default 2 seconds, 3 rounds

A LightGBM model of 200 trees with 31 leaves over 20 numbers, one value in twenty missing, as an ONNX graph that every
server runs with one thread. `wrk` asks for one row at a time over 1, 16 and 64 connections, 64 bodies in turn, in JSON
of the Open Inference Protocol, version 2 (to `mlflow models serve` in its own form, which speaks no other). The servers
take turns within each round. Before that the answers of all servers to all bodies are compared with one another.

    shipway          a service with two versions that answer half of the units each; every request is logged with its
                     vector
    shipway by key   the same service asked by key: 20 features of 1 entity in 5 views are read from LMDB
    shipway pairs, shipway pairs by key    a service whose requests are all predicted and logged by both versions, by
                     one of them in shadow: twice the predictions of the others, to see what evidence costs
    fastapi          FastAPI, pydantic and onnxruntime on uvicorn with uvloop and httptools
    mlserver, litserve, bentoml, mlflow    as their documentation writes it, one worker

Each of the others lives in an environment of its own, FOLDER/NAME (`python -m venv FOLDER/NAME`, then `pip install`
what PEERS says); those that are missing are named, and then the exit code is 1.

CPU is user and system time of the server's whole process tree, /proc/PID/stat, for each request answered, medians over
the rounds; for shipway until its log is on the disk. Latencies are what `wrk` saw, which is a closed loop. Exits with 0
if all answers are equal, every request was answered and logged, the shares are those of the weights, and at 16
connections shipway takes at most 40 us a request (80 by key), a quarter of FastAPI, a fifteenth of MLServer, and a
thirtieth of the others. Pairs are shown and not judged.
"""

import argparse
import http.client
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from lightgbm import LGBMClassifier
from numpy.typing import NDArray

from shipway.adapters.file.blob import FileBlobs
from shipway.adapters.lightgbm.model import LightgbmFormat
from shipway.adapters.lmdb.store import LmdbOnline
from shipway.adapters.log.parquet import ParquetLog
from shipway.adapters.onnx.runtime import OnnxRuntime
from shipway.core import window as w
from shipway.core.bundle import InputColumn, KeyedFeatures
from shipway.core.entry import encode_entity
from shipway.core.feature import ALWAYS, Entity, FeatureView, Source
from shipway.core.online import make_layout
from shipway.core.pack import find_packs
from shipway.core.service import Routing, Terms, Variant
from shipway.data.column import vector_of
from shipway.data.pack import Newest, pack_newest
from shipway.delivery.bundle import Form, build_bundle
from shipway.kit.canonical import canonical_json

VIEWS: Final = 5
NUMBERS: Final = 4
COLUMNS: Final = VIEWS * NUMBERS
BODIES: Final = 64
CONNECTIONS: Final = (1, 16, 64)
JUDGED: Final = 16
DAY_US: Final = 86_400_000_000
HERE: Final = Path(__file__).parent / "serving_peer"
PEERS: Final = {
    "fastapi": "fastapi uvicorn uvloop httptools onnxruntime numpy",
    "mlserver": "mlserver onnxruntime",
    "litserve": "litserve onnxruntime numpy",
    "bentoml": "bentoml onnxruntime numpy",
    "mlflow": "mlflow onnxruntime uvicorn",
}
BOUND_US: Final = {"shipway": 40.0, "shipway by key": 80.0}
TIMES: Final = {"fastapi": 4.0, "mlserver": 15.0, "litserve": 30.0, "bentoml": 30.0, "mlflow": 30.0}
INFER: Final = "/v2/models/delay/infer"
SHARES: Final = {"delay": 0.0, "pairs": 1.0}
"""Services of shipway, and the share of their requests that both versions predict."""
PARITY: Final = 1e-6

ASKED: Final = Source("asked", ("row",), (), {ALWAYS: ("user",)})
SOURCES: Final = tuple(
    Source(f"view{v}", ("id",), (), {"at": tuple(f"x{n}" for n in range(NUMBERS))}) for v in range(VIEWS)
)
USER: Final = Entity("user", ("user",))
STORED: Final = tuple(
    FeatureView(source.name, USER, {f"x{n}": w.newest(source.event("at")[f"x{n}"], within="30d") for n in range(4)})
    for source in SOURCES
)


@dataclass(slots=True)
class Server:
    """A server under load, and how it is asked.

    Attributes:
        name: what it is called.
        process: whose tree's time is counted.
        port: where it listens.
        path: what is asked.
        bodies: what is sent.
        read: takes the probability out of an answer.
        settle: waits until all work for requests is done.
        spent: processor microseconds a request, by connections.
        p50: median latencies in milliseconds, by connections.
        p99: the same for one in a hundred.
        rate: requests a second.
        answered: requests of the load in all.
    """

    name: str
    process: subprocess.Popen[bytes]
    port: int
    path: str
    bodies: Sequence[bytes]
    read: Callable[[Any], float]
    settle: Callable[[], None]
    spent: dict[int, list[float]] = field(default_factory=dict[int, list[float]])
    p50: dict[int, list[float]] = field(default_factory=dict[int, list[float]])
    p99: dict[int, list[float]] = field(default_factory=dict[int, list[float]])
    rate: dict[int, list[float]] = field(default_factory=dict[int, list[float]])
    answered: int = 0


@dataclass(frozen=True, slots=True)
class Model:
    """What all servers serve, and what they are asked.

    Attributes:
        graph: the model's file.
        x: the rows that are asked about, rounded to two decimals.
        state: the folder of state of shipway.
        bundles: digests of the two versions.
    """

    graph: Path
    x: NDArray[np.float64]
    state: Path
    bundles: tuple[str, ...]


def train(scratch: Path) -> Model:
    """Train a model, package it twice and fill an online store with the rows that are asked about."""
    chance = np.random.default_rng(6)
    x = np.round(chance.normal(0, 30, (20_000, COLUMNS)), 2)
    x[chance.random(x.shape) < 0.05] = np.nan
    score = np.nansum(x[:, :5], axis=1) / 40 + np.nan_to_num(x[:, 5] * x[:, 6]) / 900
    y = chance.random(len(x)) < 1 / (1 + np.exp(-score))
    estimator: Any = LGBMClassifier(n_estimators=200, num_leaves=31, learning_rate=0.05, n_jobs=2, verbose=-1)
    estimator.fit(x, y)
    native = LightgbmFormat().dump(estimator)
    graph = LightgbmFormat().to_onnx(native, COLUMNS)
    state = scratch / ".shipway"
    bundles = [package(state, number, native, graph, x[:500]) for number in (1, 2)]
    place = scratch / "model.onnx"
    place.write_bytes(graph)
    fill_store(state, x[:BODIES])
    return Model(place, x[:BODIES], state, (bundles[0], bundles[1]))


def package(state: Path, number: int, native: bytes, graph: bytes, x: NDArray[np.float64]) -> str:
    """Build a bundle into a folder of state and return its digest."""
    inputs = [InputColumn(name=name, kind="number") for name in make_layout("asked", (), STORED, make_schema()).columns]
    features = KeyedFeatures(at="asked.at", spine="asked", key=("user",), views=STORED, schema=make_schema())
    manifest, files = build_bundle(
        model="delay",
        version=number,
        cut=0,
        ending="txt",
        native=Form("lightgbm", native, LightgbmFormat().load(native)),
        portable=Form("onnx", graph, OnnxRuntime().load(graph)),
        inputs=inputs,
        features=features,
        sample={"x": x},
        training={},
        metrics={},
        verdict={},
        lock="",
        card="",
    )
    blobs = FileBlobs(state / "blobs")
    for content in files.values():
        blobs.put(content)
    return manifest.digest


def make_schema() -> dict[str, dict[str, Any]]:
    """Return the kinds of every column."""
    schema: dict[str, dict[str, Any]] = {"asked": {"user": "int"}}
    for source in SOURCES:
        schema[source.name] = {"id": "int", "user": "int", "at": "instant"}
        schema[source.name] |= dict.fromkeys((f"x{n}" for n in range(NUMBERS)), "float")
    return schema


def fill_store(state: Path, x: NDArray[np.float64]) -> None:
    """Write the rows into an online store, one entity each."""
    layout = make_layout("asked", ("user",), STORED, make_schema())
    (pack,) = find_packs(layout)
    instant = pl.Series([time.time_ns() // 1_000 - DAY_US] * len(x)).cast(pl.Datetime("us", "UTC"))
    members = [
        Newest(
            vector_of(instant),
            tuple(vector_of(pl.Series(x[:, view * NUMBERS + n]).fill_nan(None)) for n in range(NUMBERS)),
        )
        for view in range(VIEWS)
    ]
    store = LmdbOnline(state / "online" / "main")
    store.write(pack_newest(pack, [encode_entity((user,)) for user in range(len(x))], members), position=b"1")
    store.close()


def find_port() -> int:
    """Return a port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(port: int, method: str, path: str, body: bytes | None = None) -> Any:
    """Ask once and return the answer's document."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, {"content-type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{method} {path}: {answer.status} {said[:500]!r}")
        return json.loads(said)
    finally:
        connection.close()


@contextmanager
def run(words: Sequence[str], log: Path, **environment: str) -> Generator[subprocess.Popen[bytes]]:
    """Run a server until the block is left."""
    with log.open("wb") as said:
        process = subprocess.Popen(
            words,
            stdout=said,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            env={**os.environ, **environment},
            start_new_session=True,
        )
        try:
            yield process
        finally:
            for pid in reversed(list_tree(process.pid)):
                try:
                    os.kill(pid, 9)
                except ProcessLookupError:
                    continue
            process.wait()


def wait_for(server: Server, log: Path, limit_s: float = 120.0) -> None:
    """Wait until a server answers its first body."""
    until = time.monotonic() + limit_s
    while True:
        try:
            ask(server.port, "POST", server.path, server.bodies[0])
            return
        except (OSError, http.client.HTTPException, SystemExit, ValueError) as error:
            if server.process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"{server.name} does not answer ({error}): {log.read_text()[-2000:]}") from error
            time.sleep(0.2)


def list_tree(root: int) -> list[int]:
    """Return a process and all below it."""
    parents: dict[int, list[int]] = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            said = place.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(said[1]), []).append(int(place.parent.name))
    found = [root]
    for pid in found:
        found += parents.get(pid, [])
    return found


def read_cpu_us(root: int) -> float:
    """Return the user and system time of a process tree, microseconds."""
    ticks = 0
    for pid in list_tree(root):
        said = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(said[11]) + int(said[12])
    return ticks * 1e6 / os.sysconf("SC_CLK_TCK")


def write_script(scratch: Path, server: Server) -> Path:
    """Write what tells `wrk` to send the bodies in turn."""
    bodies = ",\n".join(json.dumps(body.decode()) for body in server.bodies)
    script = scratch / f"{server.name.replace(' ', '_')}.lua"
    script.write_text(f"""
local bodies = {{{bodies}}}
local asked, turn = {{}}, 0
function init()
    for place, body in ipairs(bodies) do
        asked[place] = wrk.format("POST", "{server.path}", {{["Content-Type"] = "application/json"}}, body)
    end
end
function request()
    turn = turn % #asked + 1
    return asked[turn]
end
""")
    return script


def load(server: Server, script: Path, connections: int, seconds: int) -> None:
    """Put a server under load and note what it took; every request has to be answered."""
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s", "-s", str(script)]
    before = read_cpu_us(server.process.pid)
    done = subprocess.run(
        [*words, f"http://127.0.0.1:{server.port}"], capture_output=True, text=True, check=True
    ).stdout
    server.settle()
    spent = read_cpu_us(server.process.pid) - before
    if "Non-2xx" in done or "Socket errors" in done:
        raise SystemExit(f"{server.name} did not answer every request:\n{done}")
    answered = int(re.findall(r"(\d+) requests in", done)[0])
    server.answered += answered
    server.spent.setdefault(connections, []).append(spent / answered)
    server.p50.setdefault(connections, []).append(read_ms(done, "50%"))
    server.p99.setdefault(connections, []).append(read_ms(done, "99%"))
    server.rate.setdefault(connections, []).append(answered / seconds)


def read_ms(said: str, share: str) -> float:
    """Return a latency out of what `wrk` says."""
    value, unit = re.findall(rf"{share}\s+([\d.]+)(us|ms|s)", said)[0]
    return float(value) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit]


def write_bodies(x: NDArray[np.float64], *, mlflow: bool = False) -> list[bytes]:
    """Return each row as the body of a request."""
    rows = [[None if np.isnan(value) else value for value in row] for row in x.tolist()]
    if mlflow:
        return [json.dumps({"inputs": [row]}).encode() for row in rows]
    shape = [1, x.shape[1]]
    return [
        json.dumps({"inputs": [{"name": "x", "shape": shape, "datatype": "FP32", "data": row}]}).encode()
        for row in rows
    ]


def read_v2(answer: Any) -> float:
    """Return the probability of an answer of the protocol."""
    return float(answer["outputs"][0]["data"][0])


def start_shipway(stack: ExitStack, scratch: Path, model: Model) -> list[Server]:
    """Start the server with two services of two versions that answer half of the units each, asked in two ways."""
    port, log = find_port(), scratch / "shipway.log"
    words = [sys.executable, "-m", "shipway.serving", "--state", str(model.state), "--port", str(port)]
    process = stack.enter_context(run(words, log))
    users = [canonical_json({"row": {"user": user}}) for user in range(BODIES)]

    def settle() -> None:
        ask(port, "POST", "/v1/log/flush")

    servers: list[Server] = []
    for service in SHARES:
        name = "shipway" if service == "delay" else f"shipway {service}"
        servers.append(
            Server(name, process, port, INFER.replace("delay", service), write_bodies(model.x), read_v2, settle)
        )
        by_key = f"/v1/predict/{service}"
        servers.append(Server(f"{name} by key", process, port, by_key, users, lambda said: said["p"], settle))
    until = time.monotonic() + 60
    while True:
        try:
            ask(port, "GET", "/v2/health/live")
            break
        except OSError as error:
            if time.monotonic() > until:
                raise SystemExit(log.read_text()) from error
            time.sleep(0.05)
    stable, candidate = (
        Variant(version=number, bundle=digest, online="main") for number, digest in enumerate(model.bundles, 1)
    )
    for service, share in SHARES.items():
        routing = Routing(
            service=service,
            model="delay",
            stable=stable,
            candidate=candidate,
            weight=0.5,
            salt="bench",
            terms=Terms(shadow=share),
        )
        ask(port, "PUT", f"/v1/services/{service}/routing", canonical_json(routing))
    wait_for(servers[0], log)
    return servers


def start_peer(stack: ExitStack, scratch: Path, model: Model, name: str, venv: Path) -> Server:
    """Start one of the others."""
    port, log, folder = find_port(), scratch / f"{name}.log", scratch / name
    folder.mkdir()
    python = str(venv / "bin" / "python")
    environment = {
        "BENCH_MODEL": str(model.graph),
        "PYTHONPATH": str(HERE),
        "PATH": f"{venv / 'bin'}:{os.environ['PATH']}",
        "BENTOML_HOME": str(folder),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'runs.db'}",
    }
    path, bodies, read = INFER, write_bodies(model.x), read_v2
    match name:
        case "fastapi":
            words = [python, "-m", "uvicorn", "fastapi_server:app", "--port", str(port), "--loop", "uvloop"]
            words += ["--http", "httptools", "--no-access-log", "--log-level", "warning"]
        case "mlserver":
            settings = {"http_port": port, "grpc_port": find_port(), "metrics_port": find_port()}
            settings |= {"host": "127.0.0.1", "debug": False, "parallel_workers": 0}
            (folder / "settings.json").write_text(json.dumps(settings))
            told = {"name": "delay", "implementation": "mlserver_runtime.OnnxModel"}
            (folder / "model-settings.json").write_text(json.dumps(told | {"parameters": {"uri": str(model.graph)}}))
            words = [str(venv / "bin" / "mlserver"), "start", str(folder)]
        case "litserve":
            words = [python, str(HERE / "litserve_server.py"), str(port)]
        case "bentoml":
            words = [str(venv / "bin" / "bentoml"), "serve", "bentoml_server:Delay", "--port", str(port)]
            words += ["--host", "127.0.0.1", "--working-dir", str(HERE)]
        case _:
            saved = [python, str(HERE / "mlflow_model.py"), str(model.graph), str(folder / "model")]
            done = subprocess.run(saved, capture_output=True, text=True, check=False, env={**os.environ, **environment})
            if done.returncode:
                raise SystemExit(done.stderr[-2000:])
            words = [str(venv / "bin" / "mlflow"), "models", "serve", "-m", str(folder / "model"), "--port", str(port)]
            words += ["--env-manager", "local"]
            path, bodies = "/invocations", write_bodies(model.x, mlflow=True)

            def read(answer: Any) -> float:
                return float(answer["predictions"][0])

    process = stack.enter_context(run(words, log, **environment))
    server = Server(name, process, port, path, bodies, read, lambda: None)
    wait_for(server, log)
    return server


def compare(servers: Sequence[Server]) -> bool:
    """Tell whether all servers answer every body alike, and print how far they are apart."""
    answers = {
        server.name: np.array([server.read(ask(server.port, "POST", server.path, body)) for body in server.bodies])
        for server in servers
    }
    first = answers["shipway"]
    apart = {name: float(np.abs(p - first).max()) for name, p in answers.items()}
    print("answers: " + ", ".join(f"{name} {far:.0e} apart" for name, far in apart.items() if name != "shipway"))
    return all(far <= PARITY for far in apart.values()) and len(np.unique(first)) > BODIES // 2


def check_log(servers: Sequence[Server], state: Path) -> bool:
    """Tell whether everything that was asked of shipway is in its log, by both versions and with its vector."""
    ours = [server for server in servers if server.name.startswith("shipway")]
    status = ask(ours[0].port, "GET", "/v1/status")
    dropped, unseen = status["log"]["dropped_rows"], status["counts"]["shadow_dropped"]
    right = not dropped and not unseen
    for service, paired in SHARES.items():
        rows = ParquetLog(state / "log" / service).read("predictions", columns=["request", "version", "role"])
        live, shadow = (rows.filter(pl.col("role") == role).height for role in ("live", "shadow"))
        asked = sum(server.answered for server in ours if service in server.path)
        share = rows.filter((pl.col("role") == "live") & (pl.col("version") == 2)).height / max(live, 1)
        print(f"log of {service}: {asked:,} asked under load, {live:,} live and {shadow:,} shadow rows; ")
        print(f"     the candidate, weight 50 %, answered {share:.2%}")
        right &= live >= asked and shadow == paired * live
    print(f"     {dropped:,} rows and {unseen:,} shadows dropped")
    return right


def report(servers: Sequence[Server]) -> bool:
    """Print what was measured and tell whether it is within the bounds."""
    middle = {name.name: {n: statistics.median(v) for n, v in name.spent.items()} for name in servers}
    print(f"{'':20}{'connections':>12}{'CPU us':>9}{'times':>7}{'p50 ms':>9}{'p99 ms':>9}{'req/s':>9}")
    for server in servers:
        for n, spent in middle[server.name].items():
            times = spent / middle["shipway"][n]
            p50, p99, rate = (statistics.median(of[n]) for of in (server.p50, server.p99, server.rate))
            print(f"{server.name:20}{n:12}{spent:9.1f}{times:7.1f}{p50:9.2f}{p99:9.2f}{rate:9,.0f}")
    within = True
    for name, of in middle.items():
        if name in BOUND_US:
            said, good = f"at most {BOUND_US[name]:g} us", of[JUDGED] <= BOUND_US[name]
        elif name in TIMES:
            said = f"at least {TIMES[name]:g} times shipway"
            good = of[JUDGED] >= TIMES[name] * middle["shipway"][JUDGED]
        else:
            continue
        within &= good
        print(f"{name:20}{said:34}{'yes' if good else 'NO'}")
    return within


def main() -> int:
    """Print the tables; return 0 if everything is equal and within its bounds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--venvs", type=Path, default=Path("/tmp/serving-venvs"))
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=list(PEERS))
    given = parser.parse_args()
    found = [name for name in given.only if (given.venvs / name / "bin" / "python").exists()]
    missing = [name for name in PEERS if name not in found]
    for name in missing:
        print(f"{name} is not measured: {given.venvs / name} should have {PEERS[name]}")
    with tempfile.TemporaryDirectory(prefix="shipway-serving-") as folder, ExitStack() as stack:
        scratch = Path(folder)
        model = train(scratch)
        servers = start_shipway(stack, scratch, model)
        servers += [start_peer(stack, scratch, model, name, given.venvs / name) for name in found]
        right = compare(servers)
        scripts = {server.name: write_script(scratch, server) for server in servers}
        for server in servers:
            load(server, scripts[server.name], JUDGED, 1)
            for of in (server.spent, server.p50, server.p99, server.rate):
                of.clear()
        for _ in range(given.rounds):
            for connections in CONNECTIONS:
                for server in servers:
                    load(server, scripts[server.name], connections, given.seconds)
        right &= check_log(servers, model.state)
        within = report(servers)
    return 0 if right and within and not missing else 1


if __name__ == "__main__":
    sys.exit(main())
