import re
from xml.etree import ElementTree

import pytest

from shipway.adapters.altair import chart
from shipway.adapters.altair.chart import AltairCharts
from shipway.ports.chart import Series

LABELS = ["a", "b", "c"]


def line_paths(picture):
    """Return the attributes of the series' lines in the order they are drawn."""
    svg = "{http://www.w3.org/2000/svg}"
    groups = [node for node in ElementTree.fromstring(picture).iter(f"{svg}g") if "mark-line" in node.get("class", "")]
    return [path.attrib for group in groups for path in group.iter(f"{svg}path")]


def flat(name, y, tone="main", dashed=False):
    return Series(name, [(label, y) for label in LABELS], tone, dashed)


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("page", ["#ffffff", "#10151b"])
@pytest.mark.parametrize("colour", [colour for colours in chart._COLOURS.values() for colour in colours])
def test_colours_stand_out_on_light_and_dark_pages(colour, page):
    dark, light = sorted([luminance(colour), luminance(page)])
    assert (light + 0.05) / (dark + 0.05) >= 3  # WCAG 2.2, success criterion 1.4.11


def test_size_is_that_of_the_whole_picture():
    line = ElementTree.fromstring(AltairCharts().lines([flat("only", 1.0)], labels=LABELS, title="t"))
    square = AltairCharts().diagonal([Series("only", [(0.1, 0.1)])], title="t", x_title="x", y_title="y")
    assert (line.attrib["width"], line.attrib["height"]) == (str(chart.WIDTH), str(chart.HEIGHT))
    assert ElementTree.fromstring(square).attrib["width"] == str(chart.SIDE)


def test_dashes_and_colours_follow_tone_and_reality():
    series = [
        flat("newest", 5.0),
        flat("earlier", 4.0, dashed=True),
        flat("claimed", 3.0, "harm", True),
        flat("served", 2.0, "harm"),
        flat("baseline", 1.0, "plain"),
    ]
    drawn = line_paths(AltairCharts().lines(series, labels=LABELS, title="t"))[::-1]
    colours = [path["stroke"] for path in drawn]
    assert [path["stroke-dasharray"] for path in drawn] == ["1,0", "5,4", "5,4", "1,0", "1,0"]
    assert colours[0] == colours[1]
    assert colours[2] == colours[3]
    assert len(set(colours)) == 3


def test_first_series_is_drawn_last_over_the_others():
    series = [flat("top", 1.0), flat("below", 1.0, "harm")]
    first, last = line_paths(AltairCharts().lines(series, labels=LABELS, title="t"))
    assert [first["stroke"], last["stroke"]] == [chart._COLOURS["harm"][0], chart._COLOURS["main"][0]]


def test_labels_keep_their_order():
    labels = ["c", "a", "b"]
    picture = AltairCharts().lines([Series("only", [("a", 1.0), ("b", 2.0)])], labels=labels, title="t")
    words = re.findall(r"<text[^>]*>([abc])</text>", picture)
    assert words == labels


def test_a_gap_breaks_the_line():
    whole = Series("only", list(zip(LABELS, (1.0, 1.0, 1.0), strict=True)))
    broken = Series("only", list(zip(LABELS, (1.0, None, 1.0), strict=True)))
    moves = [
        line_paths(AltairCharts().lines([one], labels=LABELS, title="t"))[0]["d"].count("M") for one in (whole, broken)
    ]
    assert moves == [1, 2]


@pytest.mark.parametrize(("greatest", "ends"), [(0.31, "40%"), (0.4, "40%"), (0.97, "100%"), (0.0, "10%")])
def test_diagonal_reaches_as_far_as_the_points(greatest, ends):
    picture = AltairCharts().diagonal([Series("only", [(0.0, greatest)])], title="t", x_title="x", y_title="y")
    shares = [int(share) for share in re.findall(r">(\d+)%<", picture)]
    assert f"{max(shares)}%" == ends
