"""Directional expectations as monotone constraints: what a test asks of predictions, asked of the trainer."""

from collections.abc import Sequence
from typing import cast

from shipway.core.argument import write
from shipway.core.check import Check
from shipway.core.error import ShipwayError
from shipway.core.feature import FeatureView, flatten
from shipway.core.measure import class_of
from shipway.core.probe import Add, Behaviour, Moves, Probe
from shipway.kit.suggestion import did_you_mean
from shipway.maths.expression import Column


def compile_expectations(model: str, checks: Sequence[Check]) -> dict[str, int]:
    """Return the sign that expectations give to each column: 1 where a rise must never lower the prediction, else -1.

    A column that is raised while predictions must not fall rises, and so does one that is lowered while they must not
    rise; the other two fall. Changes that are made together become a constraint each, which asks for more than the test
    does.

    Args:
        model: whose.
        checks: `never_lowers`, or probes that never fall or never rise when numbers are added.

    Raises:
        ShipwayError: SW-106 for an expectation that is no constraint, or two that contradict each other.
    """
    signs: dict[str, int] = {}
    said: dict[str, str] = {}
    for check in _take_checks(model, checks):
        for column, sign in _signs(model, check).items():
            if signs.setdefault(column, sign) != sign:
                fact = f"{check.text} and {said[column]} ask for both directions of {column}"
                raise ShipwayError("SW-106", fact, "no prediction can keep both: drop one of the two")
            said.setdefault(column, check.text)
    return signs


def merge_constraints(
    model: str, rising: Sequence[Column], falling: Sequence[Column], signs: dict[str, int], views: Sequence[FeatureView]
) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
    """Return a model's rising and falling columns, those that were named and those of its expectations.

    Raises:
        ShipwayError: SW-104 for a column that the model does not read, SW-106 for one that is both.
    """
    columns = {flatten(view.name, name): Column(view.name, name) for view in views for name in view.features}
    up = {flatten(column.table, column.name): column for column in rising}
    down = {flatten(column.table, column.name): column for column in falling}
    for name, sign in signs.items():
        if name not in columns:
            fact = f"an expectation of model {model!r} changes {name}, which is no feature of it"
            raise ShipwayError("SW-104", fact, did_you_mean(name, columns))
        here, there = (up, down) if sign > 0 else (down, up)
        if name in there:
            word = "falling" if sign > 0 else "rising"
            fact = f"an expectation of model {model!r} contradicts its `{word}` on {name}"
            raise ShipwayError("SW-106", fact, "keep one of the two")
        here.setdefault(name, columns[name])
    return tuple(up.values()), tuple(down.values())


def _take_checks(model: str, checks: object) -> tuple[Check, ...]:
    """Return what is listed as expectations; SW-106 for anything else."""
    given = cast("Sequence[object]", checks) if isinstance(checks, list | tuple) else [checks]
    found = tuple(each for each in given if isinstance(each, Check))
    if len(found) < len(given):
        wrong = next(each for each in given if not isinstance(each, Check))
        hint = "list what sw.never_lowers(...) returned, such as [storms_never_help]"
        raise ShipwayError("SW-106", f"`expects` of model {model!r} holds {write(wrong)}, which is no check", hint)
    return found


def _signs(model: str, check: Check) -> dict[str, int]:
    match check.measure:
        case Behaviour(probes=probes):
            found = [_signs_of(probe) for probe in probes]
        case Probe() as probe:
            found = [_signs_of(probe)]
        case _:
            found = []
    if one := class_of(check.measure):
        fact = f"{check.text} of model {model!r} is of class {one!r}, and trainers constrain no single class"
        raise ShipwayError("SW-106", fact, "ask for it in a gate, and leave it away from `expects`")
    if not found or not all(found):
        fact = f"{check.text} of model {model!r} is no expectation that a trainer can be held to"
        hint = "name sw.never_lowers(...), or probes that never fall or never rise when numbers are added"
        raise ShipwayError("SW-106", fact, hint)
    return {column: sign for signs in found for column, sign in signs.items()}


def _signs_of(probe: Probe) -> dict[str, int]:
    """Return the sign that a test gives to each column; none for a test that is no constraint."""
    expect, added = probe.expect, {each.column: each.by for each in probe.change if isinstance(each, Add)}
    if not isinstance(expect, Moves) or (expect.least is None) == (expect.most is None):
        return {}
    limit = expect.least if expect.least is not None else -(expect.most or 0.0)
    if limit > 0 or len(added) < len(probe.change) or not all(added.values()):
        return {}
    return {column: 1 if (by > 0) == (expect.least is not None) else -1 for column, by in added.items()}
