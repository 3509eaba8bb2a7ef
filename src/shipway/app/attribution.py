"""Checks on what a candidate listens to: its rows explained once, and those of the current version beside them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from shipway.app.frame import read_rows
from shipway.app.runner import Runner
from shipway.app.training import Trained, load_predictor, read_inputs
from shipway.core.artifact import Artifact
from shipway.core.check import Check
from shipway.core.error import ShipwayError
from shipway.core.measure import Attribution, ReasonAgreement, class_of
from shipway.ports.model import Predictor
from shipway.training.frame import encode_frame
from shipway.validation.attribution import measure_agreement, measure_share
from shipway.validation.evaluation import Measured
from shipway.validation.explainer import COARSE, Attributed, Explainer, explain_rows, make_explainer
from shipway.validation.one_class import OneClass
from shipway.validation.reading import make_evidence, read_nothing
from shipway.validation.sample import Floats, Ints, Sample, spread_rows, take_rows

ROWS: Final = 2_000
"""Evaluated rows that are explained where the library of the trees does it, spread evenly over all."""
FEW_ROWS: Final = 100
"""The same where the model has to be asked thousands of times for each."""
BACKGROUND_ROWS: Final = 100
"""Evaluated rows that absent features are taken from, as many as a bundle has golden rows."""


@dataclass(frozen=True, slots=True)
class Rival:
    """The version that a candidate's reasons are compared with.

    Attributes:
        name: what it goes by, such as `version 1`.
        trained: its model.
        frame: the frame it reads.
    """

    name: str
    trained: Trained
    frame: Artifact


@dataclass(frozen=True, slots=True, eq=False)
class Reasons:
    """A candidate's rows with what each column adds.

    Attributes:
        sample: the rows.
        explainer: how they were explained.
        found: what each column adds.
        other: name, columns and contributions of the version compared with; None where there is none.
        missing: why there are no reasons of a class; empty where there are.
        apart: why those of the version compared with are none; likewise.
    """

    sample: Sample
    explainer: Explainer
    found: Attributed
    other: tuple[str, tuple[str, ...], Floats] | None
    missing: str = ""
    apart: str = ""


def list_asked(checks: Sequence[Check]) -> tuple[str, ...]:
    """Return of which classes checks ask what a candidate listens to; an empty text for a label without classes.

    There are none where no check asks that.
    """
    asked = (check.measure for check in checks if isinstance(check.measure, Attribution | ReasonAgreement))
    return tuple(dict.fromkeys(class_of(measure) for measure in asked))


def list_rival(checks: Sequence[Check], rival: Rival | None) -> dict[str, str]:
    """Return what checks depend on of the version compared with, by name; nothing where none compares reasons."""
    if rival is None or not any(isinstance(check.measure, ReasonAgreement) for check in checks):
        return {}
    return {"rival model": rival.trained.model.digest, "rival frame": rival.frame.digest}


def explain_sample(
    runner: Runner,
    checks: Sequence[Check],
    sample: Sample,
    frame: Artifact,
    trained: Trained,
    rival: Rival | None,
    period: tuple[int, int],
    labelled: pl.Series,
    of: str = "",
) -> Reasons:
    """Explain some evaluated rows of a candidate, and the same rows of the version that its reasons are compared with.

    Args:
        runner: reads.
        checks: what is measured.
        sample: all evaluated rows.
        frame: the candidate's frame.
        trained: its model.
        rival: the version compared with; None where there is none.
        period: from and to (exclusive): the rows that were scored.
        labelled: which of them are evaluated.
        of: of a label of classes, the one whose predictions are explained.

    Raises:
        ShipwayError: SW-461 if an explanation does not add up, SW-403 if the version compared with has other rows.
    """
    positions = np.flatnonzero(labelled.to_numpy())
    blank = spread_rows(sample.n, BACKGROUND_ROWS)
    background = _read(runner, frame, trained, period, positions[blank])
    missing = _why_missing("the candidate", trained, of)
    if not sample.n or missing:
        return replace(_explain_nothing(sample, trained, runner), missing=missing)
    explainer = make_explainer(_load(runner, trained, of), background)
    chosen = spread_rows(sample.n, ROWS if explainer.method in ("tree", "linear") else FEW_ROWS)
    x = _read(runner, frame, trained, period, positions[chosen])
    found = explain_rows(explainer, x, tolerance=COARSE)
    other, apart = None, "" if rival is None else _why_missing(rival.name, rival.trained, of)
    if rival is not None and not apart and any(isinstance(check.measure, ReasonAgreement) for check in checks):
        theirs = make_explainer(
            _load(runner, rival.trained, of),
            _read(runner, rival.frame, rival.trained, period, positions[blank], rows=len(labelled)),
        )
        seen = _read(runner, rival.frame, rival.trained, period, positions[chosen], rows=len(labelled))
        names = tuple(column.name for column in read_inputs(runner, rival.trained))
        other = rival.name, names, explain_rows(theirs, seen, tolerance=COARSE).values
    columns = tuple(column.name for column in read_inputs(runner, trained))
    return Reasons(take_rows(sample, chosen, x, columns), explainer, found, other, apart=apart)


def measure_reasons(check: Check, reasons: Reasons, *, subject: str, log_digest: str) -> Measured:
    """Measure one check on what a candidate listens to.

    Args:
        check: what to measure.
        reasons: the candidate's rows with what each column adds.
        subject: the candidate, as `kind:name@version`.
        log_digest: digest of the data behind the rows.

    Raises:
        ShipwayError: as `measure_share` and `measure_agreement`; SW-403 for another check.
    """
    sample = reasons.sample
    match check.measure:
        case Attribution() as measure:
            reading = measure_share(measure, sample, reasons.explainer, reasons.found)
        case ReasonAgreement() as measure:
            reading = measure_agreement(measure, sample, reasons.explainer, reasons.found, reasons.other)
        case _:
            raise ShipwayError("SW-403", f"{check.text} asks for no reasons", "measure it on the sample")
    missing = reasons.missing or (reasons.apart if isinstance(check.measure, ReasonAgreement) else "")
    if missing:
        reading = read_nothing(missing, (0.0, 1.0), {**reading.facts, "said": missing})
    also = {"scored": sample.scored, "evaluated": sample.n}
    evidence = make_evidence(check, reading, subject=subject, log_digest=log_digest, also=also)
    return Measured(evidence, reading.detail)


def _load(runner: Runner, trained: Trained, of: str) -> Predictor:
    """Return a version as it is explained: one of classes as a model of whether it is one of them."""
    predictor = load_predictor(runner, trained)
    return OneClass(predictor, trained.classes.index(of)) if of else predictor


def _why_missing(name: str, trained: Trained, of: str) -> str:
    return f"{name} never learned {of!r}" if of and of not in trained.classes else ""


def _explain_nothing(sample: Sample, trained: Trained, runner: Runner) -> Reasons:
    """Return the reasons of no rows, on which a gate holds."""
    columns = tuple(column.name for column in read_inputs(runner, trained))
    none = np.empty((0, len(columns)))
    explainer = Explainer(load_predictor(runner, trained), none, "exact", "probability")
    found = Attributed(none, none, np.empty(0), 0.0, 0, True)
    return Reasons(take_rows(sample, np.empty(0, dtype=np.int64), none, columns), explainer, found, None)


def _read(
    runner: Runner,
    frame: Artifact,
    trained: Trained,
    period: tuple[int, int],
    positions: Ints,
    *,
    rows: int | None = None,
) -> Floats:
    """Return rows of a period as a model reads them; SW-403 where the period has not as many rows as it must."""
    inputs = read_inputs(runner, trained)
    read = read_rows(runner, frame, [column.name for column in inputs], period=period)
    if rows is not None and read.height != rows:
        fact = f"the version compared with was asked about {read.height:,} rows and the candidate about {rows:,}"
        raise ShipwayError("SW-403", fact, "shipway run --force builds both frames anew")
    return encode_frame(read[positions], inputs)
