"""How a model is explained: by what its library knows exactly, else by Shapley values against held-out rows.

Whichever way it is, every explanation is added up and compared with what the model says of the row; one that does not
add up is an error and is never shown.
"""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shipway.core.error import ShipwayError
from shipway.core.explanation import Method, Unit
from shipway.maths.shapley import MOST_EXACT, Shapley, add_values, enumerate_values, sample_values
from shipway.ports.model import Additive, Contributing, Predictor
from shipway.validation.one_class import OneClass

Floats = NDArray[np.float64]
Wanted: TypeAlias = Literal["auto", "interventional"]

TOLERANCE: Final = 0.02
"""Sampling stops when the greatest standard error is at most this share of the greatest contribution."""
COARSE: Final = 0.1
"""The same for many rows, whose errors are averaged out between them."""
_OFF: Final = 1e-4
"""How far contributions may be from what they add up to, as a share of their absolute sum, and of one in log-odds."""
_SINGLE: Final = 2.5e-7
"""How far a probability may be off that was computed in single precision."""
_EDGE: Final = 1e-9
"""Probabilities nearer to 0 or 1 than this have the log-odds of this."""
_LEAST: Final = 1e-30
"""Probabilities of a softmax in single precision that are smaller are not told apart."""
_SATURATED: Final = 1e-5
"""Log-odds of a probability in single precision that is nearer to 0 or 1 are no numbers to rely on."""


@dataclass(frozen=True, slots=True, eq=False)
class Explainer:
    """A model with how it is explained; `make_explainer` builds one.

    Attributes:
        predictor: the model.
        background: float64[rows, columns], what a feature is taken to be while it is not the row's.
        method: how contributions are found.
        unit: what they are in.
    """

    predictor: Predictor
    background: Floats
    method: Method
    unit: Unit


@dataclass(frozen=True, slots=True, eq=False)
class Attributed:
    """What each column adds to the prediction of each row.

    Attributes:
        values: float64[n, columns], in the explainer's unit.
        errors: float64[n, columns], the standard error of each; 0 where it is exact.
        p: float64[n], the predictions: probabilities or numbers.
        baseline: what a row would be predicted whose columns add nothing, in the unit.
        rounds: the most rounds that one row took; 0 where nothing was drawn.
        settled: whether sampling came within its tolerance in every row.
    """

    values: Floats
    errors: Floats
    p: Floats
    baseline: float
    rounds: int
    settled: bool


def make_explainer(predictor: Predictor, background: Floats, *, wanted: Wanted = "auto") -> Explainer:
    """Decide how a model is explained.

    Trees are explained by their library, in log-odds. A linear model is explained exactly, in log-odds as well. Of any
    other one all coalitions are asked about where it has few columns, else orders are drawn, both in probability. A
    model of a number is explained in the unit of that, whichever way; one class of several as a condition is, and by
    the library in log-ratio (`OneClass.centre`).

    Args:
        predictor: a model of a matrix that predicts a condition or a number.
        background: float64[rows, columns], rows it did not learn from.
        wanted: `interventional` explains trees against the background too, by drawing orders.

    Raises:
        ShipwayError: SW-462 for a background without rows.
    """
    if not len(background):
        hint = "a model is explained against rows that it did not learn from: give it some"
        raise ShipwayError("SW-462", "there are no rows to explain the model against", hint)
    number = predictor.predicts == "number"
    summed: Unit = "number" if number else "log-ratio" if isinstance(predictor, OneClass) else "log-odds"
    asked: Method = "exact" if background.shape[1] <= MOST_EXACT else "sampled"
    if isinstance(predictor, Contributing) and predictor.contribute(background[:1]) is not None:
        return Explainer(predictor, background, "tree" if wanted == "auto" else asked, summed)
    additive = isinstance(predictor, Additive) and predictor.additive
    if additive and (number or not _is_saturated(predictor.predict(background))):
        return Explainer(predictor, background, "linear", summed)
    return Explainer(predictor, background, asked, "number" if number else "probability")


def explain_rows(explainer: Explainer, x: Floats, *, tolerance: float = TOLERANCE, seed: int = 0) -> Attributed:
    """Explain rows, and add every explanation up.

    Args:
        explainer: how.
        x: float64[n, columns], as the model reads them.
        tolerance: of sampling, as for `sample_values`.
        seed: where its randomness starts; each row starts there, so that none depends on the others.

    Raises:
        ShipwayError: SW-461 if contributions and baseline do not add up to what the model says of a row.
    """
    p = explainer.predictor.predict(x)
    if explainer.method != "tree":
        found = _ask_model(explainer, x, p, tolerance, seed)
        _check_sums(explainer, found, x)
    elif isinstance(explainer.predictor, OneClass):
        added = explainer.predictor.contribute_all(x)
        assert added is not None, "the explainer was made for a model whose library knows"
        found = _read_added(added[:, explainer.predictor.code], p)
        _check_classes(explainer.predictor, found, added.sum(axis=2), x)
    else:
        assert isinstance(explainer.predictor, Contributing)
        added = explainer.predictor.contribute(x)
        assert added is not None, "the explainer was made for a model whose library knows"
        found = _read_added(added, p)
        _check_sums(explainer, found, x)
    return found


def log_odds(p: Floats) -> Floats:
    """Return the log-odds of probabilities, those nearer to 0 or 1 than 1e-9 taken as that."""
    p = np.clip(p, _EDGE, 1 - _EDGE)
    return np.log(p) - np.log1p(-p)


def _read_added(added: Floats, p: Floats) -> Attributed:
    values = np.ascontiguousarray(added[:, :-1])
    baseline = float(added[0, -1]) if len(added) else 0.0
    return Attributed(values, np.zeros(values.shape), p, baseline, 0, True)


def _ask_model(explainer: Explainer, x: Floats, p: Floats, tolerance: float, seed: int) -> Attributed:
    def value(rows: Floats) -> Floats:
        if isinstance(explainer.predictor, OneClass) and explainer.unit == "log-ratio":
            return explainer.predictor.centre(rows)
        said = explainer.predictor.predict(rows)
        return log_odds(said) if explainer.unit == "log-odds" else said

    def explain(row: Floats) -> Shapley:
        match explainer.method:
            case "linear":
                return add_values(value, row, explainer.background)
            case "exact":
                return enumerate_values(value, row, explainer.background)
            case _:
                return sample_values(value, row, explainer.background, tolerance=tolerance, seed=seed)

    found = [explain(row) for row in x]
    shape = (len(x), x.shape[1])
    return Attributed(
        values=np.array([each.values for each in found]).reshape(shape),
        errors=np.array([each.errors for each in found]).reshape(shape),
        p=p,
        baseline=found[0].baseline if found else 0.0,
        rounds=max((each.rounds for each in found), default=0),
        settled=all(each.settled for each in found),
    )


def _check_sums(explainer: Explainer, found: Attributed, x: Floats) -> None:
    total = found.values.sum(axis=1) + found.baseline
    size = np.abs(found.values).sum(axis=1)
    match explainer.unit:
        case "number":
            off, allowed = np.abs(total - found.p), _OFF * (size + np.abs(found.p))
        case "probability":
            off, allowed = np.abs(total - found.p), _OFF * (1 + size)
        case "log-ratio":
            assert isinstance(explainer.predictor, OneClass)
            # Single precision knows the logarithm of a class as well as it knows its probability.
            share = np.maximum(explainer.predictor.whole.predict(x), _EDGE)
            unsure = _SINGLE * (1 / share[:, explainer.predictor.code] + (1 / share).mean(axis=1))
            off, allowed = np.abs(total - explainer.predictor.centre(x)), _OFF * (1 + size) + unsure
        case _:
            spread = np.maximum(found.p * (1 - found.p), _EDGE)
            off, allowed = np.abs(total - log_odds(found.p)), _OFF * (1 + size) + _SINGLE / spread
    _refuse_wrong(explainer.unit, found, total, (off <= allowed) & np.isfinite(total))


def _check_classes(predictor: OneClass, found: Attributed, sums: Floats, x: Floats) -> None:
    """Check that the softmax of all that was added, float64[n, k], is the probability of each class.

    Logarithms of these are compared, so that a class that is next to impossible is held to what is added as well. Two
    classes are learned as a condition, and one of the two probabilities is then what single precision leaves of one.
    """
    total = found.values.sum(axis=1) + found.baseline
    sums = sums.copy()
    sums[:, predictor.code] = total
    p = np.maximum(predictor.whole.predict(x), _LEAST)
    with np.errstate(invalid="ignore"):
        odds = np.exp(sums - sums.max(axis=1, keepdims=True, initial=-np.inf))
        off = np.abs(np.log(np.maximum(odds / odds.sum(axis=1, keepdims=True), _LEAST)) - np.log(p))
    allowed = _OFF * (1 + np.abs(found.values).sum(axis=1, keepdims=True)) + (_SINGLE / p if p.shape[1] == 2 else 0.0)
    _refuse_wrong("log-ratio", found, total, (off <= allowed).all(axis=1) & np.isfinite(total))


def _refuse_wrong(unit: Unit, found: Attributed, total: Floats, right: NDArray[np.bool_]) -> None:
    # A number that is none is not within any bound.
    wrong = np.flatnonzero(~right)
    if len(wrong):
        first = int(wrong[0])
        said = "" if unit == "number" else " as probability"
        fact = (
            f"the explanation of {len(wrong):,} of {len(total):,} rows does not add up: "
            f"{total[first]:.6g} {unit} where the model says {found.p[first]:.6g}{said}"
        )
        hint = "report it with the bundle: the library's contributions are not those of its predictions"
        raise ShipwayError("SW-461", fact, hint)


def _is_saturated(p: Floats) -> bool:
    return bool(((p < _SATURATED) | (p > 1 - _SATURATED)).any())
