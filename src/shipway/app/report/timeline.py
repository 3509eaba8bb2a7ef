"""The section that tells a service's life in one picture, with the same as a list for those who do not see it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from shipway.app.count import write_plural
from shipway.app.report.element import Markup, element, fold, join, table, unbroken, words
from shipway.app.report.live import Lane, LiveData, SpanData, TimelineData

WIDTH: Final = 1080.0
_LEFT, _RIGHT = 96.0, 12.0
_ROW, _BAR, _GAP = 30.0, 18.0, 12.0
_LANES: Final[tuple[Lane, ...]] = ("in service", "releases", "retrains", "incidents")
_LETTER: Final = 7.0
"""About how wide a letter is, to know what a bar can hold."""
_LEAST: Final = 4.0
"""How wide a bar is at least, so that a day can be seen."""
_HALF: Final = 9.0
"""Half the width of a mark for what only happened."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a span is drawn from left to right, and its words: what they are, where, how, and from where to where."""

    left: float
    right: float
    words: str
    x: float
    kind: str
    first: float
    last: float


def show_timeline(live: LiveData) -> Markup:
    """Return what was in service, what was released, retrained and went wrong, over all of the time."""
    told = live.timeline
    rows = [
        (unbroken(span.began), unbroken(span.ended), unbroken(span.lane), element("b", span.name), span.said)
        for span in told.spans
    ]
    head = ("From", "To", "", "What", "How it was")
    picture = element("div", element("figure", _draw(told)), class_="scroll")
    return join((picture, _say(live), fold(f"All of it as a list ({len(rows):,})", table(head, rows))))


def _say(live: LiveData) -> Markup:
    failed = sum(span.lane == "incidents" for span in live.timeline.spans)
    asked = [f"{name} {count:,} times" for name, count in live.timeline.asked.items()]
    if not asked:
        return words("No gate is asked about what this service answers: an incident would not be seen.")
    found = f"{write_plural(failed, 'incident')}" if failed else "no incident"
    return words(
        f"Gates were asked about what it answered: {', '.join(asked)}. They found {found}. An incident begins with the"
        " first verdict in which a rule fails and ends with the next one in which it does not."
    )


def _draw(told: TimelineData) -> Markup:
    parts: list[Markup] = []
    top = 4.0
    for lane in _LANES:
        rows = _stack([span for span in told.spans if span.lane == lane], told)
        deep = max(1, len(rows)) * _ROW
        parts.append(element("text", lane, x=0, y=top + _ROW / 2, class_="lane", dominant_baseline="central"))
        parts.append(element("line", x1=0, x2=WIDTH, y1=top + deep, y2=top + deep, class_="rule"))
        for place, row in enumerate(rows):
            for span in row:
                parts += _span(span, told, top + place * _ROW + (_ROW - _BAR) / 2)
        top += deep
    grid = list(_months(told, top))
    height = top + 24
    view = f"0 0 {WIDTH:g} {height:g}"
    label = "In service, releases, retrains and incidents over time; the list below says the same."
    return element(
        "svg",
        *grid,
        *parts,
        class_="timeline",
        viewBox=view,
        role="img",
        aria_label=label,
        width=WIDTH,
        height=top + 24,
    )


def _stack(spans: Sequence[SpanData], told: TimelineData) -> list[list[SpanData]]:
    """Return spans in rows in which none covers another or its words; versions in service follow one another in one."""
    if spans and spans[0].lane == "in service":
        return [list(spans)]
    rows: list[list[SpanData]] = []
    ends: list[float] = []
    for span in sorted(spans, key=lambda each: (each.since, each.until)):
        place = _place(span, told)
        free = next((at for at, end in enumerate(ends) if end + _GAP <= place.first), None)
        if free is None:
            rows.append([span])
            ends.append(place.last)
        else:
            rows[free].append(span)
            ends[free] = place.last
    return rows


def _place(span: SpanData, told: TimelineData) -> _Place:
    """Return where a span stands, with its words inside it, behind it, or before it where the picture ends."""
    left, right = _edges(span, told)
    name = span.name
    if span.lane == "in service":
        inside = next((said for said in (name, name.split()[-1]) if right - left > len(said) * _LETTER + 16), "")
        return _Place(left, right, inside, round(left + 8, 2), "name inside", left, right)
    if span.since != span.until and right - left > len(name) * _LETTER + 16:
        return _Place(left, right, name, round(left + 8, 2), "name inside", left, right)
    wide = len(name) * _LETTER
    if right + 6 + wide <= WIDTH:
        return _Place(left, right, name, round(right + 6, 2), "name", left, right + 6 + wide)
    return _Place(left, right, name, round(left - 6, 2), "name before", left - 6 - wide, right)


def _span(span: SpanData, told: TimelineData, y: float) -> Iterator[Markup]:
    place = _place(span, told)
    middle = round(y + _BAR / 2, 2)
    title = element("title", f"{span.name}, {span.began}{f' to {span.ended}' if span.ended else ''}: {span.said}")
    if span.since == span.until:
        x = _x(span.since, told)
        points = f"{x:g},{y:g} {x + _HALF:g},{middle:g} {x:g},{y + _BAR:g} {x - _HALF:g},{middle:g}"
        yield element("polygon", title, points=points, class_=f"bar {span.mark}")
    else:
        width = round(place.right - place.left, 2)
        yield element("rect", title, x=place.left, y=y, width=width, height=_BAR, rx=3, class_=f"bar {span.mark}")
    yield element("text", place.words, x=place.x, y=middle, class_=place.kind, dominant_baseline="central")


def _edges(span: SpanData, told: TimelineData) -> tuple[float, float]:
    if span.since == span.until:
        x = _x(span.since, told)
        return x - _HALF, x + _HALF
    left, right = _x(span.since, told), _x(span.until, told)
    return left, round(max(right - 1, left + _LEAST), 2)


def _x(us: int, told: TimelineData) -> float:
    share = (us - told.start) / max(1, told.end - told.start)
    return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 2)


def _months(told: TimelineData, bottom: float) -> Iterator[Markup]:
    for at, name in told.months:
        x = _x(at, told)
        yield element("line", x1=x, x2=x, y1=0, y2=bottom, class_="grid")
        yield element("text", name, x=x + 4, y=bottom + 16, class_="tick")
