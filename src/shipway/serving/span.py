"""What was noted of a request as spans, in the words of OpenTelemetry's semantic conventions.

https://opentelemetry.io/docs/specs/semconv/http/http-spans/ and .../rpc/grpc/, version 1.44; what they have no word for
begins with `shipway.`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

import msgspec

from shipway.core.inference import RPC_CODES
from shipway.core.span import Attribute, Span
from shipway.serving.fallback import FALLBACK
from shipway.serving.refusal import Refusal
from shipway.serving.trace import Aside, Part, Trace, make_span_id, make_trace_id

_METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
_FAILED_RPC: Final = frozenset({
    "UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
})  # fmt: skip
"""Codes by which a server says that it is at fault."""
_TELLS: Final = ("/ServerReady", "/ModelReady", "/Check", "/Watch")
"""Methods that answer with OK that something is not ready, or not there."""
_NOT_READY: Final = (404, 503)
_FAULT: Final = 500
_REFUSAL: Final = msgspec.json.Decoder(Refusal)
_FIXED: Final = frozenset({
    "/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/stats", "/v2/repository/index", "/v2/trace/setting",
    "/v2/logging", "/openapi.json", "/v1/features", "/v1/log/flush", "/v1/status", "/metrics",
})  # fmt: skip


@dataclass(slots=True)
class Door:
    """Where requests come in.

    Attributes:
        scheme: `http` or `https`.
        host: the address that is listened on.
        grpc: the port for gRPC; 0 where it is not spoken.
    """

    scheme: str
    host: str
    grpc: int = 0


def make_spans(noted: Trace | Aside, door: Door, offset_ns: int) -> list[Span]:
    """Return the spans of what was noted.

    Args:
        noted: of a request, or of what followed several.
        door: where it came in.
        offset_ns: what the stopwatch lacks to be nanoseconds since 1970 UTC.
    """
    if isinstance(noted, Aside):
        part = noted.part
        return [_make_part(part, make_trace_id(), b"", "", offset_ns, noted)]
    name, attributes, error = _describe_rpc(noted, door) if noted.rpc else _describe_http(noted, door)
    parent = noted.parent
    state = "" if parent is None else parent.state
    whole = Span(
        trace=noted.id,
        id=noted.span,
        parent=b"" if parent is None else parent.id,
        remote=parent is not None,
        state=state,
        name=name,
        kind="server",
        began_ns=noted.received_ns + offset_ns,
        ended_ns=noted.answered_ns + offset_ns,
        attributes=attributes | noted.attributes,
        error=error,
    )
    return [whole, *[_make_part(part, noted.id, noted.span, state, offset_ns) for part in noted.parts]]


def _make_part(part: Part, trace: bytes, parent: bytes, state: str, offset_ns: int, aside: Aside | None = None) -> Span:
    attributes = (
        part.attributes if part.error is None else part.attributes | {"error.type": part.error.partition(" ")[0]}
    )
    return Span(
        trace=trace,
        id=make_span_id(),
        parent=parent,
        state=state,
        name=part.name,
        began_ns=part.began_ns + offset_ns,
        ended_ns=part.ended_ns + offset_ns,
        attributes=attributes,
        links=() if aside is None else aside.links,
        error=part.error,
    )


def _describe_http(trace: Trace, door: Door) -> tuple[str, dict[str, Attribute], str | None]:
    """Return the name of a request's span, its attributes, and why it failed."""
    route = name_route(trace.path)
    method = trace.method if trace.method in _METHODS else "_OTHER"
    attributes: dict[str, Attribute] = {
        "http.request.method": method,
        "url.scheme": door.scheme,
        "url.path": trace.path[:1_000],
        "http.response.status_code": trace.status,
        "http.request.body.size": trace.received_bytes,
        "http.response.body.size": trace.answered_bytes,
    }
    if method != trace.method:
        attributes["http.request.method_original"] = trace.method
    if route is not None:
        attributes["http.route"] = route
    attributes |= _read_host(trace.headers.get("host", ""))
    attributes |= _describe_caller(trace.headers)
    fault = _describe_answer(trace, attributes)
    if trace.status < _FAULT:
        fault = None
    else:
        attributes["error.type"] = str(attributes.get("shipway.error.code", trace.status))
    shown = method if method != "_OTHER" else "HTTP"
    return shown if route is None else f"{shown} {route}", attributes, fault


def _describe_rpc(trace: Trace, door: Door) -> tuple[str, dict[str, Attribute], str | None]:
    tells = trace.rpc.endswith(_TELLS) and trace.status in _NOT_READY
    code = "OK" if trace.status == 200 or tells else RPC_CODES.get(trace.status, "UNKNOWN")
    attributes: dict[str, Attribute] = {
        "rpc.system.name": "grpc",
        "rpc.method": trace.rpc,
        "rpc.response.status_code": code,
        "server.address": door.host,
        "server.port": door.grpc,
    }
    attributes |= _describe_caller(trace.headers)
    fault = None if tells else _describe_answer(trace, attributes)
    if code not in _FAILED_RPC:
        fault = None
    else:
        attributes["error.type"] = str(attributes.get("shipway.error.code", code))
    return trace.rpc, attributes, fault


def _describe_answer(trace: Trace, attributes: dict[str, Attribute]) -> str | None:
    """Add what an answer says of itself, and return why a refusal says it is one."""
    for name, value in trace.more:
        if name == FALLBACK:
            attributes["shipway.fallback"] = value
    if not trace.said:
        return None
    try:
        refusal = _REFUSAL.decode(trace.said)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return f"answered {trace.status}"
    attributes["shipway.error.code"] = refusal.code
    return refusal.error


def _describe_caller(headers: Mapping[str, str]) -> dict[str, Attribute]:
    agent = headers.get("user-agent")
    return {} if agent is None else {"user_agent.original": agent[:500]}


def _read_host(said: str) -> dict[str, Attribute]:
    name, is_named, port = said.rpartition(":")
    if not is_named or port.endswith("]"):
        name, port = said, ""
    if not name:
        return {}
    known: dict[str, Attribute] = {"server.address": name.strip("[]")[:300]}
    return known | {"server.port": int(port)} if port.isascii() and port.isdecimal() and len(port) < 6 else known


def name_route(path: str) -> str | None:
    """Return the pattern of a path, with what it names left open; None for one that nothing answers."""
    if path in _FIXED:
        return path
    match [unquote(part) for part in path.split("/")[1:]]:
        case ["v1", "predict", _]:
            return "/v1/predict/{service}"
        case ["v1", "features", _]:
            return "/v1/features/{set}"
        case ["v1", "services", _, "routing"]:
            return "/v1/services/{service}/routing"
        case ["v2", "repository", "models", _, "load" | "unload" as change]:
            return f"/v2/repository/models/{{model}}/{change}"
        case ["v2", "models", _, "trace", "setting"]:
            return "/v2/models/{model}/trace/setting"
        case ["v2", "models", _, "versions", _]:
            return "/v2/models/{model}/versions/{version}"
        case ["v2", "models", _, "versions", _, "infer" | "ready" | "config" | "stats" as what]:
            return f"/v2/models/{{model}}/versions/{{version}}/{what}"
        case ["v2", "models", _]:
            return "/v2/models/{model}"
        case ["v2", "models", _, "infer" | "ready" | "config" | "stats" as what]:
            return f"/v2/models/{{model}}/{what}"
        case _:
            return None
