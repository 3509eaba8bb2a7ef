"""Why served features differ from those computed offline: hypotheses, each tested on the rows that differ.

A hypothesis says what the value served would be. It explains a row where that is what was served, to the bit; only a
constant factor or shift is a statement about all rows at once, and has room for the last digits.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.monitoring.skew import differs

Kind: TypeAlias = Literal[
    "precision", "definition", "correction", "not materialised", "stale", "not applied", "event missing",
    "event twice", "window", "absent", "unit", "shift", "unknown",
]  # fmt: skip
KINDS: Final[tuple[Kind, ...]] = (
    "precision", "definition", "correction", "not materialised", "stale", "not applied", "event missing",
    "event twice", "window", "absent", "unit", "shift", "unknown",
)  # fmt: skip
"""Kinds of causes; of two that explain as many rows the earlier is the more probable, since it says more."""
_UNITS: Final = {60.0: "seconds for minutes", 3600.0: "seconds for hours", 1000.0: "thousandths for wholes",
                 1e6: "millionths for wholes", 24.0: "hours for days", 86400.0: "seconds for days",
                 1440.0: "minutes for days", 100.0: "hundredths for wholes", 7.0: "days for weeks"}  # fmt: skip
_NEAR: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Trial:
    """What one hypothesis says the value of a feature would be.

    Attributes:
        kind: the kind of cause.
        said: the cause in words, after the feature's name.
        places: places of the rows tested among those that differ.
        values: the value of each of them.
        about: for each of them what it is about, such as the event left out; empty where that is the same for all.
        tested: rows that it was tested on, also those where it changes nothing; 0 for the places alone.
    """

    kind: Kind
    said: str
    places: NDArray[np.int64]
    values: pl.Series
    about: tuple[str, ...] = ()
    tested: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What a hypothesis came to.

    Attributes:
        kind: the kind of cause.
        said: the cause in words.
        rows: rows tested that it explains.
        tested: rows that it was tested on.
    """

    kind: Kind
    said: str
    rows: int
    tested: int

    @property
    def share(self) -> float:
        """Return the share of the rows tested that it explains."""
        return self.rows / self.tested if self.tested else 0.0


def find_causes(online: pl.Series, offline: pl.Series, trials: Sequence[Trial]) -> list[Cause]:
    """Return the causes that explain any of the rows in which a feature differs, the most probable first.

    Args:
        online: the value served in each of the rows that differ.
        offline: the value computed offline.
        trials: what hypotheses say; several of one kind and one row explain it where any does.
    """
    found = [*_test_numbers(online, offline), *_test_trials(online, trials)]
    found.sort(key=lambda cause: (-cause.share, KINDS.index(cause.kind), cause.said))
    if not found:
        found.append(Cause(kind="unknown", said="no hypothesis explains it", rows=0, tested=len(online)))
    return found


def _test_trials(online: pl.Series, trials: Sequence[Trial]) -> list[Cause]:
    """Test what hypotheses say; those with something to name for each row are one cause, which names the commonest."""
    found: list[Cause] = []
    named: dict[Kind, dict[int, str]] = {}
    tested: dict[Kind, int] = {}
    for trial in trials:
        same = ~differs(online.gather(trial.places), trial.values)
        if not trial.about:
            if same.any():
                rows, of = int(same.sum()), trial.tested or len(trial.places)
                found.append(Cause(kind=trial.kind, said=trial.said, rows=rows, tested=of))
            continue
        explained = named.setdefault(trial.kind, {})
        tested[trial.kind] = trial.tested or len(set(trial.places.tolist()))
        for place, right, about in zip(trial.places.tolist(), same.tolist(), trial.about, strict=True):
            if right:
                explained.setdefault(place, about)
    for kind, explained in named.items():
        if explained:
            (first, often), *rest = Counter(explained.values()).most_common()
            more = f", and {len(rest)} other{'s' if len(rest) > 1 else ''}" if rest else ""
            said = f"{first} in {often} row{'s' if often > 1 else ''}{more}"
            found.append(Cause(kind=kind, said=said, rows=len(explained), tested=tested[kind]))
    return found


def _test_numbers(online: pl.Series, offline: pl.Series) -> list[Cause]:
    """Test what needs nothing but the two values: precision, a missing value, a constant factor or shift."""
    found: list[Cause] = []
    absent = _is_missing(online) & ~_is_missing(offline)
    if absent.any():
        found.append(Cause(kind="absent", said="no value was served", rows=int(absent.sum()), tested=len(online)))
    if not (online.dtype.is_numeric() or online.dtype == pl.Boolean) or not (
        offline.dtype.is_numeric() or offline.dtype == pl.Boolean
    ):
        return found
    served, computed = _numbers(online), _numbers(offline)
    both = np.isfinite(served) & np.isfinite(computed)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        rounded = both & (computed.astype(np.float32).astype(np.float64) == served)
        ratio, shift = served / computed, served - computed
    if rounded.any():
        said = "rounded to single precision"
        found.append(Cause(kind="precision", said=said, rows=int(rounded.sum()), tested=len(online)))
    constants = (
        _test_constant("unit", ratio, both & np.isfinite(ratio), computed),
        _test_constant("shift", shift, both & np.isfinite(shift), computed),
    )
    return [*found, *(cause for cause in constants if cause is not None)]


def _test_constant(
    kind: Literal["unit", "shift"],
    constant: NDArray[np.float64],
    usable: NDArray[np.bool_],
    computed: NDArray[np.float64],
) -> Cause | None:
    """Return the cause where one constant stands in more than one row, and these rows are not all of one value."""
    values = constant[usable]
    if len(values) < 2:
        return None
    middle = float(np.median(values))
    near = usable & (np.abs(constant - middle) <= _NEAR * max(abs(middle), 1e-300))
    if near.sum() < 2 or len(np.unique(computed[near])) < 2 or middle in (0.0, 1.0 if kind == "unit" else 0.0):
        return None
    said = (
        _say_unit(middle) if kind == "unit" else f"{abs(middle):.12g} {'more' if middle > 0 else 'less'} in every row"
    )
    return Cause(kind=kind, said=said, rows=int(near.sum()), tested=len(constant))


def _say_unit(factor: float) -> str:
    for unit, said in _UNITS.items():
        if abs(factor / unit - 1) <= _NEAR:
            return f"{unit:g} times as much, such as {said}"
        if abs(factor * unit - 1) <= _NEAR:
            return f"a {unit:g}th of it, such as {' for '.join(reversed(said.split(' for ')))}"
    return f"{factor:.12g} times as much in every row"


def _is_missing(values: pl.Series) -> NDArray[np.bool_]:
    missing = values.is_null()
    return (missing | values.is_nan().fill_null(value=False) if values.dtype.is_float() else missing).to_numpy()


def _numbers(values: pl.Series) -> NDArray[np.float64]:
    return values.cast(pl.Float64).fill_null(np.nan).to_numpy()
