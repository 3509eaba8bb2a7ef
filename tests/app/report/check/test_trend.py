"""The drawing of a rule over time: inside its frame, every mark on the side of the bound that it is on."""

import re

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shipway.app.report.check.data import PointData
from shipway.app.report.check.trend import HEIGHT, WIDTH, draw_trend
from shipway.app.report.gate import Measured, RuleData

NUMBERS = st.floats(-1e12, 1e12, allow_nan=False, allow_subnormal=False)
RULE = RuleData(text="r", outcome="pass", reason="", unit="number", measured=None, op="<=", bound=1.0)


def make(values, op="<=", bound=1.0):
    rule = msgspec.structs.replace(RULE, op=op, bound=bound)
    right = {"<=": lambda v: v <= bound, ">=": lambda v: v >= bound}[op]
    points = [
        PointData(at="", subject="", measured=Measured(v, v, v), outcome="pass" if right(v) else "fail") for v in values
    ]
    return rule, points


@given(st.lists(NUMBERS, min_size=2, max_size=24), st.sampled_from(["<=", ">="]), NUMBERS)
def test_marks_stay_in_the_frame_and_on_their_side_of_the_bound(values, op, bound):
    drawn = draw_trend(*make(values, op, bound))
    if drawn is None:
        assert all(value == bound for value in values)
        return
    places = re.search(r'points="([^"]+)"', drawn.text)[1].split()
    level = float(re.search(r'y1="([^"]+)"', drawn.text)[1])
    assert len(places) == len(values)
    for place, value in zip(places, values, strict=True):
        x, y = map(float, place.split(","))
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT
        assert y <= level + 0.01 if value >= bound else y >= level - 0.01
    assert drawn.text.count("<circle") + drawn.text.count("<path") == len(values)


def test_outcomes_differ_in_shape_and_are_said(points):
    rule, marks = make((0.5, 2.0, 0.75))
    marks[0] = msgspec.structs.replace(marks[0], outcome="hold")
    text = draw_trend(rule, marks).text
    assert text.count('class="fail"') == text.count("<path") == 1
    assert text.count('class="hold"') == text.count('class="pass"') == 1
    assert "3 versions of the data: 0.5 first, 0.75 now; 1 of them fail, the bound is &lt;= 1" in text


def test_nothing_is_drawn_where_there_is_nothing_to_see():
    assert draw_trend(*make((0.5,))) is None
    assert draw_trend(*make((1.0, 1.0))) is None
    rule, points = make((0.5, 0.6))
    assert draw_trend(msgspec.structs.replace(rule, op=None), points) is None
