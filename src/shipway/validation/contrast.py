"""A label of classes seen as a condition, so that what measures a condition measures it: one class, or the chosen one.

One class against the rest is what is measured of a class by itself: its area under the ROC curve, its recall, what
acting on it is worth. The chosen class, the most probable one, is what calibration and being right are asked of.
"""

from dataclasses import replace

import numpy as np

from shipway.maths.multiclass import read_chosen, read_class
from shipway.validation.sample import BASE_RATE, Floats, Sample


def contrast_class(sample: Sample, name: str, *, chosen: bool = False) -> Sample | None:
    """Return the rows with one class as a condition: whether it happened, and how probable it was said to be.

    Args:
        sample: rows with a label of classes.
        name: which class.
        chosen: predict 1 where it is the most probable class and 0 elsewhere, of the candidate and of each baseline.

    Returns:
        The same rows with a condition as their label; None where no row is of the class and no version learned it.
    """
    if name not in sample.classes:
        return None
    y, code = sample.codes, sample.classes.index(name)

    def predict(x: Floats) -> Floats:
        return sample.predict(x)[:, code]

    happened, said = read_class(y, sample.p, code, chosen=chosen)
    return replace(
        sample,
        y=happened,
        p=said,
        baselines={each: read_class(y, p, code, chosen=chosen)[1] for each, p in sample.baselines.items()},
        baseline_names={each: called for each, called in sample.baseline_names.items() if each != BASE_RATE},
        predict=predict,
        classes=(),
    )


def contrast_chosen(sample: Sample) -> Sample:
    """Return the rows with being right as a condition: whether the chosen class came, and how probable it was said.

    Each model chooses for itself, so of baselines there is one alone: how often the candidate is right, everywhere.
    """
    y = sample.codes
    right, confidence = read_chosen(y, sample.p) if y.size else (y == 0, np.empty(0))

    def predict(x: Floats) -> Floats:
        return sample.predict(x).max(axis=1)

    constant = np.full(y.size, right.mean() if y.size else 0.0)
    return replace(
        sample,
        y=right,
        p=confidence,
        baselines={BASE_RATE: constant},
        baseline_names={},
        predict=predict,
        classes=(),
    )
