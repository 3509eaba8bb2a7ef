"""From contributions to what a person is told: reasons for and against, and the least that would change a decision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.app.explanation.subject import Asked, Subject
from shipway.app.project import Project
from shipway.core.bundle import InputColumn
from shipway.core.explanation import (
    ACTIONABLE,
    DIGITS,
    Change,
    Contribution,
    Counterfactual,
    Explanation,
    Meaning,
    Unit,
    digest_explanation,
    read_meaning,
    round_away,
    say_value,
    usual_of,
    write_code,
    write_number,
)
from shipway.core.feature import flatten
from shipway.core.measure import DecisionValue
from shipway.core.note import Note
from shipway.core.reference import QUANTILES, ColumnReference
from shipway.maths.counterfactual import Found, Option, find_counterfactuals
from shipway.validation.explainer import Attributed, Explainer
from shipway.validation.one_class import OneClass

_RARE: Final = 0.01
"""A text of fewer of the training rows than this is no change to ask of anybody."""
_MOST_DIGITS: Final = 17
"""Digits in which every number is written as it is."""


def read_meanings(project: Project, subject: Subject) -> tuple[Meaning, ...]:
    """Return what each column of a version means, in the model's order; of an unknown view, its name alone."""
    places: dict[str, tuple[Note, str]] = {}
    features = subject.manifest.features
    for view in () if features is None else features.views:
        note = project.registry.note("view", view.name)
        places |= {flatten(view.name, name): (note, name) for name in view.features}
    marked = any(ACTIONABLE in note.tags for note, _ in places.values())
    found: list[Meaning] = []
    for column in subject.manifest.inputs:
        # A component of an embedding is a column of its own, and the feature is what it is a component of.
        whole = column.name if column.name in places else column.name.rpartition("_")[0]
        note, name = places.get(whole, (Note(), column.name))
        found.append(read_meaning(column.name, name, note, subject.references.get(column.name), marked=marked))
    return tuple(found)


def find_threshold(project: Project, of: str = "") -> float | None:
    """Return the probability above which one acts, by the costs of the first gate that has any; None where none has.

    Args:
        project: whose gates.
        of: of a label of classes, the one whose probability it is.
    """
    rules = [rule for gate in project.registry.gates.values() for rule in gate.rules]
    measures = (rule.check.measure for rule in rules)
    return next((each.threshold for each in measures if isinstance(each, DecisionValue) and each.of == of), None)


def say_label(project: Project, subject: Subject) -> str:
    """Return what it means that the label is true, or what the number is: what its declaration says, else its name."""
    model = project.registry.models.get(subject.manifest.model)
    if model is None:
        said = "the label is true" if subject.predicts == "condition" else "the label"
        return f"class {subject.of!r}" if subject.of else said
    if subject.of:
        return f"{model.label.name} {subject.of!r}"
    return project.registry.note("label", model.label.name).doc.rstrip(".") or model.label.name


def say_unit(project: Project, subject: Subject, unit: Unit) -> str:
    """Return what contributions are in as people read it: of a number, the name of the label."""
    model = project.registry.models.get(subject.manifest.model)
    return unit if unit != "number" or model is None else model.label.name


def give_reasons(
    project: Project,
    subject: Subject,
    explainer: Explainer,
    asked: Asked,
    found: Attributed,
    *,
    top: int,
    threshold: float | None,
) -> Explanation:
    """Return the explanation of one row.

    Args:
        project: whose words for features count.
        subject: the version.
        explainer: how it was explained.
        asked: the row.
        found: what each column adds, of this row alone.
        top: how many reasons for and against are named.
        threshold: the prediction above which one acts.
    """
    meanings = read_meanings(project, subject)
    contributions = sorted(
        (
            _contribute(meaning, column, asked.x[at], found.values[0, at], found.errors[0, at])
            for at, (meaning, column) in enumerate(zip(meanings, subject.manifest.inputs, strict=True))
        ),
        key=lambda each: (-abs(each.amount), each.column),
    )
    named = [each for each in contributions if each.named]
    p, unit = float(found.p[0]), say_unit(project, subject, explainer.unit)
    counterfactuals, how = _find_other(subject, meanings, asked.x, threshold)
    made = Explanation(
        version=subject.name,
        bundle=subject.bundle,
        row=asked.row,
        at=asked.at,
        request=asked.request,
        label=say_label(project, subject),
        predicts=subject.predicts,
        of=subject.of,
        p=p,
        unit=unit,
        method=explainer.method,
        baseline=found.baseline,
        baseline_p=_predict_baseline(explainer, found.baseline),
        baseline_said=say_baseline(subject, explainer, unit),
        contributions=tuple(contributions),
        reasons_for=tuple([each for each in named if each.amount > 0][:top]),
        reasons_against=tuple([each for each in named if each.amount < 0][:top]),
        unnamed=sum(each.amount for each in contributions if not each.named),
        threshold=threshold,
        acted=None if threshold is None else p > threshold,
        counterfactuals=counterfactuals,
        counterfactual_said=how,
        settled=found.settled,
    )
    return msgspec.structs.replace(made, digest=digest_explanation(made))


def _predict_baseline(explainer: Explainer, baseline: float) -> float:
    """Return what a row would be predicted whose columns add nothing, as it is predicted."""
    if isinstance(explainer.predictor, OneClass) and explainer.unit == "log-ratio":
        return explainer.predictor.find_baseline(explainer.background)
    return float(1 / (1 + np.exp(-baseline))) if explainer.unit == "log-odds" else baseline


def say_baseline(subject: Subject, explainer: Explainer, unit: str) -> str:
    """Return which rows a baseline is the mean over, and what a feature is taken to be while it is absent.

    Args:
        subject: the version.
        explainer: how it is explained.
        unit: what contributions are in, as people read it.
    """
    held_out = f"the mean over {len(explainer.background)} held-out rows of the bundle"
    match explainer.method:
        case "tree":
            rows = subject.manifest.training.get("rows")
            over = f"the {int(rows):,} rows of training" if rows is not None else "the rows of training"
            return (
                f"path-dependent: the mean over {over} as they lie in the leaves, in {unit}; where a feature is "
                "absent a tree is walked down both branches, as often as training rows went each way"
            )
        case "linear":
            return f"interventional: {held_out}, in {unit}; exact, for the model is linear in that"
        case "exact":
            return f"interventional: {held_out}, in {unit}; exact, over all coalitions of features"
        case _:
            return (
                f"interventional: {held_out}, in {unit}; where a feature is absent it is that of a held-out "
                "row, orders are drawn and errors stated"
            )


def read_value(column: InputColumn, value: float) -> float | str | None:
    """Return a value as people know it: a text by its code, None where it is missing."""
    if np.isnan(value):
        return None
    return column.categories[int(value)] if column.kind == "category" else float(value)


def _contribute(meaning: Meaning, column: InputColumn, x: float, amount: float, error: float) -> Contribution:
    value = read_value(column, x)
    return Contribution(
        column=meaning.column,
        code=write_code(meaning, value),
        value=value,
        usual=usual_of(meaning.reference),
        amount=float(amount),
        error=float(error),
        said=say_value(meaning, value),
        named=meaning.named,
    )


def _find_other(
    subject: Subject, meanings: Sequence[Meaning], x: NDArray[np.float64], threshold: float | None
) -> tuple[tuple[Counterfactual, ...], str]:
    if threshold is None:
        other = ", or let a gate measure decision_value" if subject.predicts == "condition" else ""
        return (), f"no threshold is known: say one{other}"
    if not subject.references:
        return (), "the bundle does not say which values training saw"
    inputs = subject.manifest.inputs
    options = [
        _list_options(at, column, meaning.reference, float(x[at]))
        for at, (column, meaning) in enumerate(zip(inputs, meanings, strict=True))
        # What is missing was not known to anybody: that it should have been is nothing to ask of a person.
        if meaning.actionable and meaning.reference is not None and not np.isnan(x[at])
    ]
    found = find_counterfactuals(subject.predictor.predict, x, options, threshold)
    searched = f"one or two of {len(options)} features, each within the 5 % to 95 % of what training saw of it"
    if not found:
        return (), f"no change of {searched}, crosses {threshold:.4g}"
    bounds = {each.column: (float(each.values[0]), float(each.values[-1])) for each in options if each.values.size}
    told = sorted((_round(subject, each, x, bounds, threshold) for each in found), key=lambda one: one.found.distance)
    return tuple(_tell(each, inputs, meanings, x) for each in told), f"the least changes of {searched}"


def _list_options(at: int, column: InputColumn, reference: ColumnReference, own: float) -> Option:
    """Return the values that training saw often enough, with how far each is from the row's own."""
    if column.kind == "category":
        codes = [
            float(code)
            for code, (level, count) in enumerate(zip(reference.levels, reference.counts, strict=True))
            if level in column.categories and count >= _RARE * reference.rows and code != own
        ]
        return Option(at, np.array(codes), np.ones(len(codes)), ordered=False)
    values = np.unique(np.array(reference.quantiles[1:-1], dtype=np.float32).astype(np.float64))
    values = values[values != own]
    every = np.array(reference.quantiles)
    ranks = np.interp(values, every, QUANTILES) if every.size else np.empty(0)
    distances = np.abs(ranks - np.interp(own, every, QUANTILES)) if every.size else np.empty(0)
    whole = bool(np.all(every == np.rint(every)) and own == round(own))
    # Ties in the quantiles are steps over nothing: a change is never free.
    return Option(at, values, np.maximum(distances, _RARE), ordered=True, whole=whole)


@dataclass(frozen=True, slots=True)
class _Told:
    """What was found, with each number as it is written, and in how many digits that is done."""

    found: Found
    digits: dict[int, int]


def _round(
    subject: Subject,
    found: Found,
    x: NDArray[np.float64],
    bounds: Mapping[int, tuple[float, float]],
    threshold: float,
) -> _Told:
    """Move each number away from the row's own to the fewest digits that still tell the truth.

    What is written has to be what changes the decision, to differ from what is written of the row, and to lie within
    what training saw; else it is written in more digits.
    """
    predict, above = subject.predictor.predict, float(subject.predictor.predict(x[None])[0]) > threshold
    changes, p, shares, digits = dict(found.changes), found.p, dict(found.shares), dict[int, int]()
    for at, value in found.changes.items():
        if subject.manifest.inputs[at].kind == "category":
            continue
        own, (low, high) = float(x[at]), bounds[at]
        for digits[at] in range(DIGITS, _MOST_DIGITS + 1):
            rounded = round_away(value, own, digits[at])
            row = x.copy()
            for column, needed in (changes | {at: rounded}).items():
                row[column] = needed
            said = float(predict(row[None])[0])
            apart = write_number(rounded, digits[at]) != write_number(own, digits[at])
            # Models read single precision, and the bounds are of that.
            within = np.float32(rounded) <= high if value > own else np.float32(rounded) >= low
            if apart and within and (said > threshold) != above:
                shares[at] *= abs(rounded - own) / abs(value - own)
                changes[at], p = rounded, said
                break
    return _Told(Found(changes, p, shares), digits)


def _tell(
    told: _Told, inputs: Sequence[InputColumn], meanings: Sequence[Meaning], x: NDArray[np.float64]
) -> Counterfactual:
    changes: list[Change] = []
    for at, value in sorted(told.found.changes.items()):
        meaning, own, needed = meanings[at], read_value(inputs[at], x[at]), read_value(inputs[at], value)
        assert needed is not None, "a change is to a value"
        name = meaning.doc.rstrip(".") or meaning.column
        share, digits = told.found.shares[at], told.digits.get(at, DIGITS)
        said = f"{name}: {_write(needed, digits)} instead of {_write(own, digits)}"
        code = write_code(meaning, needed)
        changes.append(Change(column=meaning.column, code=code, value=own, needed=needed, share=share, said=said))
    return Counterfactual(changes=tuple(changes), p=told.found.p, distance=told.found.distance)


def _write(value: float | str | None, digits: int) -> str:
    return "not known" if value is None else value if isinstance(value, str) else write_number(value, digits)
