"""The drawing of a lineage: links lead from left to right, none repeats a longer way, none passes through a box."""

import re

from shipway.app.catalog.lineage import Lineage, Node
from shipway.app.report.catalog.graph import draw_lineage

RAW, SOURCE, STREAM = Node("raw", "r"), Node("source", "s"), Node("stream", "s.at")
VIEW, OWN, MODEL = Node("view", "v"), Node("view", "own"), Node("model", "m")


def draw(*links):
    lineage = Lineage()
    for above, below in links:
        lineage.link(above, below)
    return draw_lineage(lineage).text


def test_link_that_repeats_a_longer_way_is_left_out():
    drawn = draw((RAW, SOURCE), (SOURCE, STREAM), (STREAM, VIEW), (VIEW, MODEL), (SOURCE, MODEL))
    assert drawn.count('class="link"') == 4


def test_link_that_passes_a_column_keeps_a_place_in_it():
    drawn = draw((RAW, SOURCE), (SOURCE, STREAM), (STREAM, VIEW), (SOURCE, OWN), (VIEW, MODEL), (OWN, MODEL))
    boxes = [(float(x), float(y)) for x, y in re.findall(r'<rect x="([\d.]+)" y="([\d.]+)"', drawn)]
    ways = re.findall(r'<path d="([^"]+)" class="link"', drawn)
    (long,) = [way for way in ways if "L" in way]
    level = float(long.split("L")[1].split()[1])
    assert all(not y <= level <= y + 30 for x, y in boxes if x == 2 * 158 + 0.5)


def test_links_lead_to_the_right():
    drawn = draw((RAW, SOURCE), (SOURCE, STREAM), (STREAM, VIEW), (VIEW, MODEL))
    for way in re.findall(r'<path d="([^"]+)" class="link"', drawn):
        numbers = [float(number) for number in re.findall(r"[\d.]+", way)]
        assert numbers[0] < numbers[-2]


def test_a_view_that_reads_views_stands_to_the_right_of_them():
    other = Node("view", "w")
    chain = [(STREAM, VIEW), (VIEW, OWN), (OWN, other), (VIEW, MODEL), (other, MODEL)]
    drawn = draw((RAW, SOURCE), (SOURCE, STREAM), *chain)
    assert drawn.count(">view of views<") == 2
    places = {name: float(x) for x, name in re.findall(r'<text x="([\d.]+)" y="[\d.]+">(\w+)</text>', drawn)}
    assert places["v"] < places["own"] < places["w"] < places["m"]
    for way in re.findall(r'<path d="([^"]+)" class="link"', drawn):
        numbers = [float(number) for number in re.findall(r"[\d.]+", way)]
        assert numbers[0] < numbers[-2]


def test_views_that_read_each_other_are_drawn():
    drawn = draw((STREAM, VIEW), (VIEW, OWN), (OWN, VIEW), (OWN, MODEL))
    assert drawn.count(">view of views<") >= 1


def test_nothing_declared_is_nothing_drawn():
    assert draw_lineage(Lineage()) is None


def test_long_names_are_cut_and_said_in_full():
    drawn = draw((Node("raw", "a_name_that_is_much_too_long"), SOURCE))
    assert "a_name_that_is_m…" in drawn
    assert "<title>raw a_name_that_is_much_too_long</title>" in drawn
