"""The trace that a caller is in goes with its questions, of both clients, where its process is traced."""

import sys

from opentelemetry import baggage, context, trace

from shipway.client.asking import ask_live
from shipway.client.context import add_context

QUESTION = ask_live().question
SPAN = trace.NonRecordingSpan(
    trace.SpanContext(
        trace_id=0x0AF7651916CD43DD8448EB211C80319C,
        span_id=0xB7AD6B7169203331,
        is_remote=False,
        trace_flags=trace.TraceFlags(1),
        trace_state=trace.TraceState([("a", "1")]),
    )
)
PARENT = b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"


def test_outside_of_a_trace_a_question_stays_as_it_is():
    assert add_context(QUESTION) is QUESTION


def test_inside_of_one_it_says_so():
    token = context.attach(baggage.set_baggage("tenant", "für"))
    try:
        with trace.use_span(SPAN):
            asked = add_context(QUESTION)
    finally:
        context.detach(token)
    assert asked.headers == PARENT + b"tracestate: a=1\r\nbaggage: tenant=f%C3%BCr\r\n"
    assert (asked.method, asked.path, QUESTION.headers) == ("GET", "/v2/health/live", b"")


def test_a_process_that_is_not_traced_loads_nothing(monkeypatch):
    monkeypatch.delitem(sys.modules, "opentelemetry.trace")
    with trace.use_span(SPAN):
        assert add_context(QUESTION) is QUESTION


def test_both_clients_send_it(odd, connect):
    server = odd(lambda place, request: b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
    client = connect(server.url)
    with trace.use_span(SPAN):
        assert client.live()
    assert client.live()
    within, outside = server.requests
    assert PARENT in within
    assert b"traceparent" not in outside
