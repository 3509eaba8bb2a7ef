"""What stands in the bytes of a record: an object, or an envelope of Debezium with the row before and after."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

import msgspec

from shipway.core.change import PLACE_DIGITS, Operation, Row
from shipway.data.landing import POSITIONS, RANKS, UNAVAILABLE

_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])


class UnreadableError(ValueError):
    """What is against a record, in words."""


class Line(NamedTuple):
    """A change of one row.

    Attributes:
        number: the place of its record among those that came with it, from 0.
        op: what happened.
        data: the values by column, or the row that its source decoded.
        position: where in its source it stands, as text that sorts; empty where the later counts.
        absent: columns that it leaves as they were.
    """

    number: int
    op: Operation
    data: Mapping[str, Any] | Row
    position: str
    absent: Sequence[str] = ()


def open_plain(number: int, payload: bytes, key: bytes) -> Line:
    """Return a record whose payload is a row; one without payload deletes the row of its key.

    Raises:
        UnreadableError: if the bytes are no JSON object.
    """
    if payload:
        return Line(number, "c", _decode(payload), "")
    if not key:
        raise UnreadableError("it has neither a payload nor a key")
    return Line(number, "d", _decode(key), "")


def open_envelope(number: int, payload: bytes, key: Sequence[str]) -> Iterator[Line]:
    """Yield the changes of an envelope of Debezium: none for a tombstone or a message, two where the key changes.

    Raises:
        UnreadableError: if the bytes are no such envelope.
    """
    if not payload:
        return
    envelope = _decode(payload)
    if isinstance(envelope.get("payload"), dict):
        envelope = cast("dict[str, Any]", envelope["payload"])
    elif "schema" in envelope and envelope.get("payload", 0) is None:
        return
    op = envelope.get("op")
    if op == "m":
        return
    if op != "t" and op not in RANKS:
        raise UnreadableError(
            "it has no op of Debezium" if op is None else f"its op is {op!r}, which is none of Debezium"
        )
    position = _position_of(envelope, op)
    if op == "t":
        yield Line(number, "t", {}, position)
        return
    before, after = envelope.get("before"), envelope.get("after")
    if op == "d":
        yield Line(number, "d", _row_of(before, "before"), position)
        return
    row = _row_of(after, "after")
    if op == "u" and isinstance(before, dict):
        old = cast("dict[str, Any]", before)
        if any(old.get(name) is not None and old[name] != row.get(name) for name in key) and all(
            name in old for name in key
        ):
            yield Line(number, "d", old, position)
    absent = [name for name, value in row.items() if isinstance(value, str) and value in UNAVAILABLE]
    yield Line(number, op, {**row, **dict.fromkeys(absent)} if absent else row, position, absent)


def _row_of(side: Any, name: str) -> dict[str, Any]:
    if not isinstance(side, dict):
        raise UnreadableError(f"its {name} is no row")
    return cast("dict[str, Any]", side)


def _position_of(envelope: Mapping[str, Any], op: str) -> str:
    """Return where a change stands in its source, as `landing` writes it for files."""
    source = envelope.get("source")
    named: Mapping[str, Any] = cast("dict[str, Any]", source) if isinstance(source, dict) else {}
    found = next((fields for fields in POSITIONS if fields[-1] in named or fields[0] in named), None)
    parts = [envelope["ts_ms"]] if "ts_ms" in envelope else []
    if found is not None:
        parts = [named[name] for name in found if name in named]
    padded = ["" if part is None else str(part) for part in parts]
    return ".".join([*(text.zfill(PLACE_DIGITS) for text in padded), RANKS.get(op, op)])


def _decode(payload: bytes) -> dict[str, Any]:
    try:
        return _OBJECT.decode(payload)
    except msgspec.ValidationError as fault:
        raise UnreadableError("it is no JSON object") from fault
    except msgspec.DecodeError as fault:
        raise UnreadableError(f"it is no JSON: {fault}") from fault
    except (UnicodeDecodeError, RecursionError) as fault:
        raise UnreadableError(f"it is no text: {fault}") from fault
