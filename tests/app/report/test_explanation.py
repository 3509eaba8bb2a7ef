"""The pages of explanations show what was found, and can hold anything."""

import msgspec
import pytest

from shipway.app.explanation.summary import Effect, Share, Summary
from shipway.app.report.explanation import render_explanation, render_summary
from shipway.core.explanation import Change, Contribution, Counterfactual, Explanation
from shipway.testing.fake import PlainCharts

HOSTILE = "</text><script>alert(1)</script>"


def contribute(column, amount, *, named=True, said=""):
    return Contribution(
        column=column,
        code=f"{column.upper()}-ABOVE",
        value=3.0,
        usual=1.0,
        amount=amount,
        error=0.01,
        said=said or f"{column}: 3 (usually 1)",
        named=named,
    )


@pytest.fixture
def made():
    every = tuple(contribute(f"f{place}", (-1) ** place * (1 - place / 40)) for place in range(30))
    hidden = contribute("secret", 0.001, named=False)
    change = Change(column="f0", code="F0-BELOW", value=3.0, needed=1.0, share=0.2, said="f0: 1 instead of 3")
    return Explanation(
        version="delay@2", bundle="b" * 64, row="7", at=0, request="r", label="the flight is late", p=0.7,
        unit="log-odds", method="sampled", baseline=-1.0, baseline_p=0.27, baseline_said="the mean over rows",
        contributions=(*every, hidden), reasons_for=(every[0],), reasons_against=(every[1],), unnamed=0.001,
        threshold=0.4, acted=True, counterfactuals=(Counterfactual(changes=(change,), p=0.3, distance=0.2),),
        counterfactual_said="the least changes", digest="d" * 64,
    )  # fmt: skip


@pytest.fixture
def summary():
    share = Share(name="wx", said="", size=0.3, size_low=0.2, size_high=0.4, share=0.6, share_low=0.5, share_high=0.7)
    tried = msgspec.structs.replace(share, name="car", rise=0.01, rise_low=-0.01, rise_high=0.03)
    effect = Effect(column="f", at=(1.0, 1.00001), effect=(-0.1, 0.1), low=(-0.2, 0.0), high=(0.0, 0.2), rows=(9,))
    return Summary(
        version="delay@2", bundle="b" * 64, unit="log-odds", method="tree", baseline=-1.0, baseline_said="the mean",
        rows=100, tried=100, of=500, since=0, until=86_400_000_000, clusters=9, columns=(share, tried),
        views=(tried, share), effects=(effect,),
    )  # fmt: skip


def test_a_person_finds_reasons_changes_and_the_digest(made, read):
    page = render_explanation(made, PlainCharts(), "UTC")
    assert page.startswith("<!doctype html>")
    for said in (
        "Why 70.0%?", "F0-ABOVE", "f0: 3 (usually 1)", "F1-ABOVE", "f0: 1 instead of 3", "F0-BELOW", "d" * 64,
        "b" * 64, "the mean over rows".capitalize(), "above the threshold of 0.4", "Features that are not named add",
        "± 0.020",
    ):  # fmt: skip
        assert said in page
    assert "1970-01-01" in page


def test_a_request_is_named_on_its_page(made):
    named = render_explanation(msgspec.structs.replace(made, request="first"), PlainCharts(), "UTC")
    assert " in request first." in named
    assert " in request" not in render_explanation(msgspec.structs.replace(made, request=""), PlainCharts(), "UTC")


def test_the_waterfall_begins_at_the_baseline_and_ends_at_the_prediction(made):
    drawn = {}

    class Kept(PlainCharts):
        def bars(self, bars, *, title):
            drawn["bars"] = bars
            return super().bars(bars, title=title)

    render_explanation(made, Kept(), "UTC")
    first, *steps, last = drawn["bars"]
    assert (first.start, first.end, last.start) == (0.0, made.baseline, 0.0)
    assert [each.start for each in steps] == [first.end, *(each.end for each in steps[:-1])]
    total = made.baseline + sum(each.amount for each in made.contributions)
    assert last.end == pytest.approx(total)
    assert steps[-1].end == pytest.approx(total)
    assert len({each.name for each in drawn["bars"]}) == len(drawn["bars"])
    assert "secret" not in {each.name for each in drawn["bars"]}


def test_words_do_nothing_on_the_page(made):
    spoilt = contribute("f0", 0.5, said=HOSTILE)
    made = msgspec.structs.replace(
        made, contributions=(spoilt, spoilt), reasons_for=(spoilt,), label=HOSTILE, row=HOSTILE
    )
    assert "<script>" not in render_explanation(made, PlainCharts(), "UTC")


def test_a_page_without_changes_or_reasons_says_so(made):
    bare = msgspec.structs.replace(
        made, counterfactuals=(), counterfactual_said="no threshold is known", reasons_for=(), reasons_against=(),
        unnamed=0.0, acted=None, threshold=None, at=None, contributions=(),
    )  # fmt: skip
    page = render_explanation(bare, PlainCharts(), "UTC")
    assert "No threshold is known." in page
    assert "No feature that may be named moves this prediction." in page


def test_a_summary_shows_views_features_and_curves(summary, charts):
    page = render_summary(summary, charts, "UTC")
    for said in ("What delay@2 listens to", "60.0% (50.0% to 70.0%)", "not tried", "+0.0100", "Along a feature"):
        assert said in page
    assert page.count("<svg") == 3

    def bare(each):
        ends = {name: None for name in each.__struct_fields__ if name.endswith(("_low", "_high"))}
        return msgspec.structs.replace(each, **ends)

    alone = msgspec.structs.replace(
        summary,
        clusters=1,
        views=tuple(map(bare, summary.views)),
        columns=tuple(map(bare, summary.columns)),
        effects=tuple(msgspec.structs.replace(each, low=None, high=None) for each in summary.effects),
    )
    page = render_summary(alone, charts, "UTC")
    assert "60.0% (one day, no interval)" in page
    assert "+0.0100 (one day, no interval)" in page
    assert "One day, no interval." in page
    assert "95 %" not in page
    nothing = msgspec.structs.replace(summary, views=(), columns=(), effects=())
    assert "There are none." in render_summary(nothing, charts, "UTC")


def test_a_number_is_shown_in_its_own_unit(made, summary, read):
    number = {"predicts": "number", "unit": "delay_minutes"}
    made = msgspec.structs.replace(made, label="arrival delay", p=1234.5678, baseline=6.9, baseline_p=6.9, **number)
    page = render_explanation(made, PlainCharts(), "UTC")
    for said in ("Why 1234.57?", "delay@2 says 1234.57 for arrival delay", "+6.900 delay_minutes", "Delay_minutes"):
        assert said in page
    assert "%?" not in page
    assert "log-odds" not in page
    summary = msgspec.structs.replace(summary, scale="delay_minutes", loss="mean absolute error", **number)
    page = render_summary(summary, PlainCharts(), "UTC")
    for said in ("Mean absolute error rises without it by", "in delay_minutes, from one value", "f: delay_minutes"):
        assert said in page
    assert "log-odds" not in page
