"""The conformance suite of the port Charts."""

import re
from collections.abc import Callable, Iterator
from typing import Final
from xml.etree import ElementTree

from shipway.ports.chart import Bar, Charts, Series

Make = Callable[[], Charts]
"""Makes something that draws."""

Case = Callable[[Make], None]

_NAMESPACE: Final = "{http://www.w3.org/2000/svg}"
_LABELS: Final = ("2013-07", "2013-08", "2013-09")
_HOSTILE: Final = "</text><script>alert(\"1\")</script> & 'two'"
_ACTIVE: Final = frozenset({"script", "style", "image", "use", "a", "foreignObject", "font-face", "animate", "set"})


def draw_lines(charts: Charts, name: str = "newest", title: str = "AUC", first: float | None = 0.7) -> str:
    """Draw two lines over three labels."""
    series = [
        Series(name, list(zip(_LABELS, (first, 0.8, 0.75), strict=True))),
        Series("earlier", list(zip(_LABELS, (0.6, 0.65, 0.7), strict=True)), "plain", dashed=True),
    ]
    return charts.lines(series, labels=_LABELS, title=title)


def draw_diagonal(charts: Charts, name: str = "newest", title: str = "Reliability", first: float = 0.1) -> str:
    """Draw two curves against the diagonal."""
    series = [Series(name, [(first, 0.12), (0.5, 0.45)]), Series("earlier", [(0.1, 0.2), (0.6, 0.7)], "harm")]
    return charts.diagonal(series, title=title, x_title="predicted", y_title="observed")


def draw_bars(charts: Charts, name: str = "newest", title: str = "Log-odds", first: float = 0.4) -> str:
    """Draw three bars, of which one has an interval and one goes to the left of nought."""
    bars = [
        Bar(name, 0.0, first, "up", "harm"),
        Bar("earlier", 0.4, -0.3, "down"),
        Bar("all", 0.0, -0.3, "sum", "plain", (-0.5, -0.1)),
    ]
    return charts.bars(bars, title=title)


def check_bars_show_where_they_begin_and_how_sure_they_are(make: Make) -> None:
    """A bar that begins elsewhere is another picture, one with an interval too; a bar of no length is a picture."""
    charts = make()
    drawn = {
        charts.bars([Bar("a", start, 0.5, "half", "main", interval), Bar("b", 0.0, 0.2, "x")], title="t")
        for start, interval in ((0.0, None), (0.2, None), (0.0, (0.4, 0.6)), (0.0, (0.3, 0.6)))
    }
    assert len(drawn) == 4
    for picture in (*drawn, charts.bars([Bar("a", 0.0, 0.0, "nought")], title="t")):
        ElementTree.fromstring(picture)
        assert not re.search(r"\b(NaN|null|None|undefined|Infinity)\b", picture)


def check_bars_stand_in_their_order(make: Make) -> None:
    """Names come from top to bottom as they were given, whatever the sizes."""
    picture = make().bars(
        [Bar(name, 0.0, size, f"{size:g} of") for name, size in (("b", 1), ("c", 3), ("a", 2))], title="t"
    )
    places = {
        "".join(node.itertext()): picture.index(f">{''.join(node.itertext())}<")
        for node in ElementTree.fromstring(picture).iter(f"{_NAMESPACE}text")
    }
    assert places["b"] < places["c"] < places["a"]
    assert {"1 of", "3 of", "2 of"} <= places.keys()


def check_picture_is_svg_of_a_size(make: Make) -> None:
    """A picture is well-formed SVG that says how large it is and may be scaled."""
    for picture in _pictures(make()):
        root = ElementTree.fromstring(picture)
        assert root.tag == f"{_NAMESPACE}svg"
        width, height = float(root.attrib["width"]), float(root.attrib["height"])
        assert width > 0
        assert height > 0
        assert root.attrib["viewBox"].split() == ["0", "0", f"{width:g}", f"{height:g}"]


def check_words_stay_text(make: Make) -> None:
    """Titles, names and labels can be read, searched and copied."""
    charts = make()
    assert {"AUC", "newest", "earlier", *_LABELS} <= _words(draw_lines(charts))
    assert {"Reliability", "newest", "earlier", "predicted", "observed"} <= _words(draw_diagonal(charts))
    assert {"Log-odds", "newest", "earlier", "all", "up", "down", "sum"} <= _words(draw_bars(charts))


def check_a_diagonal_of_numbers_is_no_percentage(make: Make) -> None:
    """What is no share is drawn where it lies, also below nought, and its axes say numbers."""
    series = [Series("newest", [(-40.0, -35.0), (10.0, 12.0), (400.0, 380.0)], "main")]
    drawn = make().diagonal(series, title="Reliability", x_title="predicted", y_title="observed", shares=False)
    words = [word.replace("\u2212", "-").replace(",", "") for word in _words(drawn)]
    marks = [float(word) for word in words if word.removeprefix("-").replace(".", "", 1).isdigit()]
    assert max(marks) >= 300
    assert min(marks) <= 0
    assert not [word for word in words if "%" in word]
    same = make().diagonal(
        [Series("newest", [(3.0, 3.0)], "main")], title="One", x_title="x", y_title="y", shares=False
    )
    assert "One" in _words(same)


def check_words_take_the_colour_around(make: Make) -> None:
    """No word has a colour of its own, so it can be read on a light and on a dark page."""
    for picture in _pictures(make()):
        texts = list(ElementTree.fromstring(picture).iter(f"{_NAMESPACE}text"))
        assert texts
        assert {text.attrib.get("fill") for text in texts} <= {"currentColor", None}


def check_words_are_escaped(make: Make) -> None:
    """Whatever a name holds is shown as it is and does nothing."""
    charts = make()
    for draw in (draw_lines, draw_diagonal, draw_bars):
        for picture in (draw(charts, name=_HOSTILE), draw(charts, title=_HOSTILE)):
            assert _HOSTILE in _words(picture)
            assert not _tags(picture) & _ACTIVE


def check_label_may_hold_anything(make: Make) -> None:
    """A label of the axis is data too: markup, a dot or brackets, which some grammars give a meaning."""
    labels = ["a.b[0]", _HOSTILE]
    picture = make().lines([Series("only", [(label, 1.0) for label in labels])], labels=labels, title="t")
    assert not _tags(picture) & _ACTIVE
    assert "a.b[0]" in _words(picture)


def check_picture_stands_alone(make: Make) -> None:
    """Nothing is fetched, run or shared with other pictures of the page."""
    for picture in _pictures(make()):
        root = ElementTree.fromstring(picture)
        names = {name for node in root.iter() for name in node.attrib}
        assert not _tags(picture) & _ACTIVE
        assert not {name for name in names if name.endswith("href") or name.startswith("on") or name in ("src", "id")}
        assert "url(" not in picture
        assert not re.search(r"https?://(?!www\.w3\.org/)", picture)


def check_equal_data_give_equal_text(make: Make) -> None:
    """A picture changes with what it shows and with nothing else."""
    for draw in (draw_lines, draw_diagonal, draw_bars):
        assert draw(make()) == draw(make())
        assert draw(make()) != draw(make(), first=0.2)


def check_gap_is_drawn_as_none(make: Make) -> None:
    """A point without y is left out; a series may be empty."""
    charts = make()
    assert draw_lines(charts, first=None) != draw_lines(charts, first=0.0)
    empty = charts.lines([Series("nothing yet", [])], labels=_LABELS, title="t")
    for picture in (draw_lines(charts, first=None), empty):
        ElementTree.fromstring(picture)
        assert not re.search(r"\b(NaN|null|None|undefined|Infinity)\b", picture)


def check_one_label_is_enough(make: Make) -> None:
    """A single point is a chart too."""
    picture = make().lines([Series("only", [("2013-07", 0.7)])], labels=["2013-07"], title="t")
    assert {"only", "2013-07"} <= _words(picture)


def check_labels_without_an_order_are_not_joined(make: Make) -> None:
    """Points alone are another picture than a line through them, with the same words."""
    charts = make()
    series = [Series("newest", list(zip(_LABELS, (0.7, 0.8, 0.75), strict=True)))]
    joined = charts.lines(series, labels=_LABELS, title="AUC")
    alone = charts.lines(series, labels=_LABELS, title="AUC", ordered=False)
    assert _words(joined) == _words(alone)
    lines = [len(re.findall(r"<polyline|[0-9]L[0-9]", picture)) for picture in (joined, alone)]
    assert lines[1] < lines[0]


CASES: Final[tuple[Case, ...]] = (
    check_picture_is_svg_of_a_size,
    check_words_stay_text,
    check_a_diagonal_of_numbers_is_no_percentage,
    check_words_take_the_colour_around,
    check_words_are_escaped,
    check_label_may_hold_anything,
    check_picture_stands_alone,
    check_equal_data_give_equal_text,
    check_gap_is_drawn_as_none,
    check_one_label_is_enough,
    check_labels_without_an_order_are_not_joined,
    check_bars_show_where_they_begin_and_how_sure_they_are,
    check_bars_stand_in_their_order,
)
"""The cases every Charts passes."""


def _pictures(charts: Charts) -> Iterator[str]:
    yield draw_lines(charts)
    yield draw_diagonal(charts)
    yield draw_bars(charts)


def _words(picture: str) -> set[str]:
    return {"".join(node.itertext()) for node in ElementTree.fromstring(picture).iter(f"{_NAMESPACE}text")}


def _tags(picture: str) -> set[str]:
    return {node.tag.removeprefix(_NAMESPACE) for node in ElementTree.fromstring(picture).iter()}
