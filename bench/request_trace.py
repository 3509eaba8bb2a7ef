"""What do traces cost, those that are recorded and those that are not?

usage: request_trace.py [--rounds 5] [--seconds 3] [--rate 3000] [--spans 20000]

The server of `bench/serving.py` with one version and its log on, asked by vector at a fixed rate (`load_client.py`),
without traces and with a share of the requests traced, one after the other in each round: processor time of the whole
process for each request, with what sending takes, and how much of what was recorded arrived. A collector that reads
nothing takes the spans. Then the same spans as bytes, by shipway and by OpenTelemetry's own encoder, which have to be
the same message.

Exits with 0 if, as the median of the rounds, one in a hundred costs at most 5 % of a request without traces, all of
them at most as much again as the answer, and shipway's bytes take at most a fifth of the library's time.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from overload import Target, start_target
from serving import ask, find_port, read_cpu_us, train
from shipway.adapters.otlp.message import write_spans
from shipway.core.span import Attribute, Span

SINK: Final = """
import socketserver, sys
class Take(socketserver.StreamRequestHandler):
    def handle(self):
        length = 0
        while (line := self.rfile.readline()) not in (b"\\r\\n", b""):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        self.rfile.read(length)
        self.wfile.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: 0\\r\\nconnection: close\\r\\n\\r\\n")
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("127.0.0.1", int(sys.argv[1])), Take).serve_forever()
"""
SHARES: Final = (None, 0.0, 0.01, 1.0)
MOST_RARE, MOST_ALL, MOST_BYTES = 1.05, 2.0, 0.2


def measure(target: Target, rate: float, seconds: float) -> tuple[float, int]:
    """Return what the server spends on each request, microseconds, and how many were answered."""
    before = read_cpu_us(target.process.pid)
    load = target.load(rate, seconds)
    answered = int((load.status == 200).sum())
    return (read_cpu_us(target.process.pid) - before) / max(answered, 1), answered


def read_spans(target: Target) -> dict[str, Any]:
    """Return how the sending of spans stands."""
    return ask(target.port, "GET", "/v1/status")["spans"] or {}


def name_share(share: float | None) -> str:
    """Return what a share is called."""
    return "no traces" if share is None else f"{share:.0%} traced"


def measure_servers(scratch: Path, rounds: int, seconds: float, rate: float) -> dict[float | None, list[float]]:
    """Return what a request costs with each share, for each round."""
    spent: dict[float | None, list[float]] = {share: [] for share in SHARES}
    model = train(scratch)
    sink = find_port()
    with ExitStack() as stack:
        process = stack.enter_context(subprocess.Popen([sys.executable, "-c", SINK, str(sink)]))
        stack.callback(process.terminate)
        for turn in range(rounds):
            # Each has every place in turn: what comes first finds the machine otherwise.
            for share in SHARES[turn % len(SHARES) :] + SHARES[: turn % len(SHARES)]:
                words = [] if share is None else ["--traces", f"http://127.0.0.1:{sink}", "--traces-share", str(share)]
                with ExitStack() as one:
                    target = start_target(one, scratch, model, "vector", *words)
                    measure(target, rate, 1.0)
                    us, answered = measure(target, rate, seconds)
                    spent[share].append(us)
                    said = f"{us:.1f} us, {answered} answered, spans {read_spans(target)}"
                    print(f"{name_share(share)}: {said}", flush=True)
    return spent


def make_spans(count: int) -> list[Span]:
    """Return spans like those of requests by vector."""
    attributes: dict[str, Attribute] = {
        "http.request.method": "POST", "url.scheme": "http", "url.path": "/v2/models/delay/infer",
        "http.route": "/v2/models/{model}/infer", "http.response.status_code": 200, "http.request.body.size": 210,
        "http.response.body.size": 180, "server.address": "127.0.0.1", "server.port": 8080,
        "shipway.service": "delay", "shipway.rows": 1, "shipway.logged": True,
    }  # fmt: skip
    return [
        Span(
            trace=number.to_bytes(16, "big"), id=number.to_bytes(8, "big"), name="POST /v2/models/{model}/infer",
            kind="server", began_ns=number, ended_ns=number + 1,
            attributes=attributes | {"shipway.request": str(number)},
        )
        for number in range(1, count + 1)
    ]  # fmt: skip


def write_with_library(spans: list[Span]) -> bytes:
    """Return what OpenTelemetry's encoder makes of spans, from its own objects on."""
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, SpanKind, TraceFlags

    resource, scope = Resource({"service.name": "delay"}), InstrumentationScope("shipway", "0")
    read = int.from_bytes
    theirs = [
        ReadableSpan(
            name=span.name,
            context=SpanContext(read(span.trace, "big"), read(span.id, "big"), False, TraceFlags(1)),
            resource=resource,
            attributes=span.attributes,
            kind=SpanKind.SERVER,
            start_time=span.began_ns,
            end_time=span.ended_ns,
            instrumentation_scope=scope,
        )
        for span in spans
    ]
    return encode_spans(theirs).SerializeToString()


def measure_bytes(count: int, rounds: int) -> tuple[float, float]:
    """Return microseconds a span takes to become bytes: shipway's, and the library's."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    read: Any = ExportTraceServiceRequest.FromString
    spans = make_spans(512)
    ours, theirs = write_spans(spans, {"service.name": "delay"}, "shipway", "0"), write_with_library(spans)
    if read(ours) != read(theirs):
        raise SystemExit("the two write different messages")
    spent: tuple[list[float], list[float]] = [], []
    ways = (lambda: write_spans(spans, {}, "shipway", "0")), (lambda: write_with_library(spans))
    for _ in range(rounds):
        for place, write in enumerate(ways):
            before = time.process_time()
            for _ in range(count // 512):
                write()
            spent[place].append((time.process_time() - before) / (count // 512 * 512) * 1e6)
    return statistics.median(spent[0]), statistics.median(spent[1])


def main() -> int:
    """Measure, print, and return 0 where the bounds hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rate", type=float, default=3_000.0)
    parser.add_argument("--spans", type=int, default=20_000)
    given = parser.parse_args()
    ours, theirs = measure_bytes(given.spans, given.rounds)
    print(f"a span as bytes: {ours:.1f} us, the library {theirs:.1f} us, {theirs / ours:.1f} times as much")
    with tempfile.TemporaryDirectory(prefix="shipway-trace-") as folder:
        spent = measure_servers(Path(folder), given.rounds, given.seconds, given.rate)
    ratios: dict[float | None, float] = {}
    for share, costs in spent.items():
        # Rounds are compared with themselves: what else the machine does changes between them.
        ratios[share] = statistics.median(cost / plain for cost, plain in zip(costs, spent[None], strict=True))
        print(f"{name_share(share)}: median {statistics.median(costs):.1f} us, {ratios[share]:.2f} of no traces")
    good = ratios[0.01] <= MOST_RARE and ratios[1.0] <= MOST_ALL and ours <= MOST_BYTES * theirs
    print("the bounds hold" if good else "the bounds do not hold")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
