"""The page of a suite shows every test, its interval, and what went wrong, and cannot be broken by what it shows."""

import re

import numpy as np

from shipway import behaviours as b
from shipway.app.report.suite import render_suite, write_suite_page
from shipway.app.suite import run_suite


def made():
    suite = b.suite(
        "opinions <script>",
        b.probe("praise", "{good}", expect=b.says("yes")),
        b.probe("capitals", "{good}", change=b.case("upper"), expect=b.keeps_class()),
        b.probe("a word more", "{good}", change=b.sentence("<b>fine</b>"), expect=b.never_falls()),
        b.probe("few", "{good}", expect=b.says("yes", "no"), needs=100),
        about="What & why.",
        lexicons={"good": ("good", "<i>nice</i>", "fair")},
        classes=("no", "yes"),
    )
    return run_suite(suite, lambda texts: np.array([float("good" in text) for text in texts]), name="m")


def test_every_test_is_there_with_its_outcome_and_its_interval():
    page = render_suite(made())
    for name in ("praise", "capitals", "a word more", "few"):
        assert page.count(f"<code>{name}</code>") >= 1
    assert [title for title in ("Minimum functionality", "Invariance", "Direction") if f"<h2>{title}</h2>" in page] == [
        "Minimum functionality",
        "Invariance",
        "Direction",
    ]
    assert "2 of 4 tests fail, and 1 cannot be judged for want of cases." in page
    assert "66.7%" in page
    assert "‖ hold" in page


def test_links_lead_to_counterexamples():
    page = render_suite(made())
    ways = set(re.findall(r'href="#(example-[^"]+)"', page))
    assert ways == {"example-praise", "example-capitals"}
    assert all(f'id="{way}"' in page for way in ways)
    assert "GOOD" in page


def test_what_is_shown_cannot_break_the_page(tmp_path):
    page = write_suite_page(made(), tmp_path / "pages" / "s.html").read_text()
    assert "<script>" not in page
    assert "<i>nice" not in page
    assert "What &amp; why." in page
