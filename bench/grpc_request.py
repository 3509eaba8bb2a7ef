"""What does a request cost over gRPC, against the same over HTTP: JSON, tensors in binary, and a stream?

One server process answers all of them: a LightGBM model of 200 trees and 20 features, one row a request, as many
connections as given. The rounds take turns. What is counted is the processor time of the server process alone; every
door has to give the same probabilities. The claim is that JSON costs at most half of gRPC, which is why gRPC is there
for clients that speak nothing else, and no fast path.

    json      POST /v2/models/bench/infer, JSON in and out
    binary    the same, tensors in binary in and out
    grpc      ModelInfer, raw contents
    stream    ModelStreamInfer, raw contents, one stream a connection

    python bench/grpc_request.py [requests] [rounds] [connections]
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shipway.adapters.lightgbm.model import LightgbmFormat
from shipway.adapters.onnx.runtime import OnnxRuntime
from shipway.core.bundle import InputColumn
from shipway.delivery.bundle import Form, build_bundle

TREES: Final = 200
COLUMNS: Final = 20
MOST: Final = 1 / 2
"""What JSON may cost of what gRPC does."""
Ask = Callable[[int, NDArray[np.float32]], Awaitable[list[float]]]


def make_bundle(folder: Path) -> None:
    """Write the bundle of a model into a folder."""
    lightgbm: Any = import_module("lightgbm")
    rng = np.random.default_rng(1)
    x = rng.normal(size=(20_000, COLUMNS)).astype(np.float32).astype(np.float64)
    y = x[:, 0] + x[:, 1] * x[:, 2] + rng.normal(size=len(x)) > 0
    estimator = lightgbm.LGBMClassifier(n_estimators=TREES, num_leaves=31, verbose=-1, n_jobs=1).fit(x, y)
    library, runtime = LightgbmFormat(), OnnxRuntime()
    native = library.dump(estimator)
    portable = library.to_onnx(native, COLUMNS)
    manifest, files = build_bundle(
        model="bench", version=1, cut=0, ending=library.ending, native=Form("lightgbm", native, library.load(native)),
        portable=Form("onnx", portable, runtime.load(portable)),
        inputs=[InputColumn(name=f"f{place}", kind="number") for place in range(COLUMNS)], features=None,
        sample={"x": x[:5_000]}, training={}, metrics={}, verdict={}, lock="# none\n", card="# bench\n",
    )  # fmt: skip
    place = folder / f"bench-{manifest.version}"
    place.mkdir(parents=True)
    for name, content in files.items():
        (place / name).write_bytes(content)


def read_cpu_s(pid: int) -> float:
    """Return the processor time a process took so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def ask_http(port: int, rows: Sequence[NDArray[np.float32]], *, binary: bool) -> list[float]:
    """Ask for each row over one connection, and return what was answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers: list[float] = []
    for row in rows:
        tensor: dict[str, Any] = {"name": "x", "shape": [1, COLUMNS], "datatype": "FP32"}
        if binary:
            tensor["parameters"] = {"binary_data_size": 4 * COLUMNS}
            asked = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
            head = f"inference-header-content-length: {len(asked)}\r\ncontent-type: application/octet-stream\r\n"
            body = asked + row.tobytes()
        else:
            body, head = json.dumps({"inputs": [{**tensor, "data": row.tolist()}]}).encode(), ""
        start = f"POST /v2/models/bench/infer HTTP/1.1\r\nhost: x\r\n{head}content-length: {len(body)}\r\n\r\n"
        writer.write(start.encode() + body)
        said = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        headers = dict(line.split(": ", 1) for line in said.split("\r\n")[1:] if ": " in line)
        content = await reader.readexactly(int(headers["content-length"]))
        if binary:
            answers.append(float(np.frombuffer(content[-8:], "<f8")[0]))
        else:
            answers.append(json.loads(content)["outputs"][0]["data"][0])
    writer.close()
    return answers


async def ask_grpc(port: int, rows: Sequence[NDArray[np.float32]], *, stream: bool) -> list[float]:
    """Ask for each row over one channel, and return what was answered."""
    # The library has no types.
    triton: Any = import_module("tritonclient.grpc.aio")

    def write(row: NDArray[np.float32]) -> list[Any]:
        tensor = triton.InferInput("x", [1, COLUMNS], "FP32")
        tensor.set_data_from_numpy(row[None])
        return [tensor]

    # Channels to one address share a connection where nothing tells them apart.
    client = triton.InferenceServerClient(f"127.0.0.1:{port}", channel_args=[("grpc.use_local_subchannel_pool", 1)])
    answers: list[float] = []
    if stream:
        answered = asyncio.Event()

        async def write_all() -> AsyncIterator[dict[str, Any]]:
            for row in rows:
                answered.clear()
                yield {"model_name": "bench", "inputs": write(row)}
                await answered.wait()

        async for result, error in client.stream_infer(write_all()):
            assert error is None, error
            answers.append(float(result.as_numpy("probability")[0]))
            answered.set()
    else:
        for row in rows:
            result: Any = await client.infer("bench", write(row))
            answers.append(float(result.as_numpy("probability")[0]))
    await client.close()
    return answers


def main() -> int:
    """Run the bench and return 0 if its claim holds."""
    words = [int(word) for word in sys.argv[1:]]
    requests, rounds, connections = [*words, *(4_000, 5, 16)[len(words) :]]
    rows = np.random.default_rng(2).normal(size=(requests, COLUMNS)).astype(np.float32)
    shares = np.array_split(rows, connections)
    costs: dict[str, list[float]] = {name: [] for name in ("json", "binary", "grpc", "stream")}
    with tempfile.TemporaryDirectory() as name:
        make_bundle(Path(name))
        command = [sys.executable, "-m", "shipway.serving", "--bundles", name, "--grpc-port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            http, rpc = (int(process.stdout.readline().rsplit(":", 1)[1]) for _ in range(2))
            expected: list[float] | None = None

            async def ask(door: str) -> list[float]:
                if door in ("json", "binary"):
                    parts = [ask_http(http, list(share), binary=door == "binary") for share in shares]
                else:
                    parts = [ask_grpc(rpc, list(share), stream=door == "stream") for share in shares]
                return [answer for part in await asyncio.gather(*parts) for answer in part]

            for turn in range(rounds + 1):
                for door in costs:
                    before = read_cpu_s(process.pid)
                    answers = asyncio.run(ask(door))
                    cost_us = (read_cpu_s(process.pid) - before) / requests * 1e6
                    expected = expected or answers
                    assert np.allclose(answers, expected, rtol=0, atol=1e-9), f"{door} says something else"
                    if turn:  # the first round warms up
                        costs[door].append(cost_us)
            process.terminate()
    least = statistics.median(costs["json"])
    print(f"{requests:,} requests, {connections} connections, {rounds} rounds; server CPU us a request, median (range)")
    for door, found in costs.items():
        middle = statistics.median(found)
        print(f"  {door:8} {middle:7.1f}  ({min(found):.1f} to {max(found):.1f})  {middle / least:5.2f} x json")
    holds = least <= MOST * statistics.median(costs["grpc"])
    print(f"json costs at most half of grpc: {'yes' if holds else 'no'}")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
