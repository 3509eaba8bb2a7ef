"""The window kernels against plain Python loops, and properties that hold whatever the data."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.maths.window import (
    Timeline,
    build_prefix,
    build_queries,
    build_timeline,
    range_count,
    range_extremum,
    range_total,
    search,
    search_before,
    span,
)

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

codes = st.integers(-2, 3)
instants = st.one_of(
    st.integers(-6, 6),
    st.integers(INT64_MIN, INT64_MIN + 3),
    st.integers(INT64_MAX - 3, INT64_MAX),
    st.integers(INT64_MIN, INT64_MAX),
)
widths = st.one_of(st.none(), st.integers(0, 8), st.integers(INT64_MAX - 8, INT64_MAX), st.integers(0, INT64_MAX))


@dataclass(frozen=True)
class Event:
    code: int
    instant: int
    tie: int
    value: int
    valid: bool


# Values stay below 2^57, so that the absolute values of 40 events sum to less than 2^63.
events = st.builds(Event, codes, instants, st.integers(-2, 2), st.integers(-(2**57), 2**57), st.booleans())
streams = st.lists(events, max_size=40)
questions = st.lists(st.tuples(st.integers(-2, 5), instants), max_size=25)


def timeline_of(stream: list[Event]) -> Timeline:
    return build_timeline(column(stream, "code"), column(stream, "instant"), column(stream, "tie"))


def column(stream: list[Event], name: str) -> np.ndarray:
    return np.array([getattr(event, name) for event in stream], dtype=np.int64)


def validity(stream: list[Event]) -> np.ndarray:
    return np.array([event.valid for event in stream], dtype=np.bool_)


def queries_of(asked: list[tuple[int, int]]):
    return build_queries(
        np.array([c for c, _ in asked], dtype=np.int64), np.array([t for _, t in asked], dtype=np.int64)
    )


def inside(stream: list[Event], code: int, asked: int, width: int | None) -> list[int]:
    """Positions of the events in `(asked - width, asked]`, in the unbounded integers of Python."""
    return [
        i
        for i, event in enumerate(stream)
        if event.code == code >= 0 and event.instant <= asked and (width is None or event.instant > asked - width)
    ]


def answers(stream: list[Event], asked: list[tuple[int, int]], width: int | None) -> list[np.ndarray]:
    """Every aggregate of one window for every question."""
    timeline, queries = timeline_of(stream), queries_of(asked)
    low, high = span(timeline, queries, width)
    prefix = build_prefix(timeline, column(stream, "value"), validity(stream))
    least = range_extremum(timeline, column(stream, "value"), validity(stream), low, high, "min")
    greatest = range_extremum(timeline, column(stream, "value"), validity(stream), low, high, "max")
    return [high - low, range_count(prefix, low, high), range_total(prefix, low, high), *least, *greatest]


def assert_same(left: list[np.ndarray], right: list[np.ndarray]) -> None:
    for a, b in zip(left, right, strict=True):
        assert a.dtype == b.dtype
        assert a.tolist() == b.tolist()


@given(streams, questions, widths)
def test_every_aggregate_equals_a_loop(stream, asked, width):
    size, count, total, least, least_found, greatest, greatest_found = answers(stream, asked, width)
    for q, (code, instant) in enumerate(asked):
        within = inside(stream, code, instant, width)
        values = [stream[i].value for i in within if stream[i].valid]
        assert size[q] == len(within)
        assert count[q] == len(values)
        assert total[q] == sum(values)
        assert least_found[q] == greatest_found[q] == bool(values)
        assert least[q] == min(values, default=0)
        assert greatest[q] == max(values, default=0)


@given(streams, questions)
def test_edges_index_the_sorted_events(stream, asked):
    timeline, queries = timeline_of(stream), queries_of(asked)
    high = search(timeline, queries)
    kept = sorted((e.code, e.instant, e.tie, i) for i, e in enumerate(stream) if e.code >= 0)
    assert timeline.order.tolist() == [i for *_, i in kept]
    for q, (code, instant) in enumerate(asked):
        if code >= 0:
            assert high[q] == sum((c, t) <= (code, instant) for c, t, *_ in kept)


@given(streams, questions, widths, st.randoms(use_true_random=False))
def test_shuffling_events_changes_nothing(stream, asked, width, random):
    shuffled = random.sample(stream, len(stream))
    assert_same(answers(stream, asked, width), answers(shuffled, asked, width))


@given(streams, questions, widths, st.randoms(use_true_random=False))
def test_shuffling_questions_shuffles_answers(stream, asked, width, random):
    order = random.sample(range(len(asked)), len(asked))
    rearranged = answers(stream, [asked[i] for i in order], width)
    assert_same([answer[order] for answer in answers(stream, asked, width)], rearranged)


@given(streams, streams, questions.filter(bool), widths)
def test_events_known_later_change_nothing(stream, more, asked, width):
    last = max(instant for _, instant in asked)
    later = [event for event in more if event.instant > last]
    assert_same(answers(stream, asked, width), answers(stream + later, asked, width))


@given(streams, questions, st.integers(0, 8), st.integers(0, 8))
def test_adjacent_windows_add_up(stream, asked, near, far):
    asked = [(code, instant) for code, instant in asked if instant >= INT64_MIN + near]
    whole = answers(stream, asked, near + far)
    recent = answers(stream, asked, near)
    before = answers(stream, [(code, instant - near) for code, instant in asked], far)
    for i in range(3):
        assert whole[i].tolist() == (recent[i] + before[i]).tolist()


@given(streams, questions, widths)
def test_lower_edge_never_passes_the_upper(stream, asked, width):
    timeline, queries = timeline_of(stream), queries_of(asked)
    low, high = search_before(timeline, queries, width), search(timeline, queries)
    assert (low <= high).all()
    assert (low >= search_before(timeline, queries, None)).all()


def test_window_is_open_below_and_closed_above():
    timeline = build_timeline(np.array([0, 0, 0]), np.array([100, 110, 111]))
    low, high = span(timeline, build_queries(np.array([0]), np.array([110])), 10)
    assert (low.tolist(), high.tolist()) == ([1], [2])


def test_million_keys_over_all_instants_do_not_overflow():
    rng = np.random.default_rng(7)
    key = rng.permutation(1_000_000)[:5_000]
    instant = rng.integers(INT64_MIN, INT64_MAX, key.size, endpoint=True)
    timeline = build_timeline(key, instant)
    low, high = span(timeline, build_queries(key, instant), None)
    assert (high - low).tolist() == [1] * key.size
    assert timeline.order[low].tolist() == list(range(key.size))


def test_large_stream_equals_a_loop_over_long_windows():
    rng = np.random.default_rng(11)
    n = 3_000
    key, instant, value = rng.integers(0, 2, n), rng.integers(0, 500, n), rng.integers(-1_000, 1_000, n)
    valid = rng.random(n) < 0.8
    asked = np.arange(0, 520, 7)
    timeline, queries = build_timeline(key, instant), build_queries(np.ones_like(asked), asked)
    low, high = span(timeline, queries, 300)
    least, found = range_extremum(timeline, value, valid, low, high, "min")
    for q, t in enumerate(asked):
        values = value[(key == 1) & valid & (instant <= t) & (instant > t - 300)]
        assert found[q] == (values.size > 0)
        assert least[q] == (values.min() if values.size else 0)


def test_extrema_reach_the_ends_of_int64():
    timeline, valid = build_timeline(np.zeros(3, np.int64), np.arange(3)), np.ones(3, np.bool_)
    low, high = span(timeline, build_queries(np.array([0]), np.array([9])), None)
    values = np.array([INT64_MIN, 0, INT64_MAX])
    assert range_extremum(timeline, values, valid, low, high, "min")[0].tolist() == [INT64_MIN]
    assert range_extremum(timeline, values, valid, low, high, "max")[0].tolist() == [INT64_MAX]


def test_totals_are_accepted_up_to_int64_and_refused_beyond():
    timeline, valid = build_timeline(np.zeros(2, np.int64), np.arange(2)), np.ones(2, np.bool_)
    prefix = build_prefix(timeline, np.array([INT64_MAX - 1, -1]), valid)
    assert prefix.total.tolist() == [0, INT64_MAX - 1, INT64_MAX - 2]
    for values in ([INT64_MAX, -1], [INT64_MIN, 0], [INT64_MIN, INT64_MIN]):
        with pytest.raises(ValueError, match="more than int64 holds"):
            build_prefix(timeline, np.array(values), valid)
    unread = build_prefix(timeline, np.array([INT64_MIN, 5]), np.array([False, True]))
    assert unread.total.tolist() == [0, 0, 5]


@pytest.mark.parametrize("width", [-1, INT64_MAX + 1])
def test_width_out_of_range_is_refused(width):
    timeline, queries = build_timeline(np.array([0]), np.array([0])), build_queries(np.array([0]), np.array([0]))
    with pytest.raises(ValueError, match="wide"):
        search_before(timeline, queries, width)


def test_columns_that_do_not_fit_are_refused():
    timeline, none = build_timeline(np.array([0, -1]), np.array([0, 0])), np.array([], np.int64)
    with pytest.raises(ValueError, match="shape"):
        build_timeline(np.array([0, 1]), np.array([0]))
    with pytest.raises(ValueError, match="float64"):
        build_timeline(np.array([0]), np.array([0.5]))
    with pytest.raises(ValueError, match="uint64"):
        build_queries(np.array([0]), np.array([0], np.uint64))
    with pytest.raises(ValueError, match="valid is"):
        build_prefix(timeline, np.array([1]), np.array([True]))
    with pytest.raises(ValueError, match="choose min or max"):
        range_extremum(timeline, np.array([1, 2]), np.array([True, True]), none, none, "median")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="use dense codes"):
        build_timeline(np.array([INT64_MAX - 1]), np.array([0]))
