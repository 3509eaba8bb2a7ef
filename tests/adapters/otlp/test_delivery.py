"""Spans on their way: the suite of the port with a real collector, what the environment says, and what goes wrong."""

import socket
from email.utils import formatdate
from time import time

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from shipway.adapters.otlp.delivery import OtlpSpans
from shipway.core.span import Span
from shipway.testing.refusal import expect_refusal
from shipway.testing.span import SPAN_CASES, Sink

SPAN = Span(trace=b"t" * 16, id=b"i" * 8, name="n", began_ns=1, ended_ns=2, attributes={})


def make_sink(collector):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{free.getsockname()[1]}"
    return Sink(OtlpSpans(collector.url, {}), OtlpSpans(away, {}), lambda: collector.batches)


@pytest.mark.parametrize("case", SPAN_CASES)
def test_it_conforms(case, collector):
    case(lambda: make_sink(collector))


@pytest.mark.parametrize(
    ("given", "environment", "expected"),
    [
        ("", {}, "http://localhost:4318/v1/traces"),
        ("http://a:1", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://b"}, "http://a:1/v1/traces"),
        ("https://a/otlp/", {}, "https://a/otlp/v1/traces"),
        ("http://a/v1/traces", {}, "http://a/v1/traces"),
        ("", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://b:2/"}, "http://b:2/v1/traces"),
        ("", {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/in", "OTEL_EXPORTER_OTLP_ENDPOINT": "x"}, "http://c/in"),
    ],
)
def test_where_it_sends(given, environment, expected):
    assert OtlpSpans(given, environment).url == expected


@pytest.mark.parametrize(
    ("given", "environment", "fact"),
    [
        ("collector:4318", {}, "spans cannot be sent to 'collector:4318'"),
        ("http://", {}, "spans cannot be sent to 'http://'"),
        ("http://a:b", {}, "spans cannot be sent to 'http://a:b'"),
        ("ftp://a", {}, "spans cannot be sent to 'ftp://a'"),
        ("", {"PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc', which is not spoken here"),
        ("", {"COMPRESSION": "zstd"}, "OTEL_EXPORTER_OTLP_COMPRESSION is 'zstd'"),
        ("", {"HEADERS": "a=b,oops"}, "OTEL_EXPORTER_OTLP_HEADERS holds 'oops'"),
        ("", {"HEADERS": "a b=c"}, "OTEL_EXPORTER_OTLP_HEADERS holds 'a b=c'"),
        ("", {"HEADERS": "a=x%0d%0ab: c"}, "OTEL_EXPORTER_OTLP_HEADERS has a value for 'a' that no header can carry"),
        ("https://a", {"CERTIFICATE": "/nowhere.pem"}, "OTEL_EXPORTER_OTLP_CERTIFICATE or that of the client cannot"),
    ],
)
def test_what_cannot_be_is_refused(given, environment, fact):
    with expect_refusal("SW-102") as refusals:
        OtlpSpans(given, {f"OTEL_EXPORTER_OTLP_{name}": said for name, said in environment.items()})
    assert refusals[0].fact.startswith(fact)


def test_headers_and_compression_are_those_of_the_environment(collector):
    environment = {
        "OTEL_EXPORTER_OTLP_HEADERS": "x-general=1",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": " api-key = s%20ecret , X-Tenant=shop,",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
    }
    assert OtlpSpans(collector.url, environment).send([SPAN], {}, 10.0).lost == 0
    ((headers, _),) = collector.requests
    assert (headers["api-key"], headers["x-tenant"], headers["content-encoding"]) == ("s ecret", "shop", "gzip")
    assert headers["content-type"] == "application/x-protobuf"
    assert headers[":path"] == "/v1/traces"
    assert headers["user-agent"].startswith("shipway/")
    assert "x-general" not in headers
    assert collector.spans == [SPAN]


@pytest.mark.parametrize(
    ("status", "headers", "again_s"),
    [
        (503, {"retry-after": "7"}, 7.0),
        (429, {}, 0.0),
        (502, {"retry-after": "soon"}, 0.0),
        (504, {"retry-after": formatdate(time() - 100)}, 0.0),
        (400, {"retry-after": "7"}, None),
        (401, {}, None),
        (500, {}, None),
        (307, {"location": "/elsewhere"}, None),
        (302, {"location": "/elsewhere"}, None),
    ],
)
def test_what_the_collector_refuses(collector, status, headers, again_s):
    collector.answers.append((status, headers, b"no"))
    delivery = OtlpSpans(collector.url, {}).send([SPAN, SPAN], {}, 10.0)
    assert (delivery.lost, delivery.again_s) == (2, again_s)
    assert delivery.error == f"{collector.url}/v1/traces answered {status}"
    assert not collector.requests


def test_a_date_says_when_to_come_again(collector):
    collector.answers.append((503, {"retry-after": formatdate(time() + 3_000)}, b""))
    again_s = OtlpSpans(collector.url, {}).send([SPAN], {}, 10.0).again_s
    assert 2_000 < again_s <= 3_000


def test_what_is_taken_in_part_is_told(collector):
    partial = ExportTracePartialSuccess(rejected_spans=1, error_message="too old")
    said = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
    collector.answers.append((200, {}, said))
    delivery = OtlpSpans(collector.url, {}).send([SPAN, SPAN], {}, 10.0)
    assert (delivery.lost, delivery.error, delivery.again_s) == (1, "too old", None)


def test_a_collector_that_speaks_something_else_is_told():
    with socket.create_server(("127.0.0.1", 0)) as server:
        spans = OtlpSpans(f"http://127.0.0.1:{server.getsockname()[1]}", {})
        delivery = spans.send([SPAN], {}, 0.05)
    assert (delivery.lost, delivery.again_s) == (1, 0.0)
    assert "timed out" in delivery.error
