"""Spans as bytes: what the library's own encoder makes of the same spans is the same message."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link as TheirLink
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from shipway.adapters.otlp.message import read_answer, write_spans
from shipway.core.span import Link, Span

KINDS = {"server": SpanKind.SERVER, "internal": SpanKind.INTERNAL}
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=150)
traces = st.binary(min_size=16, max_size=16).filter(any)
ids = st.binary(min_size=8, max_size=8).filter(any)
states = st.sampled_from(["", "a=1", "vendor@x=opaque,b=2"])
times = st.integers(0, (1 << 63) - 1)
values = st.one_of(
    texts, st.booleans(), st.integers(-(1 << 63), (1 << 63) - 1), st.floats(allow_nan=False), st.lists(texts).map(tuple)
)
attributes = st.dictionaries(texts.filter(bool), values, max_size=6)
spans = st.builds(
    Span, trace=traces, id=ids, state=states, name=texts,
    kind=st.sampled_from(list(KINDS)), began_ns=times, ended_ns=times, attributes=attributes,
    links=st.lists(st.builds(Link, traces, ids), max_size=2).map(tuple), error=st.one_of(st.none(), texts),
)  # fmt: skip


def as_theirs(span, resource, scope):
    state = TraceState.from_header([span.state]) if span.state else None

    def context(trace, own, *, remote=False, state=state):
        return SpanContext(int.from_bytes(trace, "big"), int.from_bytes(own, "big"), remote, TraceFlags(1), state)

    return ReadableSpan(
        name=span.name, context=context(span.trace, span.id),
        parent=context(span.trace, span.parent, remote=span.remote) if span.parent else None,
        resource=resource, attributes=span.attributes, kind=KINDS[span.kind],
        links=[
            TheirLink(context(link.trace, link.id, state=TraceState.from_header([link.state]) if link.state else None))
            for link in span.links
        ],
        status=Status(StatusCode.UNSET) if span.error is None else Status(StatusCode.ERROR, span.error),
        start_time=span.began_ns, end_time=span.ended_ns, instrumentation_scope=scope,
    )  # fmt: skip


inner = st.builds(replace, spans, parent=ids, remote=st.booleans())


@settings(max_examples=60)
@given(st.lists(st.one_of(spans, inner), min_size=1, max_size=3), attributes)
def test_the_library_writes_the_same(made, resource):
    # The library says of a parent only whether it is remote, and nothing of what a link says of its trace.
    theirs, scope = Resource(resource), InstrumentationScope("shipway", "1.2")
    expected = encode_spans([as_theirs(span, theirs, scope) for span in made])
    assert ExportTraceServiceRequest.FromString(write_spans(made, resource, "shipway", "1.2")) == expected


def test_half_of_a_pair_is_written_as_a_question_mark():
    span = Span(trace=b"t" * 16, id=b"i" * 8, name="n", began_ns=0, ended_ns=0, attributes={"a": "x\ud800y"})
    (made,) = ExportTraceServiceRequest.FromString(write_spans([span], {}, "", "")).resource_spans
    assert made.scope_spans[0].spans[0].attributes[0].value.string_value == "x?y"


@given(st.integers(0, 1 << 40), texts)
def test_what_a_collector_says_is_read(rejected, message):
    partial = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
    said = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
    assert read_answer(said) == (rejected, message)


@given(st.binary(max_size=60))
def test_whatever_cannot_be_read_says_nothing_that_breaks(said):
    rejected, message = read_answer(said)
    assert rejected >= 0
    assert isinstance(message, str)


@pytest.mark.parametrize("said", [b"", b"{}", b"<html>"])
def test_an_answer_without_content_rejects_nothing(said):
    assert read_answer(said) == (0, "")
