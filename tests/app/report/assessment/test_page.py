"""The page of an assessment says what was measured, draws it, and needs nothing else."""

import msgspec
import pytest

from shipway.app.assessment.data import (
    Assessment,
    Beside,
    BinLine,
    Costs,
    CurvePoint,
    Cut,
    PartLine,
    ScoreLine,
    Side,
)
from shipway.app.confusion import ClassLine, Confusion
from shipway.app.depth import BehaviourData, SliceData, SlicesData, TrialData
from shipway.app.detail import (
    AgreementData,
    AttributionData,
    Details,
    FairnessData,
    FeatureSize,
    FoundData,
    FoundSlice,
    GroupRate,
    ReasonPair,
    TrendData,
    TrendWindow,
)
from shipway.app.report.assessment.page import SECTIONS, render_assessment
from shipway.core.gate import Finding, Verdict
from shipway.kit.duration import DAY
from shipway.testing.fake.chart import PlainCharts
from shipway.validation.counterexample import Counterexample, Said

START = 18_262 * DAY


def _part(label: str, value: float | None) -> PartLine:
    return PartLine(label=label, n=100, mean=0.2, mean_p=0.21, skill=0.7, loss=0.4, value=value)


def _side(name: str, value: float | None) -> Side:
    curve = (
        [] if value is None else [CurvePoint(threshold=at / 10, saved=1 - at / 10, share_acted=0.5) for at in range(9)]
    )
    return Side(
        name=name,
        cuts=(Cut(by="month", parts=(_part("2020-01", value), _part("2020-02", value))),),
        calibration=(BinLine(mean_p=0.1, mean=0.12, n=50), BinLine(mean_p=0.4, mean=0.3, n=50)),
        curve=tuple(curve),
    )


def _line(check: str, unit: str, figure, better) -> ScoreLine:
    beside = Beside(baseline="version 1", figure=figure, better=better)
    return ScoreLine(
        check=check, name=check, unit=unit, figure=figure, n=100, clusters=30, said="said", beside=(beside,)
    )


def _details() -> Details:
    """Return one of each detail."""
    worse = FoundSlice(
        line=1, slice="channel=<app>", n=50, clusters=20, candidate_loss=0.5, baseline_loss=0.4, difference=0.1,
        low=0.05, high=0.15, p=0.001, effect=0.1, regressed=True,
    )  # fmt: skip
    found = FoundData(check="found", baseline="version 1", said="said", tested=9, under_support=1, slices=(worse,))
    group = GroupRate(group="sex=f", rate="acts", n=50, value=0.4, low=0.3, high=0.5, decides=True)
    window = TrendWindow(window="2020-01-01 to 2020-01-28", n=50, advantage=0.1, low=0.0, high=0.2)
    size = FeatureSize(feature="customer_orders_7d", size=0.3, low=0.2, high=0.4, asked=True)
    heard = AttributionData(
        check="attribution", said="30 %", method="tree", unit="log-odds", baseline=-1.5, sizes=(size,)
    )
    pair = ReasonPair(feature="customer_orders_7d", candidate_size=0.3, baseline_size=0.25)
    alike = AgreementData(check="agreement", said="80 %", baseline="version 1", unit="log-odds", pairs=(pair,))
    declared = SliceData(
        name="channel=<web>", n=50, clusters=20, candidate=0.5, baseline=0.4, difference=0.1, interval=(0.05, 0.15),
        p=0.001, regressed=True,
    )  # fmt: skip
    example = Counterexample(
        test="more_helps: x +1", case="row 3", before=Said(value=0.5), after=Said(value=0.25),
        changed={"x": (1.0, 2.0)},
    )  # fmt: skip
    trial = TrialData(change="x +1", n=50, mean_change=-0.1, share_violating=0.2, counterexample=example)
    return Details(
        slices=(
            SlicesData(
                check="slice_regression",
                baseline="version 1",
                loss="log loss",
                said="said",
                tested=(declared,),
                under_support=(),
            ),
        ),
        behaviours=(BehaviourData(name="more_helps", expects="no prediction falls", trials=(trial,)),),
        searches=(found,),
        fairness=(FairnessData(check="parity", said="said", groups=(group,)),),
        trends=(TrendData(check="trend", said="said", windows=(window,)),),
        attributions=(heard,),
        agreements=(alike,),
    )


def _confusion() -> Confusion:
    """Return two classes of which one is taken for the other."""
    none = dict.fromkeys(("precision", "recall", "f1", "auc", "gap"))
    lines = tuple(ClassLine(label=name, n=50, chosen=50, mean_p=0.5, **none) for name in ("late", "on <time>"))
    return Confusion(classes=lines, confusion=((40, 10), (10, 40)))


def make(*, saved=(0.5, 0.3, 0.7), **changed) -> Assessment:
    """Return an assessment of a version that saves something."""
    finding = Finding(rule="auc >= 0.6", outcome="pass", reason="0.7 over <100> rows", evidence=None)
    whole = Assessment(
        project="shop <b>",
        owner="crm",
        timezone="UTC",
        version="late@2",
        label="orders.closed.bad",
        cut=START,
        period=(START, START + 60 * DAY),
        cluster="day",
        scored=120,
        rows=100,
        kind="condition",
        mean=0.2,
        against=("version 1",),
        scores=(
            _line("auc", "score", (0.7, 0.6, 0.8), (0.1, 0.05, 0.15)),
            _line("brier", "score", (0.2, 0.1, 0.3), (-0.1, -0.15, -0.05)),
            _line("expected_calibration_error", "score", (0.02, 0.0, 0.05), None),
            _line("calibration_slope", "score", (0.7, 0.6, 0.8), None),
            _line("worth", "cost", saved, (0.1, -0.1, 0.3)),
        ),
        costs=Costs(check="worth", threshold=0.4, model=9.5, nothing=10, always=20, oracle=6, share_acted=0.3),
        sides=(_side("version 2", 0.5), _side("version 1", 0.4)),
        details=_details(),
        verdicts=(Verdict(gate="quality", subject="model:late@2", outcome="pass", findings=(finding,)),),
        notes=(),
        checks={},
    )
    return msgspec.structs.replace(whole, **changed)


def test_every_section_has_its_place_and_text_is_escaped():
    known = make()
    classes = msgspec.structs.replace(known.sides[0], confusion=_confusion())
    page = render_assessment(make(sides=(classes, *known.sides[1:])), PlainCharts())
    places = [page.index(f'<section id="{anchor}"') for anchor, _, _ in SECTIONS]
    assert places == sorted(places)
    assert "shop &lt;b&gt;" in page
    assert "&lt;100&gt; rows" in page
    assert "<script" not in page
    assert page.count("<svg") >= 3
    assert "Told, not remembered" in page
    assert "too sure of itself" in page
    assert "channel=&lt;app&gt;" in page
    assert "taken for 'on &lt;time&gt;'" in page
    assert "channel=&lt;web&gt;" in page
    assert "The simplest case that fails" in page
    assert "1 → 2" in page
    assert "start from −1.5000: the mean over the rows of training" in page


def test_a_model_of_classes_is_told_in_its_own_words():
    known = make()
    classes = msgspec.structs.replace(known.sides[0], confusion=_confusion())
    scores = (_line("macro_auc", "score", (0.7, 0.6, 0.8), (0.1, 0.05, 0.15)),)
    found = make(kind="class", sides=(classes, *known.sides[1:]), costs=None, scores=scores)
    assert found.labelled == "100 of 120 rows have a label, 50.0% of them 'late', the most frequent of 2 classes"
    page = render_assessment(found, PlainCharts())
    assert "Mean confidence" in page
    assert "How often it was right" in page
    assert "Macro AUC (higher is better)" in page
    assert "50.0% of them &#x27;late&#x27;" in page or "50.0% of them 'late'" in page


@pytest.mark.parametrize(
    ("saved", "said"),
    [
        ((0.5, 0.3, 0.7), "Acting on it saves 0.50 a row against doing nothing (0.30 to 0.70)."),
        ((-0.5, -0.7, -0.3), "Acting on it costs 0.50 a row more than doing nothing (−0.70 to −0.30)."),
        ((0.1, -0.1, 0.3), "Acting on it is not shown to be worth more than doing nothing: −0.10 to 0.30 a row."),
    ],
)
def test_the_first_sentence_is_what_it_is_worth(saved, said):
    assert said in render_assessment(make(saved=saved), PlainCharts())


def test_without_costs_the_first_sentence_compares():
    found = make()
    bare = make(
        costs=None,
        scores=found.scores[:1],
        verdicts=(),
        details=Details(),
        sides=(_side("version 2", None), _side("version 1", None)),
        notes=("rows before <then> were learned from",),
    )
    page = render_assessment(bare, PlainCharts())
    assert "By auc it is better than version 1." in page
    assert "Beware" in page
    assert "&lt;then&gt;" in page
    assert 'id="value"' not in page
    assert 'id="gates"' not in page
    assert all(
        f'id="{anchor}"' not in page for anchor in ("slices", "behaviour", "found", "fairness", "reasons", "trend")
    )


def test_nothing_measured_is_a_page_too():
    nothing = Side(name="version 2", cuts=(Cut(by="month", parts=()),), calibration=(), curve=())
    line = ScoreLine(
        check="auc", name="auc", unit="score", figure=None, n=0, clusters=0, said="no row has a label yet", beside=()
    )
    empty = make(rows=0, costs=None, scores=(line,), sides=(nothing,), against=(), verdicts=())
    page = render_assessment(empty, PlainCharts())
    assert "Nothing could be measured yet." in page
    assert "no row has a label yet" in page
