"""What callers say of their trace: W3C's headers, those that are valid and those that are not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.baggage import set_baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.trace import INVALID_SPAN, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shipway.serving.parent import Parent, read_baggage, read_parent

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{SPAN}-01"


def test_a_parent_is_read():
    assert read_parent(GOOD, "") == Parent(bytes.fromhex(TRACE), bytes.fromhex(SPAN), sampled=True)
    assert not read_parent(f"00-{TRACE}-{SPAN}-00", "").sampled
    assert read_parent(f"00-{TRACE}-{SPAN}-03", "").sampled
    assert not read_parent(f"00-{TRACE}-{SPAN}-02", "").sampled


@pytest.mark.parametrize(
    "said",
    [
        "",
        "garbage",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-1",
        f"0-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
        f"01-{TRACE}-{SPAN}-01x",
    ],
)
def test_what_is_not_valid_is_passed_over(said):
    assert read_parent(said, "") is None


def test_versions_to_come_may_say_more():
    assert read_parent(f"cc-{TRACE}-{SPAN}-01-what-is-to-come", "").sampled


hexes = st.integers(0, 1 << 128).map(lambda number: f"{number:x}")
written = st.tuples(
    st.sampled_from(["00", "01", "ff", "0g"]), hexes, hexes, st.sampled_from(["00", "01", "7f", "x1", "1"])
)


@settings(max_examples=60)
@given(
    st.text(alphabet="0123456789abcdef-", max_size=60)
    | written.map(lambda parts: f"{parts[0]}-{parts[1].zfill(32)[-32:]}-{parts[2].zfill(16)[-16:]}-{parts[3]}")
)
def test_the_library_reads_the_same(said):
    context = TraceContextTextMapPropagator().extract({"traceparent": said})
    theirs = get_current_span(context)
    ours = read_parent(said, "")
    if ours is None:
        assert theirs is INVALID_SPAN
    else:
        assert theirs.get_span_context().trace_id == int.from_bytes(ours.trace, "big")
        assert theirs.get_span_context().span_id == int.from_bytes(ours.id, "big")
        assert theirs.get_span_context().trace_flags.sampled == ours.sampled


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
        (" a=1 ,\tb@c=2,, ", "a=1,b@c=2"),
        ("0a/b*c-d_e@f=x y", "0a/b*c-d_e@f=x y"),
        ("a=1,a=2", ""),
        ("A=1", ""),
        ("a", ""),
        ("a=", ""),
        ("a=1=2", ""),
        (",".join(f"k{number}=1" for number in range(33)), ""),
        (f"{'k' * 257}=1", ""),
        (f"k={'v' * 257}", ""),
        ("a=für", ""),
    ],
)
def test_a_state_is_kept_whole_or_not_at_all(said, kept):
    assert read_parent(GOOD, said).state == kept


def test_entries_of_a_baggage_that_are_wanted_are_read():
    said = "tenant = shop%20one;p=1;q , region=eu,other=x,broken"
    assert read_baggage(said, ("region", "tenant", "broken")) == {"tenant": "shop one", "region": "eu"}
    assert read_baggage("", ("tenant",)) == {}
    assert read_baggage(f"tenant={'x' * 9_000}", ("tenant",)) == {"tenant": "x" * 256}


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters=" "), min_size=1, max_size=40))
def test_a_baggage_that_the_library_writes_is_read(value):
    carrier = {}
    # It writes a space as a plus sign, which W3C takes for itself.
    W3CBaggagePropagator().inject(carrier, set_baggage("tenant", value))
    assert read_baggage(carrier["baggage"], ("tenant",)) == {"tenant": value}
