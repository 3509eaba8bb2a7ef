"""The keys form of a request: which row is asked about, read and checked against what a model's features need."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
import numpy as np

from shipway.core.column import Kind
from shipway.core.label import LabelKind
from shipway.core.online import Layout, Scalar
from shipway.core.prediction import join_key
from shipway.kit.suggestion import did_you_mean
from shipway.maths.embedding import length_of, numbers_of, pack_numbers
from shipway.serving.refusal import refuse

LONGEST_ID: Final = 200
"""Characters a request's id may have."""
_LONGEST_NAME: Final = 100
"""Characters of a caller's column that is named in a refusal."""
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_US: Final = dt.timedelta(microseconds=1)
_INT64: Final = 1 << 63
_ABSENT: Final = object()
_TAKEN: Final[dict[Kind, tuple[type, ...]]] = {
    "int": (int,),
    "float": (float, int),
    "text": (str,),
    "bool": (bool,),
    "instant": (int, str),
}
_SAID: Final[dict[Kind, str]] = {
    "int": "a whole number of 64 bits",
    "float": "a number",
    "text": "text",
    "bool": "true or false",
    "instant": "microseconds since 1970 UTC, or ISO 8601 text with a zone",
}

Body = TypeVar("Body")
Sent: TypeAlias = bool | int | float | str | list[float] | None
"""A value as JSON says it; an embedding is a list of its numbers."""


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a request.

    Attributes:
        row: the row's key, and what its features read of the row itself, by column.
        request: the caller's id for it.
        at: the instant asked for, microseconds since 1970 UTC or ISO 8601 text with a zone; the present if None.
    """

    row: dict[str, Sent]
    request: str | None = None
    at: int | str | None = None


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is answered of a condition.

    Attributes:
        request: the caller's id, or one the server made.
        model: the model's name.
        version: the version that answered.
        p: the probability that the label is true.
        at: the instant the features were known at, microseconds since 1970 UTC.
        fallback: what was answered in place of that, where the version that was to answer did not; left away if it did.
    """

    request: str
    model: str
    version: int
    p: float
    at: int
    fallback: str = ""


class NumberAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is answered of a number: `y` is the one that the label is said to be, the rest as of a condition."""

    request: str
    model: str
    version: int
    y: float
    at: int
    fallback: str = ""


ANSWERS: Final[dict[LabelKind, type[Answer] | type[NumberAnswer]]] = {"condition": Answer, "number": NumberAnswer}
"""What is answered by key of each kind of label; both take the same values in the same order."""


def read_body(body: bytes, decoder: "msgspec.json.Decoder[Body]", example: str) -> Body:
    """Decode a body.

    Args:
        body: the bytes.
        decoder: for what it has to be.
        example: such a body, for the hint.

    Raises:
        RefusedError: 400 if it is no JSON, 422 if it is JSON of another shape.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        said = str(error)
        raise refuse(422, f"the body does not fit: {said[:1].lower()}{said[1:]}", f"send {example}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        said = "it is empty" if not body else str(error)
        raise refuse(400, f"the body is not JSON ({said})", f"send {example}") from error


def read_instant(at: int | str) -> int:
    """Return an instant as microseconds since 1970 UTC.

    Args:
        at: such a number, or ISO 8601 text with a zone.

    Raises:
        ValueError: if it is neither; the message is a clause.
    """
    if isinstance(at, int):
        if not -_INT64 <= at < _INT64:
            raise ValueError(f"{at} has more than 64 bits")
        return at
    try:
        moment = dt.datetime.fromisoformat(at)
    except ValueError:
        raise ValueError(f"{at[:50]!r} is no ISO 8601 date and time") from None
    if moment.tzinfo is None:
        raise ValueError(f"{at[:50]!r} names no zone")
    return (moment - _EPOCH) // _US


def check_row(row: Mapping[str, Any], layout: Layout) -> dict[str, Scalar]:
    """Return the columns that a layout reads of a row; a column that it does not read is passed over.

    Null is a value as any other, but for the key; a number where a float is due becomes one, and so does an instant
    that was written as text; a list of numbers where an embedding is due becomes one.

    Args:
        row: what the caller sent.
        layout: what the features read.

    Raises:
        RefusedError: 422 for a column that is missing or of another kind, and for a key that is null.
    """
    checked: dict[str, Scalar] = {}
    for name, kind in layout.request.items():
        value: Any = row.get(name, _ABSENT)
        if value is None:
            if name in layout.key:
                raise refuse(422, f"column {name!r} is null, and it names the row", "send the row's key")
        elif value is _ABSENT:
            raise refuse(422, f"the row lacks column {name!r}", _suggest(name, row, layout))
        elif kind not in _TAKEN:
            value = _read_embedding(name, kind, value)
        elif type(value) not in _TAKEN[kind]:
            raise _wrong_kind(name, kind, value)
        elif kind == "float":
            value = _read_float(name, value)
        elif kind == "int" and not -_INT64 <= value < _INT64:
            raise _wrong_kind(name, kind, value)
        elif kind == "instant":
            try:
                value = read_instant(value)
            except ValueError as error:
                raise refuse(422, f"column {name!r}: {error}", f"send {_SAID[kind]}") from error
        checked[name] = value
    return checked


def name_row(row: Mapping[str, Any], layout: Layout) -> str:
    """Return the key of a row, joined; RefusedError 422 if a column of it is missing."""
    try:
        return join_key(tuple([row[name] for name in layout.key]))
    except KeyError as error:
        name = str(error.args[0])
        raise refuse(422, f"the row lacks column {name!r}", _suggest(name, row, layout)) from None


def _suggest(name: str, row: Mapping[str, Any], layout: Layout) -> str:
    extra = [column for column in row if column not in layout.request and len(column) <= _LONGEST_NAME]
    if extra:
        return f"{name!r}: {did_you_mean(name, extra)}"
    return f"send {', '.join(layout.request)}; null where there is no value"


def _read_float(name: str, value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        raise _wrong_kind(name, "float", value) from None


def _read_embedding(name: str, kind: Kind, value: Any) -> bytes:
    """Return a list or an array of numbers as an embedding; RefusedError 422 if it is none of that length."""
    length = length_of(kind)
    try:
        numbers = np.asarray([value], dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        numbers = np.empty(0)
    embedding = pack_numbers(numbers) if numbers.shape == (1, length) else None
    if embedding is None or isinstance(value, str) or not np.isfinite(numbers_of(embedding)).all():
        said = f"a list of {length} finite numbers"
        raise refuse(422, f"column {name!r} takes an {kind}, {said}", f"send {said}, or null")
    return embedding.tobytes()


def _wrong_kind(name: str, kind: Kind, value: object) -> Exception:
    said = msgspec.json.encode(value).decode()
    said = said if len(said) <= 50 else f"{said[:50]}..."
    return refuse(422, f"column {name!r} takes {_SAID[kind]}, not {said}", f"send {_SAID[kind]}, or null")
