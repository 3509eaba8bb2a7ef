from itertools import chain
from xml.etree import ElementTree

import pytest

from shipway.ports.chart import Series
from shipway.testing.fake import PlainCharts

LABELS = ["c", "a", "b"]
SVG = "{http://www.w3.org/2000/svg}"


def flat(name, y, tone="main", dashed=False):
    return Series(name, [(label, y) for label in LABELS], tone, dashed)


def draw(*series):
    return ElementTree.fromstring(PlainCharts().lines(series, labels=LABELS, title="t"))


def lines_of(picture, series=1):
    """Return every polyline after those of the legend, one a series, as attributes and points."""
    lines = [
        (node.attrib, [tuple(map(float, point.split(","))) for point in node.attrib["points"].split()])
        for node in picture.iter(f"{SVG}polyline")
    ]
    return lines[series:]


def places_of(picture):
    """Return where each word stands."""
    return {node.text: (float(node.attrib["x"]), float(node.attrib["y"])) for node in picture.iter(f"{SVG}text")}


def test_points_stand_over_their_labels_and_beside_their_numbers():
    picture = draw(Series("only", [("c", 2.0), ("a", 5.0), ("b", 3.5)]))
    words = places_of(picture)
    ((_, points),) = lines_of(picture)
    assert [x for x, _ in points] == [words[label][0] for label in LABELS]
    assert [y for _, y in points] == [words["2"][1], words["5"][1], pytest.approx((words["2"][1] + words["5"][1]) / 2)]
    assert words["5"][1] < words["2"][1]
    assert words["c"][0] < words["a"][0] < words["b"][0]


def test_first_series_is_drawn_last_over_the_others():
    below, top = lines_of(draw(flat("top", 1.0), flat("below", 1.0, "harm", dashed=True)), series=2)
    assert below[0]["stroke"] != top[0]["stroke"]
    assert "stroke-dasharray" in below[0]
    assert "stroke-dasharray" not in top[0]


def test_a_gap_breaks_the_line_and_a_lone_point_is_seen():
    picture = draw(Series("only", [("c", 1.0), ("a", None), ("b", 1.0)]))
    assert [len(points) for _, points in lines_of(picture)] == [1, 1]
    assert len(list(picture.iter(f"{SVG}circle"))) == 2


def test_everything_lies_within_the_picture():
    picture = draw(*(flat(str(number), float(number)) for number in range(8)))
    width, height = float(picture.attrib["width"]), float(picture.attrib["height"])
    drawn = [points for _, points in lines_of(picture, series=8)]
    for x, y in (*chain.from_iterable(drawn), *places_of(picture).values()):
        assert 0 <= x <= width
        assert 0 <= y <= height


def test_the_legend_stands_above_every_line():
    series = [flat(f"name {number}", float(number)) for number in range(8)]
    picture = draw(*series)
    highest = min(y for _, points in lines_of(picture, series=8) for _, y in points)
    assert all(places_of(picture)[one.name][1] < highest for one in series)


@pytest.mark.parametrize(("points", "reach"), [([(0.1, 0.2), (0.4, 0.3)], "0.4"), ([(0.0, 0.0)], "1"), ([], "1")])
def test_diagonal_reaches_as_far_as_the_points(points, reach):
    text = PlainCharts().diagonal([Series("only", points)], title="t", x_title="x", y_title="y")
    picture = ElementTree.fromstring(text)
    _, rule = lines_of(picture)[0]
    words = places_of(picture)
    assert reach in words
    assert rule[0][1] == words["0"][1]
    assert rule[1][0] == words[reach][0]
