"""Models that were made elsewhere, on their way to a bundle."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from shipway.core.bundle import BINARY, InputColumn, OutputColumn, declare_outputs
from shipway.core.error import ShipwayError
from shipway.core.label import find_unnameable, sums_to_one
from shipway.core.tensor import Tensors, fits
from shipway.delivery.bundle import Form
from shipway.ports.model import Predictor


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """A model that was made elsewhere, in the forms that a bundle holds.

    Attributes:
        kind: what it was brought in as, such as `onnx` or `mlflow/lightgbm`.
        ending: how a file with its native form ends.
        native: its native form.
        portable: its ONNX form.
        inputs: what it reads.
        outputs: what it gives.
        reads: how it is given its inputs.
    """

    kind: str
    ending: str
    native: Form
    portable: Form
    inputs: tuple[InputColumn, ...]
    outputs: tuple[OutputColumn, ...] = BINARY
    reads: Literal["matrix", "tensors"] = "matrix"


def rename_classes(arrival: Arrival, classes: tuple[str, ...]) -> Arrival:
    """Return a model of classes that calls them otherwise.

    Args:
        arrival: the model.
        classes: what they are called, in the order of its places.

    Raises:
        ShipwayError: SW-516 for a model of anything else, for more or fewer names than it has classes, and for two that
            are alike.
    """
    known = arrival.outputs[0].classes
    if arrival.reads != "matrix" or not known:
        said = ", ".join(repr(column.name) for column in arrival.outputs)
        raise ShipwayError("SW-516", f"the model gives {said}, which has no classes", "import it without --class")
    if len(classes) != len(known) or len(set(classes)) != len(classes):
        fact = (
            f"the model tells {len(known)} classes apart: {', '.join(map(repr, known))}; given are {len(classes)} names"
        )
        raise ShipwayError("SW-516", fact, "name each class once, in that order: --class NAME --class NAME")
    return replace(arrival, outputs=declare_outputs("class", classes))


def check_classes(arrival: Arrival) -> None:
    """Refuse a model of classes that cannot be called as they are, with SW-516."""
    if odd := find_unnameable(name for column in arrival.outputs for name in column.classes):
        raise ShipwayError("SW-516", f"the model's class {odd}", "name each in its order: --class NAME --class NAME")


def write_arrival_card(*, model: str, version: int, kind: str, source: str, sample: str, cut: int, owner: str) -> str:
    """Return the card of a model that was made elsewhere, as Markdown; it says what nobody here knows.

    Args:
        model: the name it is given here.
        version: its number.
        kind: what it was brought in as.
        source: SHA-256 of what was brought in.
        sample: where its golden rows come from, as a clause.
        cut: until when it may have learned, microseconds since 1970 UTC.
        owner: who answers for it.
    """
    until = (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=cut)).isoformat()
    lines = [
        f"# {model}@{version}",
        "",
        f"Made elsewhere and imported as {kind}; nothing was measured of it here.",
        "",
        f"- source: `{source}`",
        f"- may have learned from what was known until {until}",
        f"- golden rows: {sample}",
        *([f"- owner: {owner}"] if owner else []),
    ]
    return "\n".join(lines)


def try_sample(predictor: Predictor, sample: Tensors, outputs: Sequence[OutputColumn], *, drawn: bool) -> None:
    """Refuse a model that does not predict a sample, with SW-516.

    Args:
        predictor: the model.
        sample: rows as it is given them.
        outputs: what it declares to give.
        drawn: whether the sample was drawn, so that rows which the model meets may be what is missing.
    """
    rows = len(next(iter(sample.values())))
    hint = "give rows that the model meets in service: --sample FILE" if drawn else "look at the rows of the sample"
    try:
        found = predictor.infer(sample)
    except ShipwayError as error:
        raise ShipwayError("SW-516", f"the model does not predict {rows:,} rows: {error.fact}", hint) from error
    for column in outputs:
        shape = found[column.name].shape
        said = f"the model gives {column.name!r} in shape {list(shape)} for {rows:,} rows"
        if not shape or shape[0] != rows:
            hint = "export it with a free first axis, which is the rows, on every output"
            raise ShipwayError("SW-516", said, hint)
        if not fits(shape, column.shape):
            fact = f"{said}, and declares {list(column.shape)}"
            raise ShipwayError("SW-516", fact, "export it with the shape that it gives")
        if column == declare_outputs("class", column.classes)[0] and not sums_to_one(found[column.name]).all():
            fact = f"the model tells {len(column.classes)} classes apart, and their probabilities do not sum to one"
            hint = "make its rows sum to one; or export one output alone, called otherwise than `probabilities`"
            raise ShipwayError("SW-516", fact, hint)
