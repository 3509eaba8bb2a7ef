"""How long does a server take from its start until it is ready to answer, and what of that is not its own?

usage: start.py [--starts N]     by default 10 starts of each

A start is timed from just before the process is made until it says that it listens, which it does once every model is
loaded and warm; then it is asked whether it is ready, and one prediction, before it is stopped. The starts take turns:

    bundles      the server on a folder with one exported bundle: a LightGBM model of 200 trees, run by ONNX Runtime
    project      the server on the project of `shipway init` after its run, with a service that answers by key: the log
                 and the online store are opened, and the frames that the log is written with are loaded
    bare         `python -c "import numpy, onnxruntime"`, timed to its end: what no server of such models goes below

Milliseconds by the clock, the median and the slowest, and processor milliseconds, the median. Exits with 1 if the
median of either server is above 2 s.
"""

import argparse
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from grpc_request import COLUMNS, make_bundle
from shipway.app.project import find_project
from shipway.app.run import run_project
from shipway.app.scaffold import init_project
from shipway.core.service import Routing, Variant
from shipway.core.shelf import SHELF, Shelf
from shipway.kit.canonical import canonical_json

BOUND_S: Final = 2.0
Ask = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Starter:
    """A way to start: its command, and what it is asked once it listens; None for one that only ends."""

    command: list[str]
    ask: Ask | None
    wall_s: list[float] = field(default_factory=list[float])
    cpu_s: list[float] = field(default_factory=list[float])


def send(port: int, method: str, path: str, document: Any = None) -> Any:
    """Send one request and return its document; whatever is refused ends the measurement."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request(method, path, None if document is None else canonical_json(document))
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{method} {path} was answered with {answer.status} {body.decode()}")
        return msgspec.json.decode(body) if body else None


def start_server(*words: str) -> list[str]:
    return [sys.executable, "-m", "shipway.serving", *words]


def make_project(scratch: Path) -> tuple[Path, dict[str, Any]]:
    """Run the template's project, and return its state and a row of it that a prediction can be asked for."""
    init_project("shop", scratch)
    root = scratch / "shop"
    run_project(find_project(root))
    rows = pl.read_csv(root / "orders.csv", n_rows=1).with_columns(weekday=pl.lit(1), hour=pl.lit(12))
    (row,) = rows.with_columns(placed=pl.lit("2024-12-01T12:00:00Z")).to_dicts()
    return root / ".shipway", row


def route(state: Path) -> None:
    """Let a service answer with the version that was registered, from the next start on."""
    version = msgspec.json.decode((state / SHELF).read_bytes(), type=Shelf).versions[0]
    variant = Variant(version=version.version, bundle=version.bundle, online="main")
    routing = Routing(service="shop", model=version.model, stable=variant)

    def ask(port: int) -> None:
        send(port, "PUT", "/v1/services/shop/routing", routing)

    start_once(Starter(start_server("--state", str(state)), ask))


def ask_bundles(port: int) -> None:
    send(port, "GET", "/v2/models/bench/ready")
    tensor = {"name": "x", "shape": [1, COLUMNS], "datatype": "FP64", "data": [0.5] * COLUMNS}
    send(port, "POST", "/v2/models/bench/infer", {"inputs": [tensor]})


def ask_project(row: dict[str, Any]) -> Ask:
    def ask(port: int) -> None:
        send(port, "GET", "/v2/health/ready")
        send(port, "POST", "/v1/predict/shop", {"row": row})

    return ask


def start_once(starter: Starter) -> None:
    """Start a process, note how long it took until it was ready, and see that it was."""
    before, begun = sum(os.times()[2:4]), time.perf_counter()
    with subprocess.Popen(starter.command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if starter.ask is None:
            process.wait()
            starter.wall_s.append(time.perf_counter() - begun)
            starter.cpu_s.append(sum(os.times()[2:4]) - before)
            return
        starter.wall_s.append(time.perf_counter() - begun)
        starter.cpu_s.append(read_cpu_s(process.pid))
        try:
            starter.ask(int(line.rsplit(":", 1)[1]))
        finally:
            process.terminate()


def read_cpu_s(pid: int) -> float:
    """Return the processor time a process took so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--starts", type=int, default=10)
    starts = parser.parse_args().starts
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        make_bundle(scratch / "bundles")
        state, row = make_project(scratch)
        route(state)
        starters = {
            "bundles": Starter(start_server("--bundles", str(scratch / "bundles")), ask_bundles),
            "project": Starter(start_server("--state", str(state)), ask_project(row)),
            "bare": Starter([sys.executable, "-c", "import numpy, onnxruntime"], None),
        }
        for _ in range(starts):
            for starter in starters.values():
                start_once(starter)
    slow = False
    for name, starter in starters.items():
        wall, cpu = statistics.median(starter.wall_s), statistics.median(starter.cpu_s)
        slow |= starter.ask is not None and wall > BOUND_S
        print(
            f"{name:8} {wall * 1e3:6,.0f} ms, {max(starter.wall_s) * 1e3:6,.0f} at most;"
            f" {cpu * 1e3:6,.0f} ms of processor time, {cpu / statistics.median(starters['bare'].cpu_s):.1f} x bare"
        )
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
