"""Explanations: what each feature adds to a prediction, and what of that a person is told.

Numbers come first: an explanation's digest is of what was asked and of what each column adds, so that better words for
a feature change no digest. Which features may be named, and which can be changed, is said by tags of their views.
"""

import math
from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Final, Literal, TypeAlias

import msgspec

from shipway.core.label import LabelKind
from shipway.core.note import Note
from shipway.core.reference import QUANTILES, ColumnReference
from shipway.kit.canonical import digest_value

Method: TypeAlias = Literal["tree", "linear", "exact", "sampled"]
"""How contributions were found: by the library of the trees, in closed form, over all coalitions, from drawn orders."""
Unit: TypeAlias = Literal["log-odds", "log-ratio", "probability", "number"]
"""What contributions are in; those of a number are in its own unit, those of one class of several may be in the
logarithm of its probability over the geometric mean of those of all classes."""
Condition: TypeAlias = Literal["ABOVE", "BELOW", "USUAL", "IS", "MISSING"]
"""What a value is like among those training saw: beyond the upper or the lower quarter, between them, a text, none."""

UNNAMED: Final = "unnamed"
"""Tag of a view whose features are never named to those a prediction is about; what they add is told as one number."""
ACTIONABLE: Final = "actionable"
"""Tag of a view whose features those a prediction is about can change. Where no view has it, every named one counts."""
DIGITS: Final = 3
"""In how many digits a number is written that nothing asks more of."""
_LARGE, _HUGE = 999.5, 1e9
"""From where on a number is written whole, and from where on as a power of ten."""
_WIDE: Final = Context(prec=50)
_DECIMALS: Final = 4
_MOST_DECIMALS: Final = 15
_LOWER, _MIDDLE, _UPPER = (QUANTILES.index(share) for share in (0.25, 0.5, 0.75))


class Contribution(msgspec.Struct, frozen=True, kw_only=True):
    """What one feature adds to a prediction.

    Attributes:
        column: the feature, as a column of the frame.
        code: what programs know the reason by: the column in capitals and the condition of its value, after a hyphen.
        value: of the row; None where it is missing.
        usual: the median of the rows that training learned from, or their most frequent text; None where none is known.
        amount: what it adds, in the explanation's unit; above 0 it speaks for the label.
        error: standard error of that; 0 where it is exact.
        said: the feature and its value in words.
        named: whether it may be named to those the prediction is about.
    """

    column: str
    code: str
    value: float | str | None
    usual: float | str | None
    amount: float
    error: float
    said: str
    named: bool = True


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One feature as it would have had to be.

    Attributes:
        column: the feature.
        code: as `Contribution.code` has it, of the value it would have had.
        value: as it was.
        needed: as it would have had to be.
        share: how far apart the two are, as the share of the training rows that lie between them; of texts 1.
        said: the change in words.
    """

    column: str
    code: str
    value: float | str | None
    needed: float | str
    share: float
    said: str


class Counterfactual(msgspec.Struct, frozen=True, kw_only=True):
    """The least that would have had to be different for the other decision.

    Attributes:
        changes: what would have had to be otherwise, one feature or two.
        p: what the model would then have predicted.
        distance: the sum of the changes' shares.
    """

    changes: tuple[Change, ...]
    p: float
    distance: float


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why a version predicted what it did of one row.

    Attributes:
        version: `model@number`.
        bundle: digest of its bundle.
        row: key of the row, its values joined with a slash.
        at: the instant asked about, microseconds since 1970 UTC; None where nothing says.
        request: id of the request in the prediction log; empty where none is meant.
        label: what it means that the label is true, or what the number is.
        predicts: which of the two the label is; one class of several is a condition.
        of: of a label of classes, the one that is explained; empty for other labels.
        p: the prediction.
        unit: what baseline and contributions are in: `log-odds`, `log-ratio`, `probability`, or of a number the name of
            the label.
        method: how they were found.
        baseline: what a row would be predicted whose features add nothing, in the unit.
        baseline_p: the same as it is predicted.
        baseline_said: which rows that is the mean over, and how.
        contributions: what every feature adds, the greatest first.
        reasons_for: of those that may be named, the ones that speak most for the label.
        reasons_against: the ones that speak most against it.
        unnamed: what all features that may not be named add together.
        threshold: the prediction above which one acts; None where none is known.
        acted: whether one acts on this prediction; None where no threshold is known.
        counterfactuals: what would have had to be different, the least first.
        counterfactual_said: how they were searched for, or why there are none.
        settled: whether sampling came within its tolerance.
        digest: of bundle, row and numbers, without the words.
    """

    version: str
    bundle: str
    row: str
    at: int | None
    request: str
    label: str
    p: float
    unit: str
    method: Method
    baseline: float
    baseline_p: float
    baseline_said: str
    contributions: tuple[Contribution, ...]
    reasons_for: tuple[Contribution, ...]
    reasons_against: tuple[Contribution, ...]
    unnamed: float
    predicts: LabelKind = "condition"
    threshold: float | None = None
    acted: bool | None = None
    counterfactuals: tuple[Counterfactual, ...] = ()
    counterfactual_said: str = ""
    settled: bool = True
    digest: str = ""
    of: str = ""

    @property
    def decimals(self) -> int:
        """Return in how many decimals its amounts are written."""
        return find_decimals(self.predicts, (each.amount for each in self.contributions))


class Meaning(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a column beside its value.

    Attributes:
        column: its name.
        doc: what it is; empty where nobody said.
        named: whether it may be named.
        actionable: whether it can be changed.
        reference: what training saw of it; None where nothing says.
    """

    column: str
    doc: str = ""
    named: bool = True
    actionable: bool = True
    reference: ColumnReference | None = None


def read_meaning(column: str, feature: str, note: Note, reference: ColumnReference | None, *, marked: bool) -> Meaning:
    """Return what the note of its view says of a column.

    Args:
        column: as a column of the frame.
        feature: its name in the view.
        note: of the view.
        reference: what training saw of it.
        marked: whether any view of the model says that its features can be changed.
    """
    named = UNNAMED not in note.tags
    actionable = named and (ACTIONABLE in note.tags or not marked)
    doc = note.docs.get(feature, "")
    return Meaning(column=column, doc=doc, named=named, actionable=actionable, reference=reference)


def write_code(meaning: Meaning, value: float | str | None) -> str:
    """Return the code of a reason, such as `CAR_DEP_MEAN_3H-ABOVE`.

    It is made of the column and of what its value is like among those training saw, and of nothing that words or other
    features could change.
    """
    return f"{meaning.column.upper()}-{_find_condition(meaning.reference, value)}"


def usual_of(reference: ColumnReference | None) -> float | str | None:
    """Return a number's median in training, or a category's most frequent text; None where nothing says."""
    if reference is None:
        return None
    if reference.kind == "number":
        return reference.quantiles[_MIDDLE] if reference.quantiles else None
    return max(zip(reference.counts, reference.levels, strict=True), default=(0, None))[1]


def say_value(meaning: Meaning, value: float | str | None) -> str:
    """Return a feature and its value in words, with what is usual beside it."""
    name, usual = meaning.doc.rstrip(".") or meaning.column, usual_of(meaning.reference)
    if value is None:
        share = _share_missing(meaning.reference)
        return f"{name}: not known" + ("" if share is None else f" (so in {share:.0%} of training rows)")
    if isinstance(value, str):
        share = _share_of(meaning.reference, value)
        if share is None:
            return f"{name}: {value}"
        return f"{name}: {value} ({f'{share:.0%} of training rows' if share else 'in no training row'})"
    beside = f" (usually {write_number(usual)})" if isinstance(usual, float) else ""
    return f"{name}: {write_number(value)}{beside}"


def write_prediction(value: float, kind: LabelKind) -> str:
    """Return a prediction as it is shown: a probability in four decimals, a number in six digits."""
    return f"{value:.4f}" if kind == "condition" else f"{value:.6g}"


def find_decimals(kind: LabelKind, amounts: Iterable[float]) -> int:
    """Return in how many decimals amounts stand under one another.

    Four of log-odds and probabilities; of a number so many that the greatest has four digits, and none where that is
    larger.
    """
    largest = max((abs(each) for each in amounts if each and math.isfinite(each)), default=0.0)
    if kind == "condition" or not largest:
        return _DECIMALS
    return min(max(_DECIMALS - 1 - math.floor(math.log10(largest)), 0), _MOST_DECIMALS)


def write_amount(value: float, decimals: int = _DECIMALS) -> str:
    """Return what something adds, with its sign."""
    return f"{value:+,.{decimals}f}"


def write_number(value: float, digits: int = DIGITS) -> str:
    """Return a number in as many digits as a sentence needs: whole from a thousand on, where no more are asked for."""
    if abs(value) >= _HUGE:
        return f"{value:.{digits}g}"
    if value == round(value):
        return f"{value:,.0f}"
    return f"{value:,.{digits - DIGITS}f}" if abs(value) >= _LARGE else f"{value:.{digits}g}"


def round_away(value: float, own: float, digits: int = DIGITS) -> float:
    """Return the number nearest to a value, and no nearer to another one, that `write_number` writes as it is."""
    if not value or (value == round(value) and abs(value) < _HUGE):
        return value
    exact = Decimal(value)
    last = DIGITS - digits if _LARGE <= abs(value) < _HUGE else exact.adjusted() - digits + 1
    way = ROUND_CEILING if value > own else ROUND_FLOOR
    return float(exact.quantize(Decimal(1).scaleb(last), way, _WIDE))


def digest_explanation(explanation: Explanation) -> str:
    """Return the digest of what was asked and of the numbers, the same for the same row whatever words there are."""
    numbers = [(each.column, each.value, each.amount, each.error) for each in explanation.contributions]
    return digest_value(
        [
            explanation.bundle,
            explanation.row,
            explanation.at,
            explanation.p,
            explanation.unit,
            explanation.method,
            explanation.baseline,
            sorted(numbers, key=lambda each: each[0]),
            *([explanation.of] if explanation.of else []),
        ]
    )


def _find_condition(reference: ColumnReference | None, value: float | str | None) -> Condition:
    if value is None:
        return "MISSING"
    if isinstance(value, str) or reference is None or not reference.quantiles:
        return "IS"
    low, high = reference.quantiles[_LOWER], reference.quantiles[_UPPER]
    return "ABOVE" if value > high else "BELOW" if value < low else "USUAL"


def _share_missing(reference: ColumnReference | None) -> float | None:
    return None if reference is None or not reference.rows else reference.missing / reference.rows


def _share_of(reference: ColumnReference | None, text: str) -> float | None:
    if reference is None or not reference.rows:
        return None
    counts = dict(zip(reference.levels, reference.counts, strict=True))
    return counts.get(text, 0) / reference.rows
