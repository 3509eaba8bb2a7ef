import numpy as np
import pytest

from shipway import behaviours as b
from shipway.core.bundle import InputColumn
from shipway.core.check import Rule, natural_rule
from shipway.core.error import ShipwayError
from shipway.core.gate import judge
from shipway.core.probe import Reader
from shipway.maths.interval import wilson
from shipway.validation.answer import read_answers
from shipway.validation.counterexample import Said
from shipway.validation.evaluation import measure_candidate
from shipway.validation.probe import add_failure, measure_rows, measure_texts
from shipway.validation.reading import make_evidence
from shipway.validation.row import Rows

COLUMNS = (InputColumn(name="x", kind="number", low=0.0, high=99.0), InputColumn(name="y", kind="number", low=0.0))
X = np.column_stack([np.arange(100.0), np.zeros(100)])


def ask(cases):
    """Answer with x in per cent, and with the length of a text."""
    values = np.array([len(t) / 10 for t in cases]) if isinstance(cases, list) else cases[:, 0] / 100
    return read_answers(values, Reader(classes=("no", "yes")), len(cases))


def evidence(check, **given):
    probed = measure_rows(check.name, check.measure, Rows(X, COLUMNS, **given), ask)
    return make_evidence(check, probed.reading, subject="model:m@1", log_digest="d"), probed


def test_rows_that_leave_the_support_are_counted_left_out_and_said():
    found, _ = evidence(b.probe("t", change=b.add("x", 30), expect=b.never_falls()))
    assert (found.n, found.facts["left_out"], found.facts["left_out_by"]) == (70, 30, {"x": 30})
    assert "30 left out that would leave what training saw" in found.facts["said"]
    assert found.facts["mean_change"] == pytest.approx(0.3)


def test_cases_are_counted_unless_they_are_a_sample():
    counted, _ = evidence(b.probe("t", expect=b.at_least(0.1)))
    sampled, _ = evidence(b.probe("t", expect=b.at_least(0.1), sample=True))
    assert (counted.value, counted.low, counted.high) == (0.1, 0.1, 0.1)
    assert (sampled.low, sampled.high) == pytest.approx(wilson(10, 100))
    assert (counted.facts["rate_low"], counted.facts["rate_high"]) == pytest.approx(wilson(10, 100))


def outcome(check, bound=None, **given):
    rule = natural_rule(check) if bound is None else Rule(check=check, op="<=", bound=bound, text="t")
    return judge(rule, evidence(check, **given)[0]).outcome


def test_a_gate_passes_fails_and_holds_on_it():
    fails = b.probe("t", expect=b.at_least(0.1))
    assert outcome(fails) == "fail"
    assert outcome(fails, 0.1) == "pass"
    assert outcome(b.probe("t", expect=b.at_least(0.1), sample=True), 0.1) == "hold"
    assert outcome(b.probe("t", expect=b.at_least(0.0), needs=200)) == "hold"
    assert outcome(b.probe("t", expect=b.at_least(0.5), needs=200)) == "fail"
    assert outcome(b.probe("t", change=b.add("x", 100), expect=b.never_falls())) == "hold"
    assert outcome(b.probe("t", expect=b.at_least(0.0), where={"x": (200, 300)})) == "hold"


def test_days_widen_the_interval_of_a_sample():
    days = np.arange(100) // 10
    check = b.probe("t", expect=b.at_least(0.2), sample=True)
    plain, _ = evidence(check)
    clustered, _ = evidence(check, clusters=days)
    assert clustered.clusters == 10
    assert clustered.high - clustered.low > plain.high - plain.low


def test_as_many_cases_as_asked_are_spread_over_the_rows():
    found, _ = evidence(b.probe("t", expect=b.at_least(0.5), cases=10))
    assert (found.n, found.facts["failed"]) == (10, 5)


def test_a_case_that_the_change_leaves_alone_is_none():
    found, _ = evidence(b.probe("t", change=b.scale("x", 0.5), expect=b.never_rises()))
    assert (found.n, found.facts["unchanged"]) == (99, 1)


def test_texts_are_measured_alike():
    words = {"w": ("a", "bb", "ccc")}
    probe = b.probe("t", "{w}", expect=b.at_least(0.2)).measure
    found = measure_texts("t", probe, words, ask)
    assert (found.reading.n, found.reading.facts["failed"], found.counterexample.text_after) == (3, 1, "a")
    moved = b.probe("t", "{w}", change=b.exchange("w"), expect=b.keeps_class()).measure
    assert measure_texts("t", moved, words, ask).reading.n == 3


def test_a_test_is_asked_of_what_it_is_for():
    row, text = b.probe("t", expect=b.at_least(0)).measure, b.probe("t", "a", expect=b.at_least(0)).measure
    for call in (lambda: measure_rows("t", text, Rows(X, COLUMNS), ask), lambda: measure_texts("t", row, {}, ask)):
        with pytest.raises(ShipwayError) as refused:
            call()
        assert refused.value.code == "SW-431"


def test_a_failure_that_was_searched_for_counts_as_a_case():
    check = b.probe("t", expect=b.at_least(0.0))
    _, probed = evidence(check)
    failing = measure_rows("t", b.probe("t", expect=b.at_least(1)).measure, Rows(X, COLUMNS), ask).counterexample
    more = add_failure(check.measure, probed, failing)
    assert (more.reading.n, more.reading.facts["failed"], more.reading.value) == (101, 1, 1 / 101)
    assert judge(natural_rule(check), make_evidence(check, more.reading, subject="m", log_digest="")).outcome == "fail"


def test_a_candidate_is_measured_on_its_sample(build):
    x = np.random.default_rng(2).normal(size=(200, 2))
    sample = build(x[:, 0] > 0, np.full(200, 0.5), x=x, predict=lambda rows: 1 / (1 + np.exp(rows[:, 0])))
    check = b.probe("t", change=b.add("a", 1), expect=b.never_falls())
    measured = measure_candidate(check, sample, subject="model:m@1", log_digest="")
    assert measured.evidence.value == 1.0
    assert measured.detail[0]["changed"].keys() == {"a"}
    assert judge(natural_rule(check), measured.evidence).outcome == "fail"


def test_a_number_that_is_none_is_a_failing_case_and_not_the_end_of_the_suite():
    given_ = Rows(np.arange(20.0)[:, None], (InputColumn(name="x", kind="number", low=0.0, high=20.0),))
    breaks = lambda x: read_answers(np.where(x[:, 0] > 17, np.nan, 0.5), Reader(classes=("no", "yes")), len(x))
    made = measure_rows("t", b.probe("t", expect=b.between(0, 1)).measure, given_, breaks)
    assert (made.reading.facts["failed"], made.reading.n) == (2, 20)
    assert made.counterexample.after == Said()
