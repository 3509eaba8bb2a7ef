"""The page of what gates say, rendered from hand-made data."""

import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.app.report.check.data import CheckData
from shipway.app.report.check.page import render_check
from shipway.app.report.element import Markup


def page_of(data, read):
    return read(Markup(render_check(data).removeprefix("<!doctype html>\n")))


def headings(text):
    return re.findall(r"<h2>([^<]+)</h2>", text)


def first(data, **fields):
    """Return a page's data whose first version of the data has other fields."""
    return msgspec.structs.replace(data, judged=(msgspec.structs.replace(data.judged[0], **fields), *data.judged[1:]))


def test_what_fails_comes_first_and_what_passes_is_folded(check, read):
    text = render_check(check)
    assert headings(text) == [
        "What to do next",
        "Tables",
        "Rules that fail",
        "Rules that hold",
        "Rules that near their bounds",
        "Rules that pass",
        "What main holds meanwhile",
        "Gates on models",
    ]
    shown = page_of(check, read)
    ids = [value for name, value in shown.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {value.removeprefix("#") for name, value in shown.attributes if name == "href"} <= set(ids)


def test_head_says_which_data_and_what_came_out(check, read):
    said = page_of(check, read).said
    assert "2 of 5 rules fail and 1 holds on the data that waits on branch ingest: main stays as it was" in said
    assert "data:3f2a90c1b7de , commit cccccccccccc on branch ingest" in said
    assert "made 2024-02-01 10:30 (ingest), compared with main." in said
    assert "✕ Fail 2 of 5 rules" in said
    assert "Rows 24,012 in 2 tables" in said
    assert "Measured as of 2024-02-01 12:00" in said


def test_tables_say_what_changed_and_how_many_rules_came_out_how(check, read):
    tables = [table for table in page_of(check, read).tables if table[0][0] == "Table"]
    assert tables[0] == [
        ["Table", "Rows", "Against main", "✕ Fail", "‖ Hold", "✓ Pass"],
        ["orders", "24,000", "8 added, 1 changed", "1", "1", "1"],
        ["shops", "12", "the same", "1", "–", "1"],
    ]


def test_next_steps_are_commands_on_this_data(check, read):
    said = page_of(check, read).said
    assert "shipway check data --rows" in said
    assert "shipway data diff main ingest" in said
    assert "shipway check override data --data data:3f2a90c1b7de --by NAME --reason TEXT" in said


def test_an_override_that_stands_is_shown_with_its_reason_and_nothing_is_left_to_do(check, override, read):
    shown = page_of(first(check, overrides=(override,)), read)
    assert "overridden by ana: known" in shown.said
    assert "a person let it through, and answers for it" in shown.said
    assert "What to do next" not in shown.said
    void = msgspec.structs.replace(override, stands=False)
    assert "What to do next" in page_of(first(check, overrides=(void,)), read).said


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"branch": "ingest"}, "The only rule passes on the data that waits on branch ingest: shipway run admits it"),
        ({"branch": "main"}, "The only rule passes on the data of main: models may be trained on it."),
    ],
)
def test_head_of_data_that_passes(check, judged, result, read, fields, said):
    data = judged(result("pass", value=0.0), outcomes=(("data", "pass"),), **fields)
    shown = page_of(msgspec.structs.replace(check, judged=(data,), outcome="pass"), read)
    assert said in shown.said
    assert "What to do next" not in shown.said


@pytest.mark.parametrize(("refusals", "said"), [((), "it was admitted"), (("no",), "nothing is trained on it")])
def test_head_of_main_that_no_longer_passes(check, judged, read, refusals, said):
    data = judged(branch="main", refusals=refusals)
    assert said in page_of(msgspec.structs.replace(check, judged=(data,)), read).said


def test_head_says_what_is_wrong_with_main_beside_what_waits(check, judged, read):
    main = judged(branch="main", subject="data:7668b810a09e")
    assert "1 holds on the data of main" not in page_of(check, read).said
    both = msgspec.structs.replace(check, judged=(check.judged[0], main))
    assert page_of(both, read).said.count("2 of 5 rules fail and 1 holds on the data of main") == 2


def test_without_data_there_are_the_gates_on_models_alone(check):
    assert headings(render_check(msgspec.structs.replace(check, judged=()))) == ["Gates on models"]


def test_page_fetches_and_runs_nothing(check):
    text = render_check(check)
    assert not re.search(r"https?://|url\(|@import|<script|<link|<img| on\w+=", text)
    assert "default-src &#x27;none&#x27;; style-src &#x27;unsafe-inline&#x27;" in text
    assert text == render_check(check)


def test_page_has_landmarks_and_a_language(check, read):
    shown = page_of(check, read)
    assert {"header", "nav", "main", "footer"} <= set(shown.tags)
    assert ("lang", "en") in shown.attributes
    assert ("aria-label", "Sections") in shown.attributes
    heads = [value for name, value in shown.attributes if name == "scope"]
    assert heads == ["col"] * sum(len(table[0]) for table in shown.tables)


def test_no_text_of_the_data_becomes_markup(check, read, hostile):
    def spoil(value, key=""):
        match value:
            case str() if value and key not in ("outcome", "outcomes", "unit", "op", "branch"):
                return value + hostile
            case dict():
                return {name: spoil(each, name) for name, each in value.items()}
            case list() | tuple():
                return [spoil(each, key) for each in value]
            case _:
                return value

    spoilt = page_of(msgspec.convert(spoil(msgspec.to_builtins(check)), CheckData), read)
    assert "script" not in spoilt.tags
    assert "img" not in spoilt.tags
    assert spoilt.tags == page_of(check, read).tags


@settings(max_examples=50)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\x00 ", exclude_categories=("Cs",)), min_size=1))
def test_any_value_of_a_row_is_shown_as_it_is(check, read, value):
    result = msgspec.structs.replace(check.judged[0].results[2], columns=("id", value), examples=(("1", value),))
    shown = page_of(first(check, results=(result,)), read)
    (table,) = [table for table in shown.tables if table[0][0] == "id"]
    assert table == [["id", value], ["1", value]]
