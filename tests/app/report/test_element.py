from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.app.report.element import Markup, badge, element, fold, join, table


class Reader(HTMLParser):
    """Keeps what a browser would see: tags, attributes and text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.words = [], [], ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.words += data


visible = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00", exclude_categories=("Cs",)))


@given(visible)
def test_words_come_back_as_they_were(words):
    seen = Reader(element("p", words).text)
    assert seen.tags == ["p"]
    assert seen.words == words


@given(visible)
def test_attributes_come_back_as_they_were(value):
    assert Reader(element("p", title=value).text).attributes == [("title", value)]


def test_markup_is_not_escaped_again():
    assert element("p", element("b", "a & b"), Markup("<br>"), None, "<").text == "<p><b>a &amp; b</b><br>&lt;</p>"


@pytest.mark.parametrize(
    ("attributes", "written"),
    [
        ({"class_": "soft"}, ' class="soft"'),
        ({"http_equiv": "x", "viewBox": "0 0"}, ' http-equiv="x" viewBox="0 0"'),
        ({"open": True, "hidden": False, "id": None}, " open"),
        ({"width": 132.0, "x": 1.25}, ' width="132" x="1.25"'),
    ],
)
def test_attributes_are_written(attributes, written):
    assert element("p", **attributes).text == f"<p{written}></p>"


def test_void_elements_have_no_end():
    assert element("meta", charset="utf-8").text == '<meta charset="utf-8">'


def test_table_has_a_cell_for_each():
    text = table(("a", "b"), [("x", None), ("<", "2")], numbers=[1], marked=[1], class_="tight").text
    assert text == (
        '<div class="scroll"><table class="tight"><thead><tr><th scope="col">a</th>'
        '<th class="num" scope="col">b</th></tr></thead><tbody>'
        '<tr><td>x</td><td class="num"></td></tr><tr class="marked"><td>&lt;</td><td class="num">2</td></tr>'
        "</tbody></table></div>"
    )


def test_fold_and_join_keep_order():
    assert (
        fold("more", join(("a", None, element("b", "c")))).text == "<details><summary>more</summary>a<b>c</b></details>"
    )


@pytest.mark.parametrize("outcome", ["pass", "fail", "hold"])
def test_badge_says_the_outcome_in_words(outcome):
    assert outcome in Reader(badge(outcome).text).words


def test_badge_without_outcome_says_that_there_is_no_gate():
    assert Reader(badge(None).text).words == "no gate"
