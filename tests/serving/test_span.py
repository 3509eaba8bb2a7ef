"""Spans in the words of the conventions: routes, names, attributes and what is an error."""

import re

import msgspec
import pytest
from opentelemetry.semconv._incubating.attributes import http_attributes as incubating
from opentelemetry.semconv._incubating.attributes import rpc_attributes
from opentelemetry.semconv.attributes import (
    error_attributes,
    http_attributes,
    server_attributes,
    url_attributes,
    user_agent_attributes,
)

from shipway.core.error import ShipwayError
from shipway.core.span import Link
from shipway.serving.openapi import write_openapi
from shipway.serving.parent import Parent
from shipway.serving.refusal import write_refusal
from shipway.serving.span import Door, make_spans, name_route
from shipway.serving.trace import Aside, Part, Trace

MODULES = (
    error_attributes, http_attributes, server_attributes, url_attributes, user_agent_attributes, rpc_attributes,
    incubating,
)  # fmt: skip
KNOWN = {value for module in MODULES for value in vars(module).values() if isinstance(value, str)}
DOOR = Door("https", "0.0.0.0", 8001)
INFER = "inference.GRPCInferenceService/ModelInfer"


def make_trace(path="/v1/predict/fraud", *, status=200, said=b"", method="POST", rpc="", headers=None, more=()):
    return Trace(
        b"t" * 16, b"s" * 8, None, method, path, rpc, headers or {}, 1_000, 7, {"shipway.request": "r"},
        answered_ns=5_000, status=status, answered_bytes=9, said=said, more=more,
    )  # fmt: skip


def describe(trace):
    span, *parts = make_spans(trace, DOOR, 100)
    assert not parts
    for name in span.attributes:
        assert name in KNOWN or name.startswith("shipway."), name
    return span


def test_every_published_path_has_its_pattern():
    paths = msgspec.json.decode(write_openapi())["paths"]
    for pattern in paths:
        filled = re.sub(r"\{[^}]*\}", "a%20b", pattern)
        route = name_route(filled)
        assert route is not None, pattern
        assert re.sub(r"\{[^}]*\}", "", route) == re.sub(r"\{[^}]*\}", "", pattern)
    assert name_route("/v2/models/a/versions/1/nothing") is None
    assert name_route("/etc/passwd") is None


def test_a_request_over_http():
    headers = {"host": "scores.example:8443", "user-agent": "curl/8"}
    span = describe(make_trace(headers=headers, more=[("shipway-fallback", "score")]))
    assert (span.name, span.kind, span.error, span.parent) == ("POST /v1/predict/{service}", "server", None, b"")
    assert (span.trace, span.id, span.began_ns, span.ended_ns) == (b"t" * 16, b"s" * 8, 1_100, 5_100)
    assert span.attributes == {
        "http.request.method": "POST", "url.scheme": "https", "url.path": "/v1/predict/fraud",
        "http.route": "/v1/predict/{service}", "http.response.status_code": 200, "http.request.body.size": 7,
        "http.response.body.size": 9, "server.address": "scores.example", "server.port": 8443,
        "user_agent.original": "curl/8", "shipway.request": "r", "shipway.fallback": "score",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "address", "port"),
    [("a", "a", None), ("a:80", "a", 80), ("[::1]:80", "::1", 80), ("[::1]", "::1", None), ("a:b", "a", None)],
)
def test_the_host_that_was_asked(said, address, port):
    attributes = describe(make_trace(headers={"host": said})).attributes
    assert (attributes["server.address"], attributes.get("server.port")) == (address, port)


def test_what_nothing_answers_has_no_pattern():
    span = describe(make_trace("/secret/path", status=404))
    assert span.name == "POST"
    assert "http.route" not in span.attributes
    span = describe(make_trace("/v2", method="PURGE", status=405))
    assert span.name == "HTTP /v2"
    assert (span.attributes["http.request.method"], span.attributes["http.request.method_original"]) == (
        "_OTHER",
        "PURGE",
    )


def test_the_callers_mistake_is_no_error_of_the_server():
    refusal = write_refusal(ShipwayError("SW-802", "it lacks a column", "send it"))
    span = describe(make_trace(status=422, said=refusal))
    assert (span.error, span.attributes["shipway.error.code"]) == (None, "SW-802")
    assert "error.type" not in span.attributes


def test_the_servers_is():
    refusal = write_refusal(ShipwayError("SW-607", "the store is away", "start it"))
    span = describe(make_trace(status=503, said=refusal))
    assert span.error == "SW-607 the store is away"
    assert span.attributes["error.type"] == span.attributes["shipway.error.code"] == "SW-607"
    span = describe(make_trace(status=500, said=b"\xff"))
    assert (span.error, span.attributes["error.type"]) == ("answered 500", "500")


@pytest.mark.parametrize(
    ("status", "code", "failed"),
    [
        (200, "OK", False), (422, "INVALID_ARGUMENT", False), (404, "NOT_FOUND", False), (503, "UNAVAILABLE", True),
        (504, "DEADLINE_EXCEEDED", True), (501, "UNIMPLEMENTED", True), (429, "RESOURCE_EXHAUSTED", False),
        (418, "UNKNOWN", True),
    ],
)  # fmt: skip
def test_a_request_over_grpc(status, code, failed):
    said = b"" if status == 200 else write_refusal(ShipwayError("SW-801", "it fails", "wait"))
    span = describe(make_trace("/v2/models/m/infer", rpc=INFER, status=status, said=said))
    assert span.name == INFER
    assert span.attributes["rpc.system.name"] == "grpc"
    assert (span.attributes["rpc.method"], span.attributes["rpc.response.status_code"]) == (INFER, code)
    assert (span.attributes["server.address"], span.attributes["server.port"]) == ("0.0.0.0", 8001)
    assert (span.error is not None) == failed == ("error.type" in span.attributes)


def test_not_ready_is_an_answer_over_grpc():
    refusal = write_refusal(ShipwayError("SW-801", "not yet", "wait"))
    trace = make_trace("/v2/health/ready", rpc="inference.GRPCInferenceService/ServerReady", status=503, said=refusal)
    span = describe(trace)
    assert (span.attributes["rpc.response.status_code"], span.error) == ("OK", None)


def test_parts_are_inside_and_the_caller_is_outside():
    trace = make_trace()
    trace.parent = Parent(b"t" * 16, b"p" * 8, sampled=True, state="a=1")
    trace.parts += [
        Part("shipway.wait", 1_000, 2_000, {}),
        Part("shipway.predict", 2_000, 3_000, {"shipway.version": 1}, "SW-801 it failed"),
    ]
    whole, wait, predict = make_spans(trace, DOOR, 0)
    assert (whole.parent, whole.remote, whole.state) == (b"p" * 8, True, "a=1")
    for part in (wait, predict):
        assert (part.trace, part.parent, part.remote, part.state, part.kind) == (
            whole.trace, whole.id, False, "a=1", "internal",
        )  # fmt: skip
    assert len({whole.id, wait.id, predict.id}) == 3
    assert (wait.began_ns, wait.ended_ns, wait.error) == (1_000, 2_000, None)
    assert (predict.error, predict.attributes) == ("SW-801 it failed", {"shipway.version": 1, "error.type": "SW-801"})


def test_what_follows_is_a_trace_of_its_own():
    links = (Link(b"t" * 16, b"s" * 8), Link(b"u" * 16, b"v" * 8, "a=1"))
    (span,) = make_spans(Aside(Part("shipway.shadow", 5, 6, {}), links), DOOR, 0)
    assert (span.parent, span.links, span.kind) == (b"", links, "internal")
    assert span.trace not in (b"t" * 16, b"u" * 16)
