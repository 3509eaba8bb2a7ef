"""The page of an experiment says what was decided, and shows looks, units and slices."""

import re

import pytest
from tests.app.experiment.conftest import START, Lab, past  # noqa: F401

from shipway.app.experiment.conduct import decide_experiment, start_experiment
from shipway.app.experiment.detail import detail_trial
from shipway.app.experiment.look import look_at
from shipway.app.report.experiment import write_experiment
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
    )
    page = write_experiment(lab.project, "fares", tmp_path / "page.html").read_text()
    assert "Held back: visits tells of nothing after 2024-03-29" in text_of(page)
