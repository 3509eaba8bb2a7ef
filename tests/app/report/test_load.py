"""The pages of loads: they say what was found, and stand alone."""

import re

import pytest

from shipway.app.report.load import render_advice, render_capacity, render_load, write_load_page
from shipway.core.capacity import Capacity, Objective, Probe, Setting
from shipway.core.latency import Machine
from shipway.core.load import make_pattern
from shipway.testing.fake.chart import PlainCharts
from shipway.validation.advice import advise, price_trial
from shipway.validation.load import Conditions, Recorder

MS = 1_000_000
MACHINE = Machine(processor="test", cores=2, system="Linux", python="3.11")
OBJECTIVE = Objective(limit_ms=20.0)


def make_load(late_ms=0.0, failed=0):
    recorder = Recorder(
        Conditions("http://a/<b>", make_pattern("steady", 100, 10), MACHINE, True, 8, 30.0, 1.0),
    )
    for place in range(1_000):
        due = place * 10 * MS
        taken = due + int(late_ms * MS)
        recorder.note(due, taken, taken, due + (5 + place % 7) * MS, 503 if place < failed else 200)
    return recorder.finish()


def make_capacity(rate):
    probes = tuple(
        Probe(rate=each, times=1, requests=100, quantile_ms=9.0, slow=slow, slow_low=slow / 2, slow_high=slow * 2,
              failed=0.0, failed_high=0.01, outcome=outcome, reason="why")
        for each, slow, outcome in ((100.0, 0.0, "pass"), (200.0, 0.4, "fail"), (150.0, 0.05, "hold"))
    )  # fmt: skip
    return Capacity(target="delay@2", objective=OBJECTIVE, rate=rate, limit=150.0, probes=probes,
                    load=make_load() if rate else None, reason="at 200 it fails", machine=MACHINE)  # fmt: skip


def text_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_page_of_a_load_says_what_it_came_to():
    page = render_load(make_load(failed=500), PlainCharts())
    said = text_of(page)
    assert "&lt;b&gt;" in page
    assert "status 503" in said
    assert "ms from when it was due" in said
    assert "Latency of what was due" in said
    assert "test, 2 cores" in said
    assert "Not to be trusted" not in said


def test_load_in_doubt_says_so_first():
    said = text_of(render_load(make_load(late_ms=4.0), PlainCharts()))
    assert "Not to be trusted: the generator fell behind" in said


def test_load_without_an_answer_has_a_page():
    recorder = Recorder(Conditions("a", make_pattern("steady", 1, 1), MACHINE, True, 8, 30.0, 0.0))
    assert "no request was due" in text_of(render_load(recorder.finish(), PlainCharts()))


def test_page_of_a_search_shows_every_rate():
    said = text_of(render_capacity(make_capacity(100.0), PlainCharts()))
    assert "Shown to hold p95 &lt;= 20 ms and failures &lt;= 0.01 at 100 requests/s" in said
    assert [said.count(f" {sign} ") for sign in ("✓ pass", "✕ fail", "‖ hold")] == [2, 1, 1]
    nothing = text_of(render_capacity(make_capacity(0.0), PlainCharts()))
    assert "At 200 it fails" in nothing


def test_page_of_a_recommendation_lists_settings_the_cheapest_first():
    trials = [price_trial(Setting(threads=threads), capacity, rate=100, spare=0.2, price=0.1, together=2.0)
              for threads, capacity in ((2, 500.0), (1, 400.0), (4, 0.0))]  # fmt: skip
    said = text_of(
        render_advice(
            advise("delay@2", OBJECTIVE, trials, rate=100, spare=0.2, price=0.1, machine=MACHINE), PlainCharts()
        )
    )
    assert said.index("1 process, 1 thread each") < said.index("1 process, 2 threads each")
    assert "none is enough" in said


@pytest.mark.parametrize("found", [make_load(), make_capacity(100.0)])
def test_page_stands_alone(found, tmp_path):
    page = write_load_page(found, tmp_path / "page.html").read_text()
    assert page.count("<svg") >= 3
    assert "http-equiv" in page
    assert not re.findall(r'(?:src|href)="(?!#)', page)
