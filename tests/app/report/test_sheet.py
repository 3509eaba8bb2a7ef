"""The sheet that every page is written on."""

import re

from shipway.app.report.element import Markup, element, words
from shipway.app.report.sheet import make_sheet


def test_sections_with_content_are_shown_and_linked_in_order():
    sections = [("one", "One", words("first")), ("two", "Two", None), ("three", "<Three>", words("third"))]
    text = make_sheet("<title>", element("header", "top"), sections, element("footer", "the end"))
    assert re.findall(r'href="#(\w+)"', text) == re.findall(r'<section id="(\w+)"', text) == ["one", "three"]
    assert text.index("top") < text.index("first") < text.index("third") < text.index("the end")
    assert "<h2>&lt;Three&gt;</h2>" in text
    assert "<title>&lt;title&gt;</title>" in text
    assert text.startswith("<!doctype html>\n")


def test_a_page_without_sections_has_no_links():
    text = make_sheet("empty", Markup(""), [("one", "One", None)], None)
    assert "<nav" not in text
    assert "<section" not in text
    assert "<main></main>" in text
