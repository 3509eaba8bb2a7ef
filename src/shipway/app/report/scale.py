"""How labels of each kind, what is predicted of them, and what that is worth are written on pages."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from shipway.app.report.gate import Unit
from shipway.app.report.number import write_number, write_share
from shipway.core.label import LabelKind


@dataclass(frozen=True, slots=True)
class Scale:
    """How numbers about one kind of label are written.

    Attributes:
        skill: what its skill is called; more is better.
        loss: what its mean loss is called; less is better.
        squared: what its mean squared error, or the root of it, is called.
        mean: what the mean of the label is called; of classes how often the most probable one came.
        said: what the mean of predictions is called.
        gap: what the mean of predictions less that of the label is called.
        happened: what a bin of predictions is compared with.
        loss_unit: how losses are written.
        shares: whether labels and predictions are between 0 and 1.
        write: writes a mean of labels or of predictions.
    """

    skill: str
    loss: str
    squared: str
    mean: str
    said: str
    gap: str
    happened: str
    loss_unit: Unit
    shares: bool
    write: Callable[[float], str]


def _write_plainly(value: float) -> str:
    return write_number(value, "number")


SCALES: Final[dict[LabelKind, Scale]] = {
    "condition": Scale(
        skill="AUC",
        loss="Log loss, nats",
        squared="Brier score",
        mean="Rate",
        said="Mean prediction",
        gap="Mean prediction less rate",
        happened="How often it was true",
        loss_unit="loss",
        shares=True,
        write=write_share,
    ),
    "number": Scale(
        skill="R squared",
        loss="Absolute error",
        squared="Root squared error",
        mean="Mean",
        said="Mean prediction",
        gap="Mean prediction less mean",
        happened="Mean of what happened",
        loss_unit="number",
        shares=False,
        write=_write_plainly,
    ),
    "class": Scale(
        skill="Macro AUC",
        loss="Log loss, nats",
        squared="Brier score",
        mean="Right",
        said="Mean confidence",
        gap="Mean confidence less how often it was right",
        happened="How often it was right",
        loss_unit="loss",
        shares=True,
        write=write_share,
    ),
}
