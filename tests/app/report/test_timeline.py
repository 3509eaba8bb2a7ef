"""The timeline: a picture that stays in its frame and a list that says the same."""

import re
from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shipway.app.report.live import SpanData, TimelineData
from shipway.app.report.timeline import WIDTH, _draw, _place, _stack, show_timeline
from shipway.kit.duration import DAY


def bars(text):
    """Return left and right of every bar."""
    found = re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', text)
    return [(float(x), float(x) + float(width)) for x, width in found]


def test_list_and_picture_hold_everything(live, read):
    shown = read(show_timeline(live))
    rows = shown.rows("From", "To")
    assert [(row[0], row[1], row[2], row[3]) for row in rows] == [
        (span.began, span.ended, span.lane, span.name) for span in live.timeline.spans
    ]
    assert shown.text.count("<rect") == 4
    assert shown.text.count("<polygon") == 1
    assert ("role", "img") in shown.attributes
    assert (
        "Gates were asked about what it answered: calibration 8 times, skew 8 times. They found 1 incident."
        in shown.said
    )


def test_bars_stay_in_the_picture_and_a_day_can_be_seen(live):
    text = _draw(live.timeline).text
    assert all(0 <= left < right <= WIDTH for left, right in bars(text))
    assert len(bars(text)) == 4
    assert 'class="bar main"' in text
    assert 'class="bar fail"' in text


def test_no_incident_is_not_the_same_as_nobody_asking(live, read):
    quiet = msgspec.structs.replace(live.timeline, spans=live.timeline.spans[:3])
    assert "They found no incident." in read(show_timeline(msgspec.structs.replace(live, timeline=quiet))).said
    unasked = msgspec.structs.replace(quiet, asked={})
    said = read(show_timeline(msgspec.structs.replace(live, timeline=unasked))).said
    assert "No gate is asked about what this service answers: an incident would not be seen." in said


def test_words_are_escaped(live, read, hostile):
    span = msgspec.structs.replace(live.timeline.spans[4], name=hostile, said=hostile, began=hostile)
    told = msgspec.structs.replace(live.timeline, spans=(span,))
    shown = read(show_timeline(msgspec.structs.replace(live, timeline=told)))
    assert not {"script", "img"} & set(shown.tags)


@given(st.lists(st.tuples(st.integers(0, 180), st.integers(0, 60), st.integers(1, 30)), max_size=12))
def test_nothing_covers_another_or_its_words(found):
    told = TimelineData(start=0, end=184 * DAY, months=(), spans=(), asked={})
    spans = [
        SpanData(
            lane="incidents",
            name="x" * letters,
            said="",
            since=since * DAY,
            until=min(184, since + lasts) * DAY,
            began="",
            ended="",
            mark="fail",
        )
        for since, lasts, letters in found
    ]
    rows = _stack(spans, told)
    assert sorted(map(id, spans)) == sorted(id(span) for row in rows for span in row)
    for row in rows:
        places = [_place(span, told) for span in row]
        assert all(one.last < other.first for one, other in pairwise(places))
