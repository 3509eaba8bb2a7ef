"""What differs between two versions of a model, read from their bundles and said in plain words."""

from collections.abc import Mapping
from typing import Final

import msgspec

from shipway.core.bundle import InputColumn, Manifest
from shipway.core.feature import flatten
from shipway.kit.canonical import canonical_json
from shipway.kit.duration import DAY

Metrics = Mapping[str, tuple[float, float, float]]

_FACTS: Final = (
    ("rows", "training rows", "{:,}"),
    ("rate", "of them true", "{:.1%}"),
    ("mean", "as the mean of the label", "{:.4g}"),
)
"""Facts of training that are compared: their name in a manifest, in words, and how they are written."""
_WORDS: Final = {
    "added": "added",
    "removed": "removed",
    "moved": "of another kind, categories or constraint",
    "defined": "computed otherwise",
    "shifted": "with another range in training",
}
_SHIFT: Final = 0.1
"""By which share of its range an end of it has to move to be told: a longer history alone moves it a little."""
_MISSING: Final = 0.01
"""How far the share of missing values has to move."""


class InputChange(msgspec.Struct, frozen=True, kw_only=True):
    """How one column that a model reads differs from what another version reads.

    Attributes:
        name: the column.
        change: `added`, `removed`, `moved` for a column of another kind, categories or constraint, `defined` for one
            whose definition changed, or `shifted` where training saw other values of it.
        said: what differs, as a clause.
    """

    name: str
    change: str
    said: str


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """How one version differs from the one it is compared with.

    Attributes:
        ref: the version.
        against: the other one.
        inputs: columns that differ.
        said: what differs in all, one clause each.
    """

    ref: str
    against: str
    inputs: tuple[InputChange, ...]
    said: tuple[str, ...]


def compare_inputs(before: Manifest, after: Manifest) -> tuple[InputChange, ...]:
    """Return the columns that two bundles do not read alike, in the order of the later one, removed ones last."""
    there = {column.name: column for column in before.inputs}
    definitions = _define(before), _define(after)
    changes: list[InputChange] = []
    for column in after.inputs:
        old = there.pop(column.name, None)
        if old is None:
            changes.append(InputChange(name=column.name, change="added", said=_describe(column)))
            continue
        if said := _compare_kind(old, column):
            changes.append(InputChange(name=column.name, change="moved", said=said))
        elif definitions[0].get(column.name) != definitions[1].get(column.name):
            said = "it is computed otherwise: the definition of the feature, or of its view, changed"
            changes.append(InputChange(name=column.name, change="defined", said=said))
        if said := _compare_range(old, column):
            changes.append(InputChange(name=column.name, change="shifted", said=said))
    changes += [InputChange(name=name, change="removed", said=_describe(column)) for name, column in there.items()]
    return tuple(changes)


def compare_metrics(before: Metrics, after: Metrics, *, same_rows: Mapping[str, bool]) -> list[str]:
    """Return how what was measured differs, one clause a check; nothing where a check gave the same.

    Two intervals that do not touch say that the versions differ. Two that do say little: on the same rows, a gate with
    `better_than` compares pair by pair and sees smaller differences.

    Args:
        before: check to value, low and high.
        after: of the later version.
        same_rows: check to whether both were measured on the same rows.
    """
    said: list[str] = []
    for name in before.keys() & after.keys():
        (old, old_low, old_high), (new, low, high) = before[name], after[name]
        if old == new:
            continue
        apart = low > old_high or high < old_low
        sure = "the intervals do not touch" if apart else "the intervals overlap, so it may be chance"
        rows = "" if same_rows.get(name, True) else "; measured on other rows"
        way = "higher" if new > old else "lower"
        said.append(f"{name} is {way}, {new:.6g} against {old:.6g}: {sure}{rows}")
    said += [f"{name} was measured of one of them only" for name in before.keys() ^ after.keys()]
    return sorted(said)


def compare_bundles(before: Manifest, after: Manifest) -> list[str]:
    """Return how two bundles differ in what they are made of, one clause each, columns counted only."""
    said: list[str] = []
    changes = compare_inputs(before, after)
    for word in ("added", "removed", "moved", "defined", "shifted"):
        names = [each.name for each in changes if each.change == word]
        if names:
            shown = f"{', '.join(names[:5])}{f' and {len(names) - 5} more' if len(names) > 5 else ''}"
            said.append(f"{len(names)} {'input' if len(names) == 1 else 'inputs'} {_WORDS[word]}: {shown}")
    if after.cut != before.cut:
        days = (after.cut - before.cut) / DAY
        said.append(f"its cut is {abs(days):,.4g} days {'later' if days > 0 else 'earlier'}")
    for fact, words, form in _FACTS:
        old, new = before.training.get(fact), after.training.get(fact)
        if old is not None and new is not None and form.format(old) != form.format(new):
            said.append(f"{form.format(new)} {words}, against {form.format(old)}")
    if before.training.get("frame") == after.training.get("frame"):
        said.append("both learned from the same frame")
    for field, words in (("format", "library"), ("runtime", "runtime")):
        old, new = getattr(before, field), getattr(after, field)
        if old != new:
            said.append(f"{words}: {new}, against {old}")
    if (before.parity is None) != (after.parity is None):
        said.append(f"parity: {after.compared}, against {before.compared}")
    if before.files.get("lock.txt") != after.files.get("lock.txt"):
        said.append("they were made in environments with other packages")
    if before.files.get(before.native) == after.files.get(after.native):
        said.append("the model is the same to the byte")
    return said


def _define(manifest: Manifest) -> dict[str, bytes]:
    """Return column to what it is computed by, for a bundle that reads features by key."""
    views = () if manifest.features is None else manifest.features.views
    return {
        flatten(view.name, name): canonical_json([feature, view.entity])
        for view in views
        for name, feature in view.features.items()
    }


def _describe(column: InputColumn) -> str:
    if column.kind == "category":
        return f"a category of {len(column.categories)}"
    if column.low is None or column.high is None:
        return f"a {column.kind}"
    return f"a number from {column.low:.4g} to {column.high:.4g}, {column.missing:.1%} missing"


def _compare_kind(before: InputColumn, after: InputColumn) -> str:
    said: list[str] = []
    if (before.kind, before.datatype, before.shape) != (after.kind, after.datatype, after.shape):
        said.append(f"it is a {after.kind} of {after.datatype}, and was a {before.kind} of {before.datatype}")
    gone, come = (
        [text for text in one.categories if text not in other.categories]
        for one, other in ((before, after), (after, before))
    )
    said += [f"it knows {', '.join(map(repr, come[:5]))}"] if come else []
    said += [f"it knows {', '.join(map(repr, gone[:5]))} no more"] if gone else []
    if before.monotone != after.monotone:
        words = {0: "may go either way", 1: "never lowers the prediction", -1: "never raises the prediction"}
        said.append(f"its rise {words[after.monotone]}, and {words[before.monotone]} before")
    return "; ".join(said)


def _compare_range(before: InputColumn, after: InputColumn) -> str:
    said: list[str] = []
    if _has_shifted(before, after):
        said.append(f"{_write_range(after)} in training, {_write_range(before)} before")
    if abs(before.missing - after.missing) > _MISSING:
        said.append(f"{after.missing:.1%} missing, {before.missing:.1%} before")
    return "; ".join(said)


def _has_shifted(before: InputColumn, after: InputColumn) -> bool:
    """Tell whether an end of a range moved by more than a share of the range there was."""
    if before.low is None or before.high is None or after.low is None or after.high is None:
        return (before.low is None) != (after.low is None)
    room = _SHIFT * (before.high - before.low)
    return abs(after.low - before.low) > room or abs(after.high - before.high) > room


def _write_range(column: InputColumn) -> str:
    return "no value" if column.low is None or column.high is None else f"{column.low:.4g} to {column.high:.4g}"
