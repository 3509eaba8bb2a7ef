"""A collector of spans over OTLP/HTTP for tests, which reads them with the classes of OpenTelemetry's own messages."""

import gzip
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from shipway.core.span import Attribute, Link, Span

_SERVER: Final = 2


@dataclass(slots=True)
class Collector:
    """What was collected, and what is answered next.

    Attributes:
        url: where it listens.
        requests: the headers of what came, by name in lower case, and the message.
        answers: what is said to the next ones, status, headers and body; 200 where there is none.
        came: told of each request.
    """

    url: str = ""
    requests: list[tuple[dict[str, str], Any]] = field(default_factory=list[tuple[dict[str, str], Any]])
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list[tuple[int, dict[str, str], bytes]])
    came: threading.Condition = field(default_factory=threading.Condition)

    @property
    def batches(self) -> list[tuple[Mapping[str, Attribute], list[Span]]]:
        """Return what came, for each resource its spans."""
        return [
            (
                _read_attributes(made.resource.attributes),
                [_read_span(span) for part in made.scope_spans for span in part.spans],
            )
            for _, message in self.requests
            for made in message.resource_spans
        ]

    @property
    def spans(self) -> list[Span]:
        """Return all spans that came, in their order."""
        return [span for _, spans in self.batches for span in spans]

    def wait(self, count: int, *, trace: bytes | None = None, timeout_s: float = 60.0) -> list[Span]:
        """Return the spans that came, or those of one trace, once there are as many.

        Args:
            count: how many are waited for.
            trace: whose; all where None.
            timeout_s: how long is waited at most.
        """
        found: list[Span] = []

        def enough() -> bool:
            found[:] = [span for span in self.spans if trace is None or span.trace == trace]
            return len(found) >= count

        with self.came:
            assert self.came.wait_for(enough, timeout_s), f"{len(found)} of {count} spans came"
        return found


@contextmanager
def run_collector() -> Generator[Collector]:
    """Run a collector on a free port of this machine."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()} | {":path": self.path}
            if headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            with collector.came:
                status, more, said = collector.answers.pop(0) if collector.answers else (200, {}, b"")
                if status == 200:
                    collector.requests.append((headers, ExportTraceServiceRequest.FromString(body)))
                collector.came.notify_all()
            self.send_response(status)
            for name, value in {**more, "content-length": str(len(said))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield collector
        server.shutdown()
        thread.join()


def _read_span(span: Any) -> Span:
    return Span(
        trace=span.trace_id,
        id=span.span_id,
        parent=span.parent_span_id,
        remote=bool(span.flags & 0x200),
        state=span.trace_state,
        name=span.name,
        kind="server" if span.kind == _SERVER else "internal",
        began_ns=span.start_time_unix_nano,
        ended_ns=span.end_time_unix_nano,
        attributes=_read_attributes(span.attributes),
        links=tuple(Link(link.trace_id, link.span_id, link.trace_state) for link in span.links),
        error=span.status.message if span.status.code == 2 else None,
    )


def _read_attributes(pairs: Any) -> dict[str, Attribute]:
    return {pair.key: _read_value(pair.value) for pair in pairs}


def _read_value(value: Any) -> Attribute:
    if value.WhichOneof("value") == "array_value":
        return tuple(each.string_value for each in value.array_value.values)
    return getattr(value, value.WhichOneof("value"))
