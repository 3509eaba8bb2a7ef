"""What gates say of some data, made by hand."""

import pytest

from shipway.app.report.check.data import CheckData, JudgedData, PointData, ResultData, TableData
from shipway.app.report.gate import GateData, Measured, RuleData
from shipway.app.report.override import OverrideData

WORDS = {
    "fail": ("Rows contradict what is taken for granted.", "Look at the rows."),
    "hold": ("There was nothing to measure.", "Run again."),
    "pass": ("", ""),
}


def make_points(*values, outcome="pass"):
    return tuple(
        PointData(
            at=f"2024-01-{at:02}" if at < len(values) else "now",
            subject=f"data:{at:012x}",
            measured=Measured(value, value, value),
            outcome=outcome if at == len(values) else "pass",
        )
        for at, value in enumerate(values, start=1)
    )


def make_result(
    outcome="fail", *, table="orders", text="holds(orders.price > 0)", value=0.25, bound=0.0, earlier=(), examples=None
):
    values = () if value is None else (*earlier, value)
    failed = outcome == "fail"
    examples = (("17", None, "-1"), ("18", "  a b", "-2.5")) if examples is None and failed else examples or ()
    return ResultData(
        gate="data",
        table=table,
        rule=RuleData(
            text=text,
            outcome=outcome,
            reason="2 of 8 rows break it (25 %)",
            unit="share",
            measured=None if value is None else Measured(value, value, value),
            op="<=",
            bound=bound,
        ),
        against=2 if failed else 0,
        rows=8,
        meaning=WORDS[outcome][0],
        remedy=WORDS[outcome][1],
        columns=("order_id", "customer", "price") if examples else (),
        examples=examples,
        history=make_points(*values, outcome=outcome),
    )


def make_judged(*results, **fields):
    given = {
        "subject": "data:3f2a90c1b7de",
        "commit": "c" * 64,
        "branch": "ingest",
        "at": "2024-02-01 10:30",
        "message": "ingest",
        "before": "main",
        "outcomes": (("data", "fail"),),
        "tables": (
            TableData(name="orders", rows=24_000, change="8 added, 1 changed"),
            TableData(name="shops", rows=12, change="the same"),
        ),
        "results": results
        or (
            make_result("pass", text="unique(shops.id)", table="shops", value=0.0),
            make_result("pass", text="present(orders.customer) <= 0.5", value=0.45, bound=0.5, earlier=(0.1, 0.2, 0.1)),
            make_result("fail", earlier=(0.0, 0.0)),
            make_result("hold", text="fresh(orders.placed, within='2d')", value=None),
            make_result("fail", text="unique(shops.name)", table="shops", value=0.5, examples=()),
        ),
    }
    return JudgedData(**(given | fields))


OVERRIDE = OverrideData(
    id="0a1b2c",
    said="gate data on data:3f2a90c1b7de overridden by ana: known",
    against=("holds(orders.price > 0)",),
    versions=("returned@1",),
)
VERDICT = GateData(
    name="quality",
    subject="model:returned@1",
    outcome="pass",
    by="gate",
    rules=(RuleData(text="auc >= 0.6", outcome="pass", reason="0.7", unit="auc", measured=Measured(0.7, 0.65, 0.75)),),
)


@pytest.fixture
def judged():
    """Return what makes a version of the data as it was judged, from results and fields."""
    return make_judged


@pytest.fixture
def result():
    """Return what makes the result of a rule."""
    return make_result


@pytest.fixture
def points():
    """Return what makes a history from values, the last of them now."""
    return make_points


@pytest.fixture
def override():
    """Return an override that stands."""
    return OVERRIDE


@pytest.fixture(scope="session")
def check():
    """Return all a page shows: data that waits and fails, and what is on main."""
    main = make_judged(
        make_result("pass", value=0.0),
        branch="main",
        before="commit 111111111111",
        outcomes=(("data", "pass"),),
        subject="data:7668b810a09e",
    )
    return CheckData(
        project="shop",
        owner="sales",
        outcome="fail",
        now="2024-02-01 12:00",
        judged=(make_judged(), main),
        gates=(VERDICT,),
    )
