"""A service's life made by hand, and a reader of what is shown of it."""

import re
from html.parser import HTMLParser

import pytest

from shipway.adapters.altair.chart import AltairCharts
from shipway.app.live.data import (
    Audit,
    Comparison,
    Difference,
    DriftedColumn,
    DriftSummary,
    Policy,
    Score,
    SkewedColumn,
    Week,
)
from shipway.app.report.gate import GateData, Measured, RuleData
from shipway.app.report.live import (
    LiveData,
    ReleaseData,
    RetrainData,
    ServerData,
    SpanData,
    StepData,
    TimelineData,
)
from shipway.kit.duration import DAY

HOSTILE = "</p></td><script>alert(1)</script><img src=x onerror='go()'>\"&amp;"


class Shown(HTMLParser):
    """Reads a piece of a page: every element is closed in order, and what it says can be asked."""

    def __init__(self, markup):
        super().__init__()
        self.text, self.tags, self.attributes = markup.text, [], []
        self._open, self._words, self.tables = [], [], []
        self.feed(markup.text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "br"):
            self._open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("th", "td"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if "title" not in self._open:
            self._words.append(data)
        if "td" in self._open or "th" in self._open:
            self.tables[-1][-1][-1] += data

    @property
    def said(self):
        return re.sub(r"\s+", " ", " ".join(self._words))

    def rows(self, *head):
        """Return the rows of the one table whose head begins like this."""
        (found,) = [table for table in self.tables if tuple(table[0][: len(head)]) == head]
        return found[1:]


def make_rule(outcome="pass"):
    return RuleData(
        text="feature_lag(over='30m') <= 0.05",
        outcome=outcome,
        reason="older in 485 of 500 requests",
        unit="share",
        measured=Measured(0.97, 0.96, 0.98),
        op="<=",
        bound=0.05,
    )


def make_gate(place, outcome):
    return GateData(
        name="walk", subject=f"release:desk/{place}", outcome=outcome, by="gate", rules=(make_rule(outcome),)
    )


RELEASES = (
    ReleaseData(
        id="desk/1",
        candidate=2,
        stable=1,
        online=None,
        started="2024-02-01",
        ended="2024-02-05",
        outcome="promoted",
        reason="all 5 rules pass",
        steps=(
            StepData(
                name="shadow",
                since="2024-02-01",
                until="2024-02-03",
                lasted="2d",
                outcome="pass",
                held=1,
                gates=(make_gate("1@0", "pass"),),
            ),
            StepData(name="10 %", since="2024-02-03", until="2024-02-05", lasted="2d", outcome="pass"),
            StepData(name="100 %", since="2024-02-05", until="2024-02-05", lasted="0s"),
        ),
    ),
    ReleaseData(
        id="desk/2",
        candidate=3,
        stable=2,
        online="abc~6h",
        started="2024-02-05",
        ended="2024-02-06",
        outcome="rolled back",
        reason="feature_lag <= 0.05: older in 485 of 500 requests",
        steps=(
            StepData(
                name="shadow",
                since="2024-02-05",
                until="2024-02-06",
                lasted="1d",
                outcome="fail",
                gates=(make_gate("2@0", "fail"),),
            ),
            StepData(name="10 %"),
            StepData(name="100 %"),
        ),
    ),
)
TIMELINE = TimelineData(
    start=0,
    end=60 * DAY,
    months=((0, "2024-02"), (29 * DAY, "2024-03")),
    spans=(
        SpanData(
            lane="in service",
            name="version 1",
            said="answers from now on",
            since=0,
            until=4 * DAY,
            began="2024-02-01",
            ended="2024-02-05",
            mark="main",
        ),
        SpanData(
            lane="in service",
            name="version 2",
            said="answers from now on",
            since=4 * DAY,
            until=60 * DAY,
            began="2024-02-05",
            ended="",
            mark="main",
        ),
        SpanData(
            lane="releases",
            name="version 2",
            said="release desk/1, promoted",
            since=0,
            until=4 * DAY,
            began="2024-02-01",
            ended="2024-02-05",
            mark="pass",
        ),
        SpanData(
            lane="retrains",
            name="retrain of version 4",
            said="asked for by gate calibration",
            since=40 * DAY,
            until=40 * DAY,
            began="2024-03-12",
            ended="",
            mark="plain",
        ),
        SpanData(
            lane="incidents",
            name="calibration: calibration_gap.over('28d') <= 0.01",
            said="2 verdicts failed, it lasts",
            since=55 * DAY,
            until=60 * DAY,
            began="2024-03-27",
            ended="",
            mark="fail",
        ),
    ),
    asked={"calibration": 8, "skew": 8},
)


def policy(name, loss, share, *, auc=0.75, changes=(), difference=None):
    found = None if difference is None else Difference(value=difference[0], low=difference[1], high=difference[2])
    return Policy(name=name, changes=changes, score=Score(loss=loss, auc=auc), share=share, difference=found)


COMPARISON = Comparison(
    rows=1_000,
    days=60,
    never=policy("never", 0.4535, 0.0, difference=(-0.0109, -0.0178, -0.004)),
    first=policy("first release", 0.4432, 0.73, changes=(4,), difference=(-0.0006, -0.0024, 0.0012)),
    triggered=policy("triggered", 0.4426, 0.775, changes=(4, 44)),
    monthly=policy("monthly", 0.4394, 1.0, changes=(4, 29), difference=(0.0032, 0.0005, 0.0064)),
    gain=Difference(value=0.0141, low=0.0069, high=0.0212),
    left=0.16,
)
AUDIT = Audit(
    online="abc",
    versions=(1, 2),
    release=None,
    requests=1_000,
    compared=997,
    differing=0,
    unlogged=2,
    unmatched=1,
    features=12,
    columns=(),
)
SHADOW = Audit(
    online="abc~6h",
    versions=(3,),
    release="desk/2",
    requests=100,
    compared=100,
    differing=90,
    unlogged=0,
    unmatched=0,
    features=12,
    columns=(
        SkewedColumn(column="org_n_1h", rows=90, row="7/8", online=12.5, offline=11.0),
        SkewedColumn(column="org_mean_1h", rows=3, row="7/9", online=0.1, offline=0.1 + 2**-55),
        SkewedColumn(column="org_last", rows=1, row="7/9", online=None, offline="late"),
    ),
)


def drifted(place, stability):
    distance = None if place == 1 else 0.5
    return DriftedColumn(
        column=f"f{place}", stability=stability, chance=0.001, distance=distance, missing=0.1, missing_reference=0.0
    )


def make_live():
    """Return a service's life: two releases, a retrain, an incident, five weeks."""
    weeks = tuple(
        Week(
            start=f"2024-0{2 + place // 4}-0{place + 1}",
            answered=300,
            versions={1: 100, 2: 200} if place == 0 else {2: 300},
            n=250 if place < 4 else 0,
            mean=0.25 if place < 4 else None,
            mean_p=0.26 if place < 4 else None,
            scores={}
            if place == 4
            else {
                "never": Score(loss=0.50 + place / 100, auc=0.70),
                "first release": Score(loss=0.48 + place / 100, auc=0.72),
                "triggered": Score(loss=0.47 + place / 100, auc=0.73),
                "monthly": Score(loss=0.46 + place / 100, auc=0.74),
            },
        )
        for place in range(5)
    )
    return LiveData(
        service="desk",
        period=("2024-02-01", "2024-03-31"),
        known="2024-04-02",
        opened=1,
        stable=2,
        answered=1_500,
        failed=3,
        labelled=1_000,
        releases=RELEASES,
        timeline=TIMELINE,
        retrains=(
            RetrainData(
                asked="2024-03-12",
                reason="gate calibration: too much",
                number=4,
                released=None,
                came="version 4 failed its gates: auc >= 0.9",
            ),
        ),
        weeks=weeks,
        comparison=COMPARISON,
        served_audit=(AUDIT,),
        shadow_audit=(SHADOW,),
        drift=DriftSummary(
            version=2,
            since=0,
            until=28 * DAY,
            rows=500,
            rows_reference=9_000,
            columns=tuple(drifted(place, 3.0 / (place + 1)) for place in range(14)),
        ),
        drift_window=("2024-03-03", "2024-03-31"),
        server=ServerData(
            requests=1_500,
            refused=3,
            measured=1_500,
            per_second=1518.3,
            p50_ms=0.54,
            p99_ms=1.93,
            p999_ms=7.2,
            max_ms=41.0,
            seconds=141.2,
            serving_s=112.4,
            deciding_s=25.1,
            restarts={"server": 1, "controller": 0},
            peak_mb={"driver": 612.0, "server": 388.0},
            together_mb=1480.0,
            since="",
        ),
    )


@pytest.fixture
def live():
    """Return a service's life."""
    return make_live()


@pytest.fixture(scope="session")
def read():
    """Return what reads a piece of a page."""
    return Shown


@pytest.fixture(scope="session")
def charts():
    """Return what draws charts."""
    return AltairCharts()


@pytest.fixture
def hostile():
    """Return words that would break out of a page that does not escape them."""
    return HOSTILE
