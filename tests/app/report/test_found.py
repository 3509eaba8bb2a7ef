"""What a reader sees of slices that were searched, of fairness and of change over time."""

import msgspec

from shipway.app.detail import FairnessData, FoundData, FoundSlice, GroupRate, TrendData, TrendWindow
from shipway.app.report.found import show_fairness, show_found, show_trends
from shipway.testing.fake.chart import PlainCharts


def make_slice(name: str, difference: float = 0.02, line: int | None = None, *, regressed: bool = True) -> FoundSlice:
    return FoundSlice(
        line=line,
        slice=name,
        n=12_345,
        clusters=90,
        candidate_loss=0.4 + difference,
        baseline_loss=0.4,
        difference=difference,
        low=difference - 0.01,
        high=difference + 0.01,
        p=0.0001,
        effect=0.0311 if line else None,
        regressed=regressed,
    )


def make_search(*slices: FoundSlice) -> FoundData:
    return FoundData(
        check='found_regressions("carrier")',
        baseline="version 1",
        said="3 of 90 slices found worse",
        tested=90,
        under_support=7,
        slices=slices,
    )


def test_the_short_explanation_comes_first_and_the_rest_is_folded():
    shown = show_found(
        [
            make_search(
                make_slice("carrier=UA, hour=4", line=1),
                make_slice("carrier=UA"),
                make_slice("hour=4"),
                make_slice("carrier=DL", -0.003, regressed=False),
            )
        ]
    )
    assert shown is not None
    told, _, rest = shown.text.partition("<details>")
    assert "3 of 90 slices found worse." in told
    assert "carrier=UA, hour=4" in told
    assert "12,345" in told
    assert "+0.0311" in told
    assert "hour=4</td><td" not in told.replace("carrier=UA, hour=4", "")
    assert "All 3 slices found" in rest
    assert "carrier=DL" in rest.partition("The nearest that were not found")[2]


def test_a_list_no_longer_than_its_explanation_is_not_repeated():
    shown = show_found([make_search(make_slice("carrier=UA", line=1))])
    assert shown is not None
    assert "<details>" not in shown.text


def test_where_nothing_is_found_the_nearest_are_shown():
    shown = show_found([make_search(make_slice("carrier=DL", 0.001, regressed=False))])
    assert shown is not None
    assert "carrier=DL" in shown.text
    assert "<details>" not in shown.text


def test_groups_stand_in_the_order_of_their_rates_and_small_ones_apart():
    groups = (
        GroupRate(group="sex=f", rate="acts", n=900, value=0.21, low=0.18, high=0.24, decides=True),
        GroupRate(group="sex=m", rate="acts", n=800, value=0.35, low=0.31, high=0.39, decides=True),
        GroupRate(group="sex=x", rate="acts", n=3, value=None, low=None, high=None, decides=False),
    )
    shown = show_fairness([FairnessData(check="c", said="greatest difference 0.14", groups=groups)])
    assert shown is not None
    assert shown.text.index("sex=m") < shown.text.index("sex=f") < shown.text.index("sex=x")
    assert "Greatest difference 0.14." in shown.text
    assert "35.0%" in shown.text
    assert "1 rate under support" in shown.text


def test_gaps_of_calibration_are_no_shares():
    group = GroupRate(
        group="sex=f", rate="predicts less observed", n=900, value=-0.021, low=-0.03, high=-0.01, decides=True
    )
    shown = show_fairness([FairnessData(check="c", said="said", groups=(group,))])
    assert shown is not None
    assert "−0.0210" in shown.text
    assert "%</td>" not in shown.text


def test_windows_are_in_the_order_of_time():
    windows = (
        TrendWindow(window="2013-07-01 to 2013-07-28", n=100, advantage=0.02, low=0.01, high=0.03),
        TrendWindow(window="2013-07-15 to 2013-08-11", n=2, advantage=-0.01, low=None, high=None),
    )
    shown = show_trends([TrendData(check="advantage_trend()", said="advantage +0.02", windows=windows)], PlainCharts())
    assert shown is not None
    assert "<figure>" not in shown.text
    assert shown.text.index("2013-07-01") < shown.text.index("2013-07-15")
    assert "+0.0200" in shown.text


def test_more_than_two_windows_are_drawn_between_the_ends_of_their_intervals():
    windows = tuple(
        TrendWindow(
            window=f"2013-0{at}-01 to 2013-0{at}-28", n=9, advantage=0.1 / at, low=-0.1, high=0.2 if at else None
        )
        for at in (7, 8, 9)
    )
    shown = show_trends([TrendData(check="c", said="said", windows=windows)], PlainCharts())
    assert shown is not None
    drawn, _, numbers = shown.text.partition("<details>")
    assert drawn.count("<svg") == 1
    assert {"upper end", "lower end", "2013-09-01"} <= set(drawn.replace("<", ">").split(">"))
    assert "+0.0143" in numbers


def test_the_groups_furthest_apart_stand_out_and_many_rates_are_folded():
    groups = tuple(
        GroupRate(group=f"dest={at:02}", rate="acts", n=900, value=at / 100, low=0.0, high=1.0, decides=True)
        for at in range(40)
    )
    made = FairnessData(check="c", said="said", groups=groups, apart=("dest=39", "dest=00"))
    shown = show_fairness([made])
    assert shown is not None
    told, _, rest = shown.text.partition("<details>")
    assert told.count('<tr class="marked">') == 2
    assert "dest=20" not in told
    assert "All 40 rates that decide" in rest
    assert "dest=20" in rest


def test_nothing_measured_shows_nothing():
    assert show_found([]) is None
    assert show_fairness([]) is None
    assert show_trends([], PlainCharts()) is None


def test_what_could_not_be_measured_says_why():
    shown = show_found([make_search()])
    assert shown is not None
    assert "3 of 90" in shown.text


def test_what_decides_is_told_beside_the_p_that_is_shown():
    search = make_search(make_slice("carrier=UA", line=1))
    assert "p given that it looks worse" in show_found([search]).text
    every = msgspec.structs.replace(search, check='found_regressions("carrier", control="by")')
    assert "given that" not in show_found([every]).text
