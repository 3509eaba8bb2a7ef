"""Spans as the bytes of an `ExportTraceServiceRequest`, and what is said of them read back.

https://github.com/open-telemetry/opentelemetry-proto, version 1; https://protobuf.dev/programming-guides/encoding/. The
messages are few and their fields do not change, so they are written here: building them as objects of the library takes
ten times as long. A test compares the bytes with the library's.
"""

import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from shipway.core.span import Attribute, Link, Span

_KINDS: Final = {"internal": b"\x30\x01", "server": b"\x30\x02"}
_TIMES: Final = struct.Struct("<BQBQ")
_FLOAT: Final = struct.Struct("<Bd")
_ERROR: Final = 2
_LOCAL, _REMOTE = b"\x85\x01\x00\x01\x00\x00", b"\x85\x01\x00\x03\x00\x00"
"""Field 16, flags: it is known whether the parent is of another process, and whether it is."""
_LINK_FLAGS: Final = b"\x35\x00\x01\x00\x00"
_REPEATED: Final = (str, bool, int)
_64_BITS: Final = (1 << 64) - 1
_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5


def write_spans(spans: Sequence[Span], resource: Mapping[str, Attribute], scope: str, version: str) -> bytes:
    """Return the request that brings spans.

    Args:
        spans: of one process.
        resource: what is known of it.
        scope: what made them.
        version: of that.
    """
    made = b"".join([_field(1, _write_attributes(1, resource)), _write_scope(spans, scope, version)])
    return _field(1, made)


def read_answer(body: bytes) -> tuple[int, str]:
    """Return how many spans the collector did not take, and what it says; whatever cannot be read says nothing."""
    for number, part in _list_fields(body):
        if number == 1 and isinstance(part, bytes):
            said = dict(_list_fields(part))
            rejected, message = said.get(1, 0), said.get(2, b"")
            if isinstance(rejected, int) and isinstance(message, bytes):
                return rejected, message.decode("utf-8", "replace")
    return 0, ""


def _write_scope(spans: Sequence[Span], scope: str, version: str) -> bytes:
    named = _text(1, scope) + _text(2, version)
    return _field(2, b"".join([_field(1, named), *[_field(2, _write_span(span)) for span in spans]]))


def _write_span(span: Span) -> bytes:
    parts = [b"\x0a\x10", span.trace, b"\x12\x08", span.id]
    if span.state:
        parts.append(_text(3, span.state))
    if span.parent:
        parts += [b"\x22\x08", span.parent]
    parts += [_text(5, span.name), _KINDS[span.kind], _TIMES.pack(0x39, span.began_ns, 0x41, span.ended_ns)]
    parts.append(_write_attributes(9, span.attributes))
    parts += [_field(13, _write_link(link)) for link in span.links]
    if span.error is not None:
        parts.append(_field(15, _text(2, span.error) + b"\x18" + _varint(_ERROR)))
    else:
        parts.append(b"\x7a\x00")
    parts.append(_REMOTE if span.remote else _LOCAL)
    return b"".join(parts)


def _write_link(link: Link) -> bytes:
    state = _text(3, link.state) if link.state else b""
    return b"".join([b"\x0a\x10", link.trace, b"\x12\x08", link.id, state, _LINK_FLAGS])


def _write_attributes(number: int, attributes: Mapping[str, Attribute]) -> bytes:
    return b"".join(
        [
            _write_often(number, name, value) if type(value) in _REPEATED else _write_attribute(number, name, value)
            for name, value in attributes.items()
        ]
    )


def _write_attribute(number: int, name: str, value: Attribute) -> bytes:
    return _field(number, _text(1, name) + _field(2, _write_value(value)))


_write_often: Final = lru_cache(maxsize=4_096, typed=True)(_write_attribute)
"""What most spans say alike is written once; a truth and a number that are equal are told apart."""


def _write_value(value: Attribute) -> bytes:
    if isinstance(value, str):
        return _text(1, value)
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, int):
        return b"\x18" + _varint(value & _64_BITS)
    if isinstance(value, float):
        return _FLOAT.pack(0x21, value)
    return _field(5, b"".join([_field(1, _text(1, text)) for text in value]))


def _text(number: int, text: str) -> bytes:
    # Half of a surrogate pair is no text that a collector could read.
    return _field(number, text.encode("utf-8", "replace"))


def _field(number: int, body: bytes) -> bytes:
    size = len(body)
    if size < 128 and number < 16:
        return bytes((number << 3 | _BYTES, size)) + body
    return _varint(number << 3 | _BYTES) + _varint(size) + body


def _varint(number: int) -> bytes:
    said = bytearray()
    while number > 127:
        said.append(number & 127 | 128)
        number >>= 7
    said.append(number)
    return bytes(said)


def _list_fields(body: bytes) -> list[tuple[int, int | bytes]]:
    """Return the fields of a message by number, as far as it can be read."""
    fields: list[tuple[int, int | bytes]] = []
    at = 0
    while at < len(body):
        tag, at = _read_varint(body, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _read_varint(body, at)
            fields.append((tag >> 3, value))
            continue
        if kind == _BYTES:
            size, at = _read_varint(body, at)
        elif kind in (_FIXED_32, _FIXED_64):
            size = 4 if kind == _FIXED_32 else 8
        else:
            break
        fields.append((tag >> 3, body[at : at + size]))
        at += size
    return fields


def _read_varint(body: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(body):
        number |= (body[at] & 127) << shift
        at += 1
        if body[at - 1] < 128:
            break
        shift += 7
    return number, at
