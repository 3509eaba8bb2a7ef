"""The classes that predictions tell of: those of a version, of what it is compared with, and of the rows themselves."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shipway.app.training import P, Trained
from shipway.core.artifact import Artifact
from shipway.core.label import ROUNDING, LabelKind, read_classes
from shipway.data.plan import LABEL
from shipway.maths.multiclass import spread_classes
from shipway.validation.sample import BASE_RATE

_CONSTANT: Final[dict[LabelKind, str]] = {"number": "training mean", "class": "training shares"}


def list_told(trained: Trained, baselines: Mapping[str, tuple[str, Artifact]], scored: pl.DataFrame) -> tuple[str, ...]:
    """Return the classes that a version or what it is compared with learned, and those that rows have, in order.

    Args:
        trained: the version.
        baselines: baseline to the name it goes by and its predictions.
        scored: the rows.

    Returns:
        Nothing where the label is of another kind.
    """
    if trained.kind != "class":
        return ()
    said = [read_classes(artifact.facts) for _, artifact in baselines.values()]
    occur: list[str] = scored[LABEL].drop_nulls().unique().to_list()
    return tuple(sorted({*trained.classes, *occur, *(name for names in said for name in names)}))


def read_predictions(rows: pl.DataFrame, said: Sequence[str], classes: Sequence[str]) -> NDArray[np.float64]:
    """Return predictions: float64[n], or of classes float64[n, k], 0 for those that the version never learned.

    Args:
        rows: of a table of predictions.
        said: the classes that its version learned.
        classes: the k classes that are told of.
    """
    p = rows[P].to_numpy()
    if not classes:
        return p
    within: NDArray[np.float64] = p.clip(0.0, 1.0)
    near = np.where(np.abs(p - within) <= ROUNDING, within, p)
    return spread_classes(near.reshape(-1, len(said)), said, classes)


def name_constant(kind: LabelKind) -> dict[str, str]:
    """Return what the prediction that is the same for every row is called, where it is no rate."""
    return {BASE_RATE: _CONSTANT[kind]} if kind in _CONSTANT else {}
