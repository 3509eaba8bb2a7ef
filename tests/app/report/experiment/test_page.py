"""The page of an experiment says what was decided, and shows looks, units and slices."""

import re

import polars as pl
import pytest
from tests.app.experiment.conftest import CODE, START, Lab, make_shop, past  # noqa: F401
from tests.app.experiment.market import CITIES, settle
from tests.app.experiment.shop import answer, choose, sell, serve
from tests.app.experiment.test_statistic import commit

from shipway.app.experiment.conduct import decide_experiment, start_experiment
from shipway.app.experiment.detail import detail_trial
from shipway.app.experiment.look import look_at
from shipway.app.report.experiment import write_experiment
from shipway.core.look import write_span
from shipway.kit.duration import DAY


@pytest.fixture
def lab(past, tmp_path):  # noqa: F811
    import shutil

    shutil.copytree(past, tmp_path / "lab")
    return Lab(tmp_path / "lab")


def text_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_a_page_tells_an_experiment_from_its_plan_to_its_decision(lab, tmp_path):
    pytest.importorskip("altair")
    start_experiment(lab.project, "fares")
    page = write_experiment(lab.project, "fares", tmp_path / "page.html").read_text()
    assert "Nobody looked at it yet." in text_of(page)
    lab.live(16, lift=0.6)
    for day in (8, 16):
        look_at(lab.project, "fares", START + day * DAY)
    decide_experiment(lab.project, "fares", "usual", by="ana", reason="too <dear>")
    page = write_experiment(lab.project, "fares@1", tmp_path / "page.html").read_text()
    said = text_of(page)
    assert (
        "Everyone meets usual, ana decided, against the design: too &lt;dear&gt;. The design said: Launch new:" in said
    )
    assert (
        page.count("<svg") >= 6
    )  # the effect, its evidence, the units by day, and a whisker for each effect and slice
    assert "Effect on spent, %" in page
    for heading in ("Effects", "Look by look", "Who met it", "By slices", "The plan"):
        assert f">{heading}</h2>" in page
    assert not re.search(r"<script|https?://(?!www\.w3\.org)", page)


def test_slices_describe_and_mark_what_stands_out(lab):
    start_experiment(lab.project, "fares")
    lab.live(16, lift=0.6)
    look_at(lab.project, "fares", START + 16 * DAY)
    detail = detail_trial(lab.project, "fares")
    spent, basket = detail.sliced
    assert [(each.name, each.column) for each in detail.sliced] == [("spent", "device"), ("basket", "device")]
    assert [each.value for each in spent.slices] == ["app", "web"]
    assert all(abs(each.estimate - 0.6) < each.high - each.low for each in spent.slices)
    assert any(each.marked for each in spent.slices)
    assert not any(each.marked for each in basket.slices)
    assert 0 < spent.differs_p <= 1
    met = detail.trial.looks[-1].units
    assert sum(sum(day.values()) for day in detail.met.values()) == sum(met.values())
    assert sum(sum(each.n) for each in spent.slices) == sum(detail.trial.looks[-1].effects[0].n)


def test_the_source_that_held_the_look_back_is_named(lab, tmp_path):
    pytest.importorskip("altair")
    start_experiment(lab.project, "fares")
    lab.live(12)
    look_at(lab.project, "fares", START + 16 * DAY)
    assert detail_trial(lab.project, "fares").lag == (
        "visits tells of nothing after 2024-03-29: only days that were over by then are complete"
        " until it has a later row"
    )
    page = write_experiment(lab.project, "fares", tmp_path / "page.html").read_text()
    assert "Held back: visits tells of nothing after 2024-03-29" in text_of(page)


def test_a_page_of_clusters_tells_how_many_there_are_and_who_met_both(lab, tmp_path):
    pytest.importorskip("altair")
    (lab.root / "project.py").write_text(CODE + CITIES)
    settle(lab, 0, make_shop)
    start_experiment(lab.project, "cities", units=1_300)
    settle(lab, 12, make_shop)
    with lab.workspace() as workspace:
        visits = workspace.tables.read(workspace.admitted(["visits"])["visits"])
    late = pl.col("opened").cast(pl.Int64) > START + 3 * DAY
    moved = late & pl.col("customer").is_in({f"c{number}" for number in range(12)})
    commit(lab, visits=visits.with_columns(pl.when(moved).then(pl.lit("d59")).otherwise("device").alias("device")))
    look_at(lab.project, "cities", START + 12 * DAY)
    said = text_of(write_experiment(lab.project, "cities", tmp_path / "page.html").read_text())
    assert "clusters: each device is assigned as a whole" in said
    assert "A split of clusters this uneven" in said
    assert re.search(r"usual [\d,]+ \d+ \d+\.\d+% 50\.00%", said)
    assert "met several variants c" in said
    assert "Looks allowed for" in said or "better" not in said


def test_a_page_of_versions_tells_which_they_are(lab, tmp_path):
    pytest.importorskip("altair")
    serve(lab)
    answer(lab, 0)
    start_experiment(lab.project, "ranker", at=START)
    sell(lab, 10, lift=0.6)
    answer(lab, 10, since=0, version=lambda unit: choose(unit) if int(unit[1:]) % 50 else 3 - choose(unit))
    look_at(lab.project, "ranker", START + 10 * DAY)
    said = text_of(write_experiment(lab.project, "ranker", tmp_path / "page.html").read_text())
    assert "service desk, which answers 0.5 of each customer with version 2 and the others with version 1" in said
    assert "met another variant than the one assigned" in said


def test_a_rare_event_is_told_by_its_counts(lab, tmp_path):
    pytest.importorskip("altair")
    rare = 'sw.effect("big", w.count(placed, last="2d", where=placed.price > 35) > 0, rare=True)'
    lab.edit('sw.effect("basket", spent, over=w.count(placed, last="2d")) >= -0.2', f"{rare} <= 1.5")
    events = start_experiment(lab.project, "fares").plan.rules[1].events
    lab.live(16)
    found = [look_at(lab.project, "fares", START + day * DAY).look for day in (8, 16)]
    page = write_experiment(lab.project, "fares", tmp_path / "page.html").read_text()
    said, last = text_of(page), found[-1].effects[1]
    assert f"Largest number of events big {events}" in said
    assert f"{last.events.control} of {last.n[0]:,} and {last.events.variant} of {last.n[1]:,}" in said
    assert write_span(last) in said
    assert "Events of big, and from how many on a look crosses" in page
