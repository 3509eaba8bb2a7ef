"""The page of a report, rendered from hand-made data."""

import re
from collections import Counter
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.adapters.altair.chart import AltairCharts
from shipway.app.depth import BehaviourData, SliceData, SlicesData, TrialData
from shipway.app.detail import Details
from shipway.app.report import render_report
from shipway.app.report.data import (
    BundleData,
    CostData,
    CurveData,
    LeakData,
    LineData,
    ModelData,
    OriginData,
    PartData,
    RefusalData,
    ReportData,
    SideData,
    StageData,
    TaskData,
    ValueData,
    VersionData,
)
from shipway.app.report.gate import GateData, Measured, RuleData
from shipway.validation.counterexample import Counterexample, Said

CHARTS = AltairCharts()
HOSTILE = "</p></code><script>alert(1)</script><img src=x onerror='go()'>\"&amp;"
MONTHS = ("2024-01", "2024-02")
SECTIONS = [
    "The path",
    "Gates",
    "Performance by month",
    "Leaks, refused and priced",
    "Value of deciding",
    "Calibration",
    "Slices",
    "Behaviour",
    "Versions",
    "How it was made",
]


def parts(shift):
    return tuple(
        PartData(
            label=label,
            n=1000 + at,
            mean=0.2,
            mean_p=0.21,
            skill=0.71 + shift + at / 100,
            loss=0.5 - shift,
            value=1.5,
        )
        for at, label in enumerate(MONTHS)
    )


def side(auc, log_loss):
    return SideData(
        skill=Measured(auc, auc - 0.01, auc + 0.01),
        loss=Measured(log_loss, log_loss - 0.02, log_loss + 0.02),
        mean_p=0.24,
        mean=0.225,
    )


def make_slice(name, difference, *, regressed=False, p=0.25):
    return SliceData(
        name=name,
        n=4321,
        clusters=31,
        candidate=0.5 + difference,
        baseline=0.5,
        difference=difference,
        interval=(difference - 0.01, difference + 0.01),
        p=p,
        regressed=regressed,
    )


def make_version(number, outcome="pass"):
    return VersionData(
        name=f"version {number}",
        cut=f"2024-0{number}-01",
        format="lightgbm",
        rows=160_000 + number,
        mean=0.249,
        scored=170_618,
        evaluated=166_668,
        skill=Measured(0.7712, 0.7564, 0.7851),
        loss=Measured(0.44261, 0.4238, 0.4613),
        squared=Measured(0.1405, 0.13, 0.15),
        calibration_gap=Measured(-0.0123, -0.02, -0.005),
        saved=Measured(1.587, 1.066, 2.109),
        gains=(("log_loss", "version 1", Measured(0.0109, 0.0034, 0.0185)), ("auc", "few", Measured(-0.2, -0.3, -0.1))),
        outcome=outcome,
        bundle=BundleData(digest=f"{number}" * 64, parity="ONNX within 2.2e-07 on 20,000 rows, 0.0001 is allowed"),
    )


def make_model(name="delay"):
    return ModelData(
        name=name,
        purpose="Boost trees.",
        label="visits.answered.won > 0",
        kind="condition",
        at='visits.asked - "2h"',
        period=("2024-01-01", "2024-02-29"),
        versions=(make_version(1), make_version(2)),
        lines=(
            LineData(name="version 2", role="newest", parts=parts(0.05)),
            LineData(name="version 1", role="earlier", parts=parts(0.03)),
            LineData(name="few", role="baseline", parts=parts(-0.1)),
            LineData(name="early as claimed", role="claimed", parts=parts(0.1)),
            LineData(name="early as served", role="served", parts=parts(-0.03)),
        ),
        leaks=(
            LeakData(
                name="early",
                doc="Read before it is known.",
                refusals=(
                    RefusalData(column="visits.won", features=57, rows=300, of=1200, example="e.g. id 7: won = 1"),
                ),
                honest=side(0.771, 0.4426),
                claimed=side(0.792, 0.4242),
                served=side(0.720, 0.4880),
            ),
            LeakData(
                name="never_built",
                doc="",
                refusals=(RefusalData(column="visits.id", features=1, rows=1, of=4, example="id 9"),),
            ),
        ),
        value=ValueData(
            check="decision_value(act_if_true=65, act_if_false=25, skip_if_true=100)",
            saved=Measured(1.587, 1.066, 2.109),
            nothing=22.57,
            model=20.98,
            oracle=14.67,
            threshold=0.4167,
            share_acted=0.172,
            months=tuple(
                CostData(label=label, nothing=31.461 + at, model=28.384 + at, oracle=20.452 + at)
                for at, label in enumerate(MONTHS)
            ),
        ),
        calibration=(
            CurveData(name="version 2", newest=True, bins=((0.05, 0.047), (0.3, 0.31))),
            CurveData(name="version 1", newest=False, bins=((0.04, 0.05), (0.2, 0.3))),
        ),
        details=Details(
            slices=(
                SlicesData(
                    check='slice_regression("shop")',
                    baseline="version 1",
                    loss="log loss",
                    said="none",
                    tested=(
                        make_slice("shop=north", 0.0345, regressed=True, p=0.0001),
                        *(make_slice(f"shop=s{at}", -at / 1000) for at in range(14)),
                    ),
                    under_support=(msgspec.structs.replace(make_slice("shop=small", 0.9), interval=None, p=None),),
                ),
            ),
            behaviours=(
                BehaviourData(
                    name="storms_never_help",
                    expects="no prediction falls by more than 0.005",
                    trials=(
                        TrialData(
                            change="wind +15",
                            n=3468,
                            mean_change=0.0094,
                            share_violating=0.0123,
                            counterexample=Counterexample(
                                test="storms_never_help: wind +15",
                                case="row 7",
                                before=Said(value=0.226),
                                after=Said(value=0.215),
                                changed={"wind": (12.0, 27.0)},
                                typical=True,
                                others={"carrier": f"EV{HOSTILE}"},
                            ),
                        ),
                        TrialData(change="rain +1", n=0, mean_change=None, share_violating=None, said="no row"),
                    ),
                ),
            ),
        ),
    )


def make_report():
    return ReportData(
        project="flights",
        owner="network operations",
        outcome="pass",
        stages=(
            StageData(
                name="Ingest", tasks=(TaskData(name="ingest visits", seconds=1.7, peak_mb=300.0, unchanged=False),)
            ),
            StageData(
                name="Evaluate",
                tasks=(TaskData(name="evaluate delay@2", seconds=0.094, peak_mb=1220.0, unchanged=True),),
                outcomes=(("quality", "pass"),),
            ),
        ),
        gates=(
            GateData(
                name="quality",
                subject="model:delay@2",
                outcome="hold",
                by="gate",
                rules=(
                    RuleData(
                        text="auc >= 0.76",
                        outcome="hold",
                        reason="0.7712 over 166,668 rows",
                        unit="auc",
                        measured=Measured(0.7712, 0.7564, 0.7851),
                        op=">=",
                        bound=0.76,
                    ),
                    RuleData(
                        text="has_rows(visits) >= 1",
                        outcome="pass",
                        reason="336,776 rows",
                        unit="number",
                        measured=Measured(336776.0, 336776.0, 336776.0),
                    ),
                    RuleData(
                        text="brier <= 0.1", outcome="hold", reason="nothing was measured", unit="loss", measured=None
                    ),
                ),
            ),
        ),
        models=(make_model(),),
        origin=OriginData(
            entries=90,
            head="e" * 64,
            data="d" * 64,
            tables={"visits": 336_776},
            code="c" * 64,
            project_code="b" * 64,
            at="2026-11-23 06:44",
            seconds=38.2,
            peak_mb=1220.0,
            made=24,
            unchanged=1,
        ),
    )


class Page(HTMLParser):
    """Reads a page as strictly as a validator would: every element is closed in order."""

    def __init__(self, text):
        super().__init__()
        self.text, self.tags, self.attributes, self.open = text, Counter(), [], []
        self.headings, self.tables, self.words, self.depth = [], [], [], 0
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes += attrs
        if tag not in ("meta", "br"):
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("th", "td"):
            self.tables[-1][-1].append("")
        if tag == "h2":
            self.headings.append("")

    def handle_startendtag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" in self.open:
            return
        self.words.append(data)
        if "td" in self.open or "th" in self.open:
            self.tables[-1][-1][-1] += data
        if "h2" in self.open:
            self.headings[-1] += data

    @property
    def shown(self):
        return re.sub(r"\s+", " ", "".join(self.words))

    def table(self, *head):
        """Return the rows of the one table whose head begins like this."""
        (found,) = [table for table in self.tables if tuple(table[0][: len(head)]) == head]
        return found[1:]


def render(data):
    return Page(render_report(data, CHARTS))


def change(data, **fields):
    """Return a report whose only model has other fields."""
    return msgspec.structs.replace(data, models=(msgspec.structs.replace(data.models[0], **fields),))


def change_details(**fields):
    """Return a report whose only model has other details."""
    return change(make_report(), details=msgspec.structs.replace(make_model().details, **fields))


@pytest.fixture(scope="module")
def page():
    return render(make_report())


def test_page_has_all_sections_in_order_and_links_to_them(page):
    assert page.headings == SECTIONS
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids)) == len(SECTIONS)
    assert [value for name, value in page.attributes if name == "href"] == [f"#{name}" for name in ids]


def test_page_fetches_and_runs_nothing(page):
    assert not re.search(r"https?://(?!www\.w3\.org/)|url\(|@import", page.text)
    assert not set(page.tags) & {"script", "link", "img", "iframe", "object", "image", "use"}
    assert not {name for name, _ in page.attributes if name == "src" or name.startswith("on")}
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes


def test_equal_data_give_equal_pages(page):
    assert render_report(make_report(), CHARTS) == page.text


def hostile(value, key=""):
    """Return data in which every text that is not one of a fixed few words does its worst."""
    match value:
        case str() if value and key not in ("outcome", "outcomes", "unit", "op", "role", "gains", "kind"):
            return f"{value}{HOSTILE}"
        case dict():
            kept = key == "tables"
            return {hostile(k) if kept else k: hostile(v, k) for k, v in value.items()}
        case list() | tuple():
            return [hostile(each, key) for each in value]
        case _:
            return value


def test_no_text_of_the_data_becomes_markup(page):
    data = msgspec.convert(hostile(msgspec.to_builtins(make_report())), ReportData)
    spoilt = render(data)
    assert spoilt.tags["script"] == spoilt.tags["img"] == 0
    html = ("p", "code", "td", "tr", "table", "section", "details", "li", "dd", "article", "b", "span", "meta")
    assert {tag: spoilt.tags[tag] for tag in html} == {tag: page.tags[tag] for tag in html}
    assert f"flights{HOSTILE}" in spoilt.shown
    assert f"shop=north{HOSTILE}" in spoilt.shown
    assert f"visits.won{HOSTILE} was not known yet" in spoilt.shown
    assert f"version 2{HOSTILE}" in spoilt.shown


@settings(max_examples=20)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\x00", exclude_categories=("Cs",))))
def test_any_name_of_a_project_is_shown_as_it_is(name):
    data = msgspec.structs.replace(make_report(), project=name, models=())
    text = render_report(data, CHARTS)
    assert name in "".join(Page(text).words)


@pytest.mark.parametrize(
    ("section", "fields"),
    [
        ("Performance by month", {"lines": ()}),
        ("Leaks, refused and priced", {"leaks": ()}),
        ("Value of deciding", {"value": None}),
        ("Calibration", {"calibration": ()}),
        ("Slices", {"details": msgspec.structs.replace(make_model().details, slices=())}),
        ("Behaviour", {"details": msgspec.structs.replace(make_model().details, behaviours=())}),
    ],
)
def test_section_without_data_is_left_out(section, fields):
    assert render(change(make_report(), **fields)).headings == [name for name in SECTIONS if name != section]


def test_report_without_models_says_why(page):
    data = msgspec.structs.replace(make_report(), models=(), outcome="fail", stages=())
    bare = render(data)
    assert bare.headings == ["Gates", "How it was made"]
    assert "the data did not pass" in bare.shown
    assert "footer" not in bare.tags
    assert page.tags["footer"] == 1


def test_two_models_have_sections_of_their_own():
    data = msgspec.structs.replace(make_report(), models=(make_model("one"), make_model("two")))
    headings = render(data).headings
    assert [name for name in headings if name.startswith("Slices")] == ["Slices of one", "Slices of two"]
    assert len(headings) == len(set(headings)) == 2 + 2 * 7 + 1


def test_head_says_what_the_newest_version_gets(page):
    assert "flights ✓ pass" in page.shown
    assert "Version 2 of delay may be released: AUC 0.771 (0.756 to 0.785)" in page.shown
    assert "log loss 0.4426 (0.4238 to 0.4613) nats on 166,668 rows." in page.shown
    assert "Acting on it saves 1.59 (1.07 to 2.11) a row against doing nothing." in page.shown
    assert "The leak early was refused: it would have claimed AUC 0.792 and got 0.720 once served." in page.shown
    assert "judged on 2024-01-01 to 2024-02-29" in page.shown
    assert "0.200 worse than few" in page.shown
    assert "0.011 better than version 1" in page.shown
    assert "an oracle would save 7.90" in page.shown


@pytest.mark.parametrize(
    ("outcome", "said"),
    [("fail", "may not be released"), ("hold", "is held for want of evidence"), (None, "no gate decides on it")],
)
def test_head_says_what_the_gates_decided(outcome, said):
    assert said in render(change(make_report(), versions=(make_version(1, outcome),))).shown


def test_a_gain_of_nought_is_neither_better_nor_worse():
    version = msgspec.structs.replace(make_version(2), gains=(("auc", "version 1", Measured(-2e-7, -1e-4, 1e-4)),))
    assert "as good as version 1" in render(change(make_report(), versions=(version,))).shown


def test_rules_show_what_was_measured(page):
    held, counted, nothing = page.table("", "Rule and what was seen", "Measured")
    assert held == ["‖ hold", "auc >= 0.760.7712 over 166,668 rows", "0.7710.756 to 0.785", ""]
    assert counted == ["✓ pass", "has_rows(visits) >= 1336,776 rows", "336,776", ""]
    assert nothing == ["‖ hold", "brier <= 0.1nothing was measured", "nothing", ""]


def test_numbers_by_month_are_those_of_the_data(page):
    lines = make_report().models[0].lines
    for at, row in enumerate(page.table("Month", "Rows", "Rate")):
        expected = [MONTHS[at], f"{lines[0].parts[at].n:,}", "20.0%"]
        for line in lines:
            expected += [f"{line.parts[at].skill:.3f}", f"{line.parts[at].loss:.4f}"]
        assert row == expected


def test_month_that_a_line_lacks_is_blank():
    lines = make_report().models[0].lines
    gap = msgspec.structs.replace(lines[0].parts[0], label="2024-03", skill=None)
    data = change(make_report(), lines=(msgspec.structs.replace(lines[0], parts=(*lines[0].parts, gap)), lines[1]))
    assert render(data).table("Month")[-1] == ["2024-03", "1,000", "20.0%", "", f"{gap.loss:.4f}", "", ""]


def test_single_month_is_a_table_without_charts():
    line = LineData(name="version 2", role="newest", parts=parts(0.0)[:1])
    page = render(change(make_report(), lines=(line,), value=None, calibration=()))
    assert page.tags["figure"] == 0
    assert page.table("Month") == [["2024-01", "1,000", "20.0%", "0.710", "0.5000"]]


def test_leak_is_told_with_its_refusal_and_both_its_prices(page):
    assert "visits.won was not known yet in 300 of 1,200 rows (25.0%), read by 57 features; e.g. id 7" in page.shown
    assert "its AUC looks 0.021 better than the honest model's, and once served it is 0.051 worse." in page.shown
    rows = page.table("", "AUC", "", "Log loss, nats")
    assert [row[1] for row in rows] == ["0.7920.782 to 0.802", "0.7710.761 to 0.781", "0.7200.710 to 0.730"]
    assert [row[3][:6] for row in rows] == ["0.4242", "0.4426", "0.4880"]
    assert [row[5] for row in rows] == ["24.0% against 22.5%"] * 3
    assert "read by 1 feature; id 9" in page.shown
    assert page.shown.count("nothing to price") == 1


def test_leak_that_was_only_refused_has_its_own_heading():
    leaks = make_report().models[0].leaks[1:]
    assert "Leaks, refused" in render(change(make_report(), leaks=leaks)).headings


def test_value_shows_the_costs_of_every_month(page):
    assert "above 41.7%, on 17.2% of rows, saves 1.59 a row (1.07 to 2.11)" in page.shown
    assert page.table("Cost of a row") == [
        ["all", "22.57", "20.98", "14.67"],
        ["2024-01", "31.46", "28.38", "20.45"],
        ["2024-02", "32.46", "29.38", "21.45"],
    ]


def test_calibration_shows_bins_and_gap(page):
    assert "On average version 2 predicts 0.0123 less than what happens (−0.0200 to −0.0050)." in page.shown
    assert page.table("Mean prediction") == [["5.0%", "4.7%", "+0.003"], ["30.0%", "31.0%", "−0.010"]]


def test_slices_show_both_ends_all_and_those_under_support(page):
    ends, everything, small = [table for table in page.tables if table[0][0] == "Slice"]
    assert "1 of 15 tested slices found worse than version 1" in page.shown
    tested = make_report().models[0].details.slices[0].tested
    assert [row[0].partition(" ")[0] for row in ends[1:]] == [each.name for each in (*tested[:6], *tested[-6:])]
    assert [row[0].partition(" ")[0] for row in everything[1:]] == [each.name for each in tested]
    assert ends[1] == [
        "shop=north ✕ worse",
        "4,321",
        "31",
        "0.5345",
        "0.5000",
        "+0.0345",
        "+0.0245 to +0.0445",
        "",
        "< 0.001",
    ]
    assert small[1] == ["shop=small ", "4,321", "31", "1.4000", "0.5000", "+0.9000", "", "", ""]


def test_few_slices_are_shown_once():
    slices = make_report().models[0].details.slices[0]
    few = msgspec.structs.replace(slices, tested=slices.tested[:12], under_support=())
    page = render(change_details(slices=(few,)))
    assert len(page.table("Slice")) == 12


def test_slices_without_support_say_so():
    slices = msgspec.structs.replace(
        make_report().models[0].details.slices[0], tested=(), said="none of 3 slices has 500 rows"
    )
    page = render(change_details(slices=(slices,)))
    assert "none of 3 slices has 500 rows" in page.shown
    assert len(page.table("Slice")) == 1


def test_behaviour_shows_every_change(page):
    assert "Expected: no prediction falls by more than 0.005." in page.shown
    assert page.table("Change") == [
        ["wind +15", "3,468", "+0.0094", "1.2%"],
        ["rain +1", "no row", "", ""],
    ]


def test_behaviour_shows_the_simplest_case_that_fails(page):
    assert "The simplest case that fails wind +15:" in page.shown
    assert "12 → 27" in page.shown
    assert f"EV{HOSTILE}" in page.shown
    assert "says after" in page.shown
    assert "The simplest case that fails rain +1:" not in page.shown


def test_versions_come_newest_first_with_their_bundles(page):
    newest, oldest = page.table("Version")
    assert newest[:5] == ["version 2lightgbm", "2024-02-01", "160,002", "24.9%", "0.7710.756 to 0.785"]
    assert oldest[0] == "version 1lightgbm"
    parity = "ONNX within 2.2e-07 on 20,000 rows, 0.0001 is allowed"
    assert page.table("Registered")[0] == ["version 2", "2" * 64, parity]
    assert page.table("Metric") == [
        ["log loss", "version 1", "+0.0109", "+0.0034 to +0.0185"],
        ["AUC", "few", "−0.2000", "−0.3000 to −0.1000"],
    ]


def test_columns_that_no_version_fills_are_left_out():
    version = msgspec.structs.replace(make_version(1), saved=None, squared=None, gains=(), bundle=None)
    page = render(change(make_report(), versions=(version,), value=None))
    (head,) = [table[0] for table in page.tables if table[0][0] == "Version"]
    assert head == ["Version", "Learned until", "Rows", "Rate", "AUC", "Log loss", "Mean prediction less rate", "Gates"]
    assert not [table for table in page.tables if table[0][0] in ("Registered", "Metric")]


def test_path_shows_time_and_what_was_made(page):
    assert "Ingest1.7 s1 made" in page.shown
    assert "Evaluate94 ms1 unchanged✓ pass quality" in page.shown
    assert page.table("Stage") == [
        ["Ingest", "ingest visits", "1.7 s", "300 MB", "made"],
        ["Evaluate", "evaluate delay@2", "94 ms", "1.22 GB", "unchanged"],
    ]


def test_origin_and_footnote_state_what_stands_behind_the_numbers(page):
    assert f"90 entries, hash-chained; head {'e' * 64}" in page.shown
    assert "24 tasks made, 1 unchanged, the last task ended at 2026-11-23 06:44 UTC" in page.shown
    assert "38 s, 1.22 GB at most" in page.shown
    assert (
        "was scored: 170,618 by version 2 of delay. Metrics are of the 166,668 whose label became known" in page.shown
    )
    assert "3,950 have none" in page.shown


def test_footnote_of_rows_that_all_have_a_label():
    version = msgspec.structs.replace(make_version(1), evaluated=170_618)
    assert "metrics are of all of them" in render(change(make_report(), versions=(version,))).shown
