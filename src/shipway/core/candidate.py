"""The words for checks on a candidate: how good a version is before anything is sent to it."""

from typing import Final

from shipway.core.argument import take_each, take_mapping, take_name
from shipway.core.check import Check, finite, write_number
from shipway.core.error import ShipwayError
from shipway.core.feature import flatten
from shipway.core.measure import DecisionValue, LabelMaturity, Score, SliceRegression
from shipway.core.probe import MOST_CASES, Add, Behaviour, Moves, Probe
from shipway.maths.expression import Feature, quote

_FALL: Final = 0.005
"""How far a prediction may fall before that counts."""

auc = Check("auc", Score("auc"), "candidate", "auc")
log_loss = Check("log_loss", Score("log_loss"), "candidate", "log_loss")
brier = Check("brier", Score("brier"), "candidate", "brier")
calibration_gap = Check("calibration_gap", Score("calibration_gap"), "candidate", "calibration_gap")
label_maturity = Check("label_maturity", LabelMaturity(), "candidate", "label_maturity")


def decision_value(
    *, act_if_true: float, act_if_false: float, skip_if_true: float, skip_if_false: float = 0.0
) -> Check:
    """Measure what acting on the predictions saves a row against never acting, given what each outcome costs.

    Raises:
        ShipwayError: SW-106 if acting is never or always the cheaper choice, so that there is nothing to decide.
    """
    where = "the costs of decision_value"
    true, false = finite(where, act_if_true), finite(where, act_if_false)
    skip_true, skip_false = finite(where, skip_if_true), finite(where, skip_if_false)
    if not (true < skip_true and skip_false < false):
        raise ShipwayError(
            "SW-106",
            "with these costs one action is always the cheaper one",
            "acting should cost less than skipping where the label is true, and more where it is false",
        )
    words = [
        f"act_if_true={write_number(true)}",
        f"act_if_false={write_number(false)}",
        f"skip_if_true={write_number(skip_true)}",
    ]
    if skip_false:
        words.append(f"skip_if_false={write_number(skip_false)}")
    measure = DecisionValue(true, false, skip_true, skip_false)
    return Check("decision_value", measure, "candidate", f"decision_value({', '.join(words)})")


def slice_regression(*by: str, baseline: str = "current", support_rows: int = 500, rate: float = 0.05) -> Check:
    """Count the slices in which a candidate is worse than a version of the model, false discoveries controlled.

    Args:
        by: source columns, or the calendar parts `hour_band` and `month` of the prediction time.
        baseline: the version compared with.
        support_rows: fewest rows a slice needs to be tested; smaller ones are listed and never decide.
        rate: the false discovery rate that is held.

    Raises:
        ShipwayError: SW-106 if nothing cuts the rows into slices, or the rate is none.
    """
    if not by:
        raise ShipwayError(
            "SW-106", "slice_regression() names no slices", 'say what cuts them, such as slice_regression("carrier")'
        )
    by = tuple(take_name(column, "what cuts the slices") for column in by)
    if not 0 < rate < 1:
        raise ShipwayError("SW-106", f"slice_regression has a rate of {rate!r}", "a rate lies between 0 and 1")
    measure, usual = SliceRegression(by, baseline, rate=rate, support_rows=support_rows), SliceRegression(by)
    name = f"slice_regression by {', '.join(by)}"
    words = [quote(column) for column in by]
    if baseline != usual.baseline:
        name = f"{name} against {baseline}"
        words.append(f"baseline={quote(baseline)}")
    if support_rows != usual.support_rows:
        words.append(f"support_rows={support_rows}")
    if rate != usual.rate:
        words.append(f"rate={write_number(rate)}")
    return Check(name, measure, "candidate", f"slice_regression({', '.join(words)})")


def never_lowers(name: str, changes: dict[Feature, float], *, together: bool = False, of: str = "") -> Check:
    """Test that raising features as stated never lowers a prediction (a directional expectation).

    Args:
        name: what the test is called.
        changes: feature to what is added to it; each is a test of its own.
        together: make all changes at once, as one test.
        of: of a label of classes, the one whose probability is meant.
    """
    return _make_behaviour(name, changes, Moves(least=-_FALL), together=together, of=of)


def never_matters(name: str, changes: dict[Feature, float], *, tolerance: float = 0.02, of: str = "") -> Check:
    """Test that small changes to features which should not matter leave the predictions where they are (invariance).

    Of a label of classes the probabilities of all of them are compared, by their total variation: half the sum of the
    absolute differences, which is the most by which that of any set of classes moves.

    Args:
        name: what the test is called.
        changes: feature to what is added to it; each is a test of its own.
        tolerance: how far a prediction may move.
        of: of a label of classes, the one whose probability alone is meant.
    """
    return _make_behaviour(name, changes, Moves(-tolerance, tolerance), together=False, of=of)


def _make_behaviour(name: str, changes: dict[Feature, float], expect: Moves, *, together: bool, of: str) -> Check:
    shifts = tuple(Add(column, by) for column, by in _shifts(name, changes).items())
    tests = [shifts] if together else [(shift,) for shift in shifts]
    one = take_name(of, f"the class of test {name!r}")
    probes = tuple(Probe(expect=expect, change=test, cases=MOST_CASES, of=one) for test in tests)
    return Check(name, Behaviour(probes), "candidate", name)


def _shifts(name: str, changes: dict[Feature, float]) -> dict[str, float]:
    given = take_mapping(changes, f"the changes of test {name!r}", "write {customer.orders_90d: 1}")
    if not given:
        raise ShipwayError("SW-106", f"test {name!r} changes nothing", "name a feature and what is added to it")
    where = f"the features of test {name!r}"
    columns = take_each(list(given), Feature, where, "name a feature of a view, such as customer.orders_90d")
    shifts = {flatten(c.view, c.name): finite(f"test {name!r}", given[c]) for c in columns}
    for column, by in shifts.items():
        if by == 0:
            raise ShipwayError("SW-106", f"test {name!r} adds nothing to {column}", "say how much is added to it")
    return shifts
