"""Answers to requests by key of models that say something else than one probability."""

import math
from typing import Any, Final

import msgspec
from numpy.typing import NDArray

from shipway.core.bundle import OutputColumn
from shipway.core.tensor import PROBABILITIES, Tensors
from shipway.serving.interface import Interface

_ENCODE: Final = msgspec.json.Encoder().encode


class KeyedReply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is answered.

    Attributes:
        request: the caller's id, or one the server made.
        model: the model's name.
        version: the version that answered.
        y: the prediction of a regression; left away by any other model.
        chosen: the class that is predicted; left away by a model without classes.
        outputs: what the model gives, by name: a number or a text where that is one for each row, an object of one
            probability for each class, else lists; null for what is no number.
        at: the instant the features were known at, microseconds since 1970 UTC.
        fallback: what was answered in place of that, where the version that was to answer did not; left away if it did.
    """

    request: str
    model: str
    version: int
    y: float | None = None
    chosen: str = msgspec.field(default="", name="class")
    outputs: dict[str, Any]
    at: int
    fallback: str = ""


class ClassReply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is answered of a label of classes.

    Attributes:
        request: the caller's id, or one the server made.
        model: the model's name.
        version: the version that answered.
        chosen: the class with the greatest probability, the first of equal ones.
        probabilities: how probable each class is that this version knows.
        at: as in `KeyedReply`.
        fallback: likewise.
    """

    request: str
    model: str
    version: int
    chosen: str = msgspec.field(name="class")
    probabilities: dict[str, float]
    at: int
    fallback: str = ""


def write_keyed(
    request: str,
    model: str,
    version: int,
    interface: Interface,
    outputs: Tensors,
    row: int,
    at: int,
    fallback: str = "",
) -> bytes:
    """Return the body of an answer.

    Args:
        request: the request's id.
        model: the model's name.
        version: who says so.
        interface: what it says.
        outputs: of several rows, by name.
        row: which of them was asked about.
        at: the instant the features were known at.
        fallback: the way that was taken where the version that was to answer did not.
    """
    said = {name: values[row : row + 1] for name, values in outputs.items()}
    if interface.classes:
        (probabilities,) = said[PROBABILITIES].tolist()
        (most,) = interface.choose(said)
        shares = dict(zip(interface.classes, probabilities, strict=True))
        return _ENCODE(
            ClassReply(
                request=request,
                model=model,
                version=version,
                chosen=most,
                probabilities=shares,
                at=at,
                fallback=fallback,
            )
        )
    y, chosen = interface.list_values(said).tolist(), interface.choose(said)
    return _ENCODE(
        KeyedReply(
            request=request,
            model=model,
            version=version,
            y=y[0] if y else None,
            chosen=chosen[0] if chosen else "",
            outputs={column.name: _say(column, said[column.name]) for column in interface.outputs},
            at=at,
            fallback=fallback,
        )
    )


def _say(column: OutputColumn, values: NDArray[Any]) -> Any:
    """Return what one row holds, as JSON has it."""
    if len(column.classes) > 1 and values.shape == (1, len(column.classes)):
        return dict(zip(column.classes, values[0].tolist(), strict=True))
    return values.reshape(-1).tolist()[0] if math.prod(column.shape[1:]) == 1 else values[0].tolist()
