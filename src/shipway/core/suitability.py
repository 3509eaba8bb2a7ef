"""Which checks measure predictions of which kind of label: an unfit one is refused before anything is trained."""

from collections.abc import Iterable, Sequence
from typing import Final

from shipway.core.check import Check
from shipway.core.error import ShipwayError
from shipway.core.label import SCALAR, LabelKind
from shipway.core.measure import (
    ActionValue,
    Attribution,
    ClassValue,
    DecisionValue,
    Improvement,
    PairedLoss,
    ReasonAgreement,
    Score,
    ValueImprovement,
    Windowed,
    class_of,
)
from shipway.core.metric import ACTING, LEADING, METRICS
from shipway.core.probe import Behaviour, Keeps, Moves, Probe, Says
from shipway.core.slice_measure import Fairness, FoundRegression
from shipway.kit.suggestion import did_you_mean
from shipway.maths.expression import quote

_ALL: Final[frozenset[LabelKind]] = frozenset({"condition", "number", "class"})
_SAID: Final[frozenset[LabelKind]] = frozenset({"condition", "class"})
_CONDITION: Final[frozenset[LabelKind]] = frozenset({"condition"})
_CLASS: Final[frozenset[LabelKind]] = frozenset({"class"})
_WHAT: Final[dict[LabelKind, str]] = {"condition": "a condition", "number": "a number", "class": "a class"}


def list_kinds(check: Check) -> frozenset[LabelKind]:
    """Return the kinds of labels whose predictions a check can measure; all of them for one that reads no label."""
    measure = check.measure
    if class_of(measure):
        return _CLASS
    if isinstance(measure, Windowed):
        measure = measure.score
    if isinstance(measure, ValueImprovement):
        measure = measure.value
    match measure:
        case Score() | Improvement() | PairedLoss():
            return METRICS[measure.metric].of
        case ClassValue():
            return _CLASS
        case DecisionValue() | ActionValue():
            return _CONDITION
        case Fairness():
            return _ALL if measure.metric == "group_calibration" else _acts_or_chooses(measure)
        case FoundRegression():
            return _ALL if measure.threshold is None else _CONDITION
        case Attribution() | ReasonAgreement():
            return SCALAR
        case Behaviour(probes=probes):
            return _ALL if all(_expects(each) == _ALL for each in probes) else SCALAR
        case Probe():
            return _expects(measure)
        case _:
            return _ALL


def _acts_or_chooses(measure: Fairness) -> frozenset[LabelKind]:
    return _SAID if measure.metric == "equal_accuracy" else _CONDITION


def _expects(probe: Probe) -> frozenset[LabelKind]:
    """Return of which labels an expectation can be: several probabilities do not rise or fall together."""
    expect = probe.expect
    both = isinstance(expect, Moves) and expect.least is not None and expect.most is not None
    return _ALL if both or isinstance(expect, Keeps | Says) else SCALAR


def refuse_unfit(checks: Iterable[Check], label: str, kind: LabelKind) -> None:
    """Refuse checks that cannot measure predictions of a label.

    Args:
        checks: what is to be measured.
        label: the label's name.
        kind: its kind.

    Raises:
        ShipwayError: SW-403 for the first check that measures another kind.
    """
    for check in checks:
        refuse_other_kind(check, kind, f"label {label!r} is")


def refuse_other_kind(check: Check, kind: LabelKind, said: str) -> None:
    """Refuse a check that does not measure predictions of a kind of label.

    Args:
        check: what is to be measured.
        kind: of the label there is.
        said: what has a label of that kind, as a clause that goes on with it: `label 'late' is`.

    Raises:
        ShipwayError: SW-403 if it measures others.
    """
    kinds = list_kinds(check)
    if kind not in kinds:
        measured = " or ".join(_WHAT[each] for each in sorted(kinds))
        raise ShipwayError(
            "SW-403",
            f"{check.text} measures predictions of {measured}, and {said} {_WHAT[kind]}",
            _say_fitting(check, kind) + ", or give the gate the models that it is for: models=[...]",
        )


def _say_fitting(check: Check, kind: LabelKind) -> str:
    """Return what to ask for in place of a check; of one class against the rest what a condition has fits too."""
    measure = check.measure
    if kind == "class" and isinstance(measure, Behaviour | Probe | Attribution | ReasonAgreement):
        return "say of which class: of=..."
    one = measure.score if isinstance(measure, Windowed) else measure
    one = one.value if isinstance(one, ValueImprovement) else one
    if kind == "class" and "condition" in list_kinds(check) and not isinstance(one, FoundRegression | ActionValue):
        name = check.text.partition("(")[0].partition(".")[0]
        acts = isinstance(one, Fairness) or (isinstance(one, Score | Improvement) and one.metric in ACTING)
        return f"say of which class: {name}(of=...)" if acts else f"say of which class: {name}.of(...)"
    return f"take {' or '.join(LEADING[kind])}"


def refuse_unknown_classes(checks: Iterable[Check], label: str, classes: Sequence[str]) -> None:
    """Refuse checks that name a class which a label never is, and costs that leave one of its classes out.

    Args:
        checks: what is to be measured.
        label: the label's name.
        classes: every class it has been.

    Raises:
        ShipwayError: SW-104 for a class there is not, SW-403 for a class that an action has no cost for.
    """
    for check in checks:
        measure = check.measure.value if isinstance(check.measure, ValueImprovement) else check.measure
        actions = measure.actions if isinstance(measure, ClassValue) else ()
        named = [class_of(measure), *(name for action in actions for name in action.costs)]
        for name in named:
            if name and name not in classes:
                fact = f"{check.text} names class {name!r}, which label {label!r} never is"
                raise ShipwayError("SW-104", fact, did_you_mean(name, classes))
        for action in actions:
            left = [name for name in classes if name not in action.costs]
            if left and action.otherwise is None:
                fact = f"action {action.name!r} of {check.text} has no cost where label {label!r} is {left[0]!r}"
                raise ShipwayError("SW-403", fact, f"give {quote(left[0])} a cost, or say otherwise=")
