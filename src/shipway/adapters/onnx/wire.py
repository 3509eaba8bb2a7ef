"""What a graph refers to outside of itself, read from its bytes before any engine does.

A tensor may say that its values are in a file. ONNX Runtime 1.32 reads such a file of the working folder, also for a
graph that it is given as bytes, and answers with what is in it. A bundle has its graph whole, so any such tensor is
refused. Only the messages on the way to tensors are looked into, by the field numbers of `onnx.proto` (onnx 1.23); the
wire format is that of protobuf.

A server reads a graph here while it answers, and every step of Python takes the interpreter from whoever waits for an
answer. So a graph without the word that names a file is not walked through at all, and an ensemble of trees, which has
each number of its nodes in a field of its own, is passed over thousands of numbers at a time.
"""

import re
from collections.abc import Iterator
from typing import Final

_DEEPEST: Final = 64
"""Graphs within graphs beyond this are no model."""
_TENSOR: Final = "tensor"
_INSIDE: Final[dict[str, dict[int, str]]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: _TENSOR, 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: _TENSOR, 6: "graph", 10: _TENSOR, 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: _TENSOR, 2: _TENSOR},
}
_WORD: Final = b"location"
"""Key of the entry with a file's name: ONNX Runtime reads no file for a tensor without it."""
_TEXT: Final = b"|".join(rb"%b.{%d}" % (re.escape(bytes([length])), length) for length in range(33))
# Fields 7, 8 and 9 of an attribute: a float, an int, and a text of up to 32 bytes.
_RUN: Final = re.compile(rb"(?:\x3d.{4}|\x40[\x80-\xff]{0,9}[\x00-\x7f]|\x4a(?:%b)){1,4096}" % _TEXT, re.DOTALL)
"""What is passed over at a time; it ends so that whoever waits for the interpreter gets it."""
_NAME: Final = 8
_EXTERNAL_DATA: Final = 13
_DATA_LOCATION: Final = 14


def find_external(data: bytes) -> str | None:
    """Return the name of a tensor whose values are not in the graph itself; None where all are.

    Raises:
        ValueError: for bytes that are no message, or too deep.
    """
    view = memoryview(data)
    if _WORD not in data:
        # What is no message at all is refused here as well; the engine refuses what is none further inside.
        for _ in _read_fields(view):
            continue
        return None
    waiting: list[tuple[str, memoryview, int]] = [("model", view, 0)]
    while waiting:
        kind, message, depth = waiting.pop()
        if depth > _DEEPEST:
            raise ValueError("its graphs are within one another beyond measure")
        if kind == _TENSOR:
            name = _read_tensor(message)
            if name is not None:
                return name
            continue
        inside = _INSIDE[kind]
        for field, value in _read_fields(message, _RUN if kind == "attribute" else None):
            if field in inside and isinstance(value, memoryview):
                waiting.append((inside[field], value, depth + 1))
    return None


def _read_tensor(message: memoryview) -> str | None:
    name, external = "", False
    for field, value in _read_fields(message):
        if field == _NAME and isinstance(value, memoryview):
            name = bytes(value).decode(errors="replace")
        external |= field == _EXTERNAL_DATA or (field == _DATA_LOCATION and value != 0)
    return (name or "without a name") if external else None


def _read_fields(
    message: memoryview, passed: re.Pattern[bytes] | None = None
) -> Iterator[tuple[int, memoryview | int]]:
    """Yield the fields of a message, but for those that are passed over."""
    at, end = 0, len(message)
    while at < end:
        run = None if passed is None else passed.match(message, at)
        if run is not None:
            at = run.end()
            continue
        key, at = _read_number(message, at)
        kind = key & 7
        if kind == 0:
            value, at = _read_number(message, at)
            yield key >> 3, value
            continue
        length = {1: 8, 5: 4}.get(kind, 0)
        if kind == 2:
            length, at = _read_number(message, at)
        elif not length:
            raise ValueError(f"it has a field of kind {kind}")
        if at + length > end:
            raise ValueError("it ends in the middle")
        yield key >> 3, message[at : at + length]
        at += length


def _read_number(message: memoryview, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(message) and shift < 70:
        byte = message[at]
        number |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return number, at
        shift += 7
    raise ValueError("it ends in the middle of a number")
