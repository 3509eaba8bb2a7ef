"""Explanations as people ask for them: of one row by its key, of one request by its id."""

import math
from collections.abc import Sequence
from contextlib import closing

from shipway.app.explanation.reason import find_threshold, give_reasons
from shipway.app.explanation.subject import (
    Asked,
    Subject,
    choose_class,
    choose_subject,
    find_request,
    find_row,
    open_subject,
)
from shipway.app.project import Project
from shipway.app.workspace import Workspace
from shipway.core.bundle import find_off
from shipway.core.error import ShipwayError
from shipway.core.explanation import Explanation
from shipway.validation.explainer import Wanted, explain_rows, make_explainer

TOP = 4
"""Reasons for and against that are named; more than four are not likely to help whoever is refused a credit (official
interpretation of 12 CFR 1002.9, comment 9(b)(2)-1)."""


def explain_row(
    project: Project,
    ref: str,
    key: Sequence[str],
    *,
    at: int | None = None,
    top: int = TOP,
    threshold: float | None = None,
    wanted: Wanted = "auto",
    of: str = "",
) -> Explanation:
    """Explain what a version says of one row, its features as known at an instant. Nothing is written.

    Args:
        project: whose.
        ref: the version, as `choose_subject` takes it.
        key: the row's key, one text for each of its columns.
        at: the instant, microseconds since 1970 UTC; where None, that at which the model asks about the row.
        top: how many reasons for and against are named.
        threshold: the prediction above which one acts; of a probability by the costs in the project's gates where None.
        wanted: as for `make_explainer`.
        of: of a label of classes, the one that is explained; the most probable one where empty.

    Raises:
        ShipwayError: as `choose_subject`, `open_subject`, `find_row`, `choose_class` and `explain_rows`; SW-106 for a
            threshold that cannot be predicted, or fewer than one reason.
    """
    _check_top(top)
    with closing(Workspace(project)) as workspace:
        subject = open_subject(workspace, choose_subject(workspace.peek(), ref))
        asked = find_row(workspace, subject, key, at)
    subject = choose_class(subject, of, asked)
    _check_threshold(subject, threshold)
    return _explain(project, subject, asked, top, threshold, wanted)


def explain_request(
    project: Project,
    ref: str,
    request: str,
    *,
    top: int = TOP,
    threshold: float | None = None,
    wanted: Wanted = "auto",
    of: str = "",
) -> Explanation:
    """Explain what was answered to a request, from the features that were served. Nothing is written.

    Args:
        project: whose.
        ref: the service or the model, as `find_request` takes it.
        request: its id in the prediction log.
        top: as for `explain_row`.
        threshold: likewise.
        wanted: likewise.
        of: of a label of classes, the one that is explained; the one that was answered where empty.

    Raises:
        ShipwayError: as `find_request`, `open_subject`, `choose_class` and `explain_rows`; SW-106 as `explain_row`;
            SW-461 if the bundle does not predict what the log says was answered.
    """
    _check_top(top)
    with closing(Workspace(project)) as workspace:
        version, asked = find_request(workspace, ref, request)
        subject = open_subject(workspace, version)
    _check_logged(subject, asked)
    subject = choose_class(subject, of, asked)
    _check_threshold(subject, threshold)
    return _explain(project, subject, asked, top, threshold, wanted)


def _explain(
    project: Project, subject: Subject, asked: Asked, top: int, threshold: float | None, wanted: Wanted
) -> Explanation:
    explainer = make_explainer(subject.predictor, subject.background, wanted=wanted)
    found = explain_rows(explainer, asked.x[None])
    costs = find_threshold(project, subject.of) if subject.predicts == "condition" else None
    due = costs if threshold is None else threshold
    return give_reasons(project, subject, explainer, asked, found, top=top, threshold=due)


def _check_logged(subject: Subject, asked: Asked) -> None:
    """Refuse a request that was answered otherwise than the bundle answers, of classes by any of them."""
    assert asked.p is not None, "a request was answered"
    told, said = asked.p.reshape(-1), subject.predictor.predict(asked.x[None]).reshape(-1)
    off = find_off(told, said, subject.manifest.tolerance, subject.scale)
    if off.any():
        place = int(off.argmax())
        of = f" of {subject.manifest.classes[place]!r}" if subject.manifest.classes else ""
        fact = f"the log says that {subject.name} answered {told[place]:.6g}{of}, and its bundle says {said[place]:.6g}"
        hint = "look whether the log is of this project: shipway ledger verify"
        raise ShipwayError("SW-461", f"{fact} of those features", hint)


def _check_top(top: int) -> None:
    if top < 1:
        raise ShipwayError("SW-106", f"{top} reasons are none", "ask for one at least")


def _check_threshold(subject: Subject, threshold: float | None) -> None:
    if threshold is None:
        return
    if subject.predicts == "condition" and not 0 < threshold < 1:
        raise ShipwayError("SW-106", f"a threshold of {threshold!r} is no probability", "write one between 0 and 1")
    if not math.isfinite(threshold):
        raise ShipwayError("SW-106", f"a threshold of {threshold!r} is no number", "write a number")
