"""Which checks measure predictions of which kind of label: an unfit one is refused before anything is trained."""

from collections.abc import Iterable
from typing import Final

from shipway.core.check import Check
from shipway.core.error import ShipwayError
from shipway.core.label import LabelKind
from shipway.core.measure import (
    ActionValue,
    Attribution,
    DecisionValue,
    Improvement,
    PairedLoss,
    ReasonAgreement,
    Score,
    ValueImprovement,
    Windowed,
)
from shipway.core.metric import LEADING, METRICS
from shipway.core.slice_measure import Fairness, FoundRegression

_ALL: Final[frozenset[LabelKind]] = frozenset({"condition", "number", "class"})
_CONDITION: Final[frozenset[LabelKind]] = frozenset({"condition"})
_OF_CONDITIONS: Final = (
    DecisionValue | ActionValue | ValueImprovement | FoundRegression | Fairness | Attribution | ReasonAgreement
)
_WHAT: Final[dict[LabelKind, str]] = {"condition": "a condition", "number": "a number", "class": "a class"}


def list_kinds(check: Check) -> frozenset[LabelKind]:
    """Return the kinds of labels whose predictions a check can measure; all of them for one that reads no label."""
    measure = check.measure
    if isinstance(measure, Windowed):
        measure = measure.score
    if isinstance(measure, Score | Improvement | PairedLoss):
        return METRICS[measure.metric].of
    acts = not isinstance(measure, Fairness) or measure.metric != "group_calibration"
    decides = not isinstance(measure, FoundRegression) or measure.threshold is not None
    return _CONDITION if isinstance(measure, _OF_CONDITIONS) and acts and decides else _ALL


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
            f"take {' or '.join(LEADING[kind])}, or give the gate the models that it is for: models=[...]",
        )
