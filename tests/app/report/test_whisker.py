from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.app.report.gate import Measured
from shipway.app.report.whisker import WIDTH, draw_whisker, span_of

numbers = st.floats(-1e6, 1e6)
intervals = st.tuples(numbers, numbers, numbers).map(sorted).map(lambda ends: Measured(ends[1], ends[0], ends[2]))


def draw(measured, span, **how):
    root = ElementTree.fromstring(draw_whisker(measured, span, tone="main", **how).text)
    return {node.get("class", node.tag): {key: node.get(key) for key in node.keys()} for node in root}  # noqa: SIM118


@given(st.lists(intervals, min_size=1), st.lists(numbers))
def test_span_holds_everything_with_room(measured, bounds):
    low, high = span_of(measured, *bounds)
    ends = [end for each in measured for end in (each.low, each.value, each.high)] + bounds
    assert low < min(ends) <= max(ends) < high


@given(intervals, numbers)
def test_parts_stand_in_order_inside_the_frame(measured, bound):
    parts = draw(measured, span_of([measured], bound), bound=bound)
    dot, line = float(parts["circle"]["cx"]), float(parts["bound"]["x1"])
    assert 0 <= line <= WIDTH
    assert dot <= line + 0.01 or measured.value >= bound
    assert dot >= line - 0.01 or measured.value <= bound
    if measured.low != measured.high:
        left, right = float(parts["reach"]["x1"]), float(parts["reach"]["x2"])
        assert 0 <= left <= dot <= right <= WIDTH


@pytest.mark.parametrize(("op", "start", "end"), [(">=", 66, 132), (">", 66, 132), ("<=", 0, 66), ("<", 0, 66)])
def test_shaded_side_is_where_the_rule_passes(op, start, end):
    side = draw(Measured(0.0, 0.0, 0.0), (-1.0, 1.0), bound=0.0, op=op)["side"]
    assert (float(side["x"]), float(side["x"]) + float(side["width"])) == (start, end)


def test_without_interval_and_bound_there_is_a_dot():
    assert list(draw(Measured(1.0, 1.0, 1.0), (0.0, 2.0))) == ["circle"]
