"""What a call costs the caller: shipway's client beside httpx, requests, aiohttp and tritonclient.

usage: client.py [--calls N] [--rounds R]     by default 400 calls and 9 rounds

Each asks the same process on the same machine the same V2 question, a vector of 20 numbers as JSON, and reads the
probability out of the answer into a NumPy array; shipway's also with a deadline and a retry budget, as it comes. The
process says the same whatever it is asked, so that nothing but the caller differs. The rounds of all callers alternate.
First one call after the other, then 16 at a time in an event loop.

Processor microseconds a call of the calling process, the median of the rounds and its ratio to shipway's. Needs httpx,
requests, aiohttp and tritonclient[http]; exits with 1 if an answer differs, if one of them is missing, or if shipway's
client takes more than a half of what the cheapest of the others takes (in the event loop: more than it takes).
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any, Final

import numpy as np

from shipway.client import AsyncClient, Client
from shipway.testing.process import start_child

SERVER: Final = """
import asyncio, sys
BODY = sys.argv[1].encode()
ANSWER = b"HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\ncontent-length: %d\\r\\n\\r\\n" % len(BODY) + BODY

class Serve(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.data = transport, b""

    def data_received(self, data):
        self.data += data
        head, found, body = self.data.partition(b"\\r\\n\\r\\n")
        if found and len(body) >= int(head.lower().partition(b"content-length:")[2].partition(b"\\r\\n")[0]):
            self.data = b""
            self.transport.write(ANSWER)

async def main():
    server = await asyncio.get_running_loop().create_server(Serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""
ANSWER: Final = (
    '{"model_name":"delay","model_version":"3","id":"x","outputs":'
    '[{"name":"probability","datatype":"FP64","shape":[1],"data":[0.25]}],"parameters":{"bundle":"f00"}}'
)
X: Final = np.random.default_rng(1).normal(size=(1, 20)).astype(np.float64)
TOGETHER: Final = 16
BOUND: Final = 0.5
BOUND_TOGETHER: Final = 1.0
PEERS: Final = ("httpx", "requests", "aiohttp", "tritonclient.http")

Ask = Callable[[], "np.ndarray[Any, Any]"]
AskLater = Callable[[], Awaitable["np.ndarray[Any, Any]"]]


def write_question() -> dict[str, Any]:
    tensor = {"name": "x", "shape": list(X.shape), "datatype": "FP64", "data": X.ravel().tolist()}
    return {"id": "x", "inputs": [tensor]}


def read_answer(answer: dict[str, Any]) -> "np.ndarray[Any, Any]":
    output = answer["outputs"][0]
    return np.asarray(output["data"], np.float64).reshape(output["shape"])


def open_blocking(url: str) -> dict[str, Ask]:
    client = Client(url)
    httpx: Any = import_module("httpx")
    requests: Any = import_module("requests")
    triton: Any = import_module("tritonclient.http")
    by_httpx, by_requests = httpx.Client(), requests.Session()
    by_triton = triton.InferenceServerClient(url.removeprefix("http://"))
    path = f"{url}/v2/models/delay/infer"

    def ask_triton() -> "np.ndarray[Any, Any]":
        tensor = triton.InferInput("x", list(X.shape), "FP64")
        tensor.set_data_from_numpy(X, binary_data=False)
        wanted = [triton.InferRequestedOutput("probability", binary_data=False)]
        return by_triton.infer("delay", [tensor], outputs=wanted, request_id="x").as_numpy("probability")

    return {
        "shipway": lambda: client.infer("delay", {"x": X})["probability"],
        "httpx": lambda: read_answer(by_httpx.post(path, json=write_question()).json()),
        "requests": lambda: read_answer(by_requests.post(path, json=write_question()).json()),
        "tritonclient": ask_triton,
    }


def open_awaiting(url: str, by_httpx: Any, by_aiohttp: Any) -> dict[str, AskLater]:
    client = AsyncClient(url)
    path = f"{url}/v2/models/delay/infer"

    async def ask_shipway() -> "np.ndarray[Any, Any]":
        return (await client.infer("delay", {"x": X}))["probability"]

    async def ask_httpx() -> "np.ndarray[Any, Any]":
        return read_answer((await by_httpx.post(path, json=write_question())).json())

    async def ask_aiohttp() -> "np.ndarray[Any, Any]":
        async with by_aiohttp.post(path, json=write_question()) as answer:
            return read_answer(await answer.json())

    return {"shipway": ask_shipway, "httpx": ask_httpx, "aiohttp": ask_aiohttp}


def measure_blocking(asks: dict[str, Ask], calls: int, rounds: int) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in asks}
    for place in range(rounds + 1):
        for name, ask in asks.items():
            begun = time.process_time()
            for _ in range(calls):
                check(name, ask())
            if place:
                taken[name].append((time.process_time() - begun) / calls * 1e6)
    return {name: statistics.median(each) for name, each in taken.items()}


async def measure_awaiting(url: str, calls: int, rounds: int) -> dict[str, float]:
    by_httpx, by_aiohttp = import_module("httpx").AsyncClient(), import_module("aiohttp").ClientSession()
    asks = open_awaiting(url, by_httpx, by_aiohttp)
    taken: dict[str, list[float]] = {name: [] for name in asks}

    async def work(name: str, ask: AskLater) -> None:
        for _ in range(calls // TOGETHER):
            check(name, await ask())

    for place in range(rounds + 1):
        for name, ask in asks.items():
            begun = time.process_time()
            await asyncio.gather(*(work(name, ask) for _ in range(TOGETHER)))
            if place:
                taken[name].append((time.process_time() - begun) / (calls // TOGETHER * TOGETHER) * 1e6)
    await by_httpx.aclose()
    await by_aiohttp.close()
    return {name: statistics.median(each) for name, each in taken.items()}


def check(name: str, found: "np.ndarray[Any, Any]") -> None:
    if found.tolist() != [0.25]:
        raise SystemExit(f"{name} read {found!r} where 0.25 was said")


def show(title: str, found: dict[str, float], bound: float) -> bool:
    print(title)
    ours = found["shipway"]
    for name, us in found.items():
        print(f"  {name:<14} {us:8.1f} us CPU a call   {us / ours:5.2f}")
    cheapest = min(us for name, us in found.items() if name != "shipway")
    kept = ours <= bound * cheapest
    print(
        f"  {'kept' if kept else 'BROKEN'}: {ours / cheapest:.2f} of the cheapest of the others, {bound:g} is allowed"
    )
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    for name in PEERS:
        try:
            import_module(name)
        except ImportError:
            print(f"{name} is missing: pip install httpx requests aiohttp 'tritonclient[http]'", file=sys.stderr)
            return 1
    with start_child(SERVER, ANSWER) as child:
        assert child.stdout is not None
        url = f"http://127.0.0.1:{int(child.stdout.readline())}"
        one = measure_blocking(open_blocking(url), given.calls, given.rounds)
        kept = show("one call after the other", one, BOUND)
        many = asyncio.run(measure_awaiting(url, given.calls, given.rounds))
        kept &= show(f"{TOGETHER} at a time in an event loop", many, BOUND_TOGETHER)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
