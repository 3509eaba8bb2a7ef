"""What a caller says of the trace that it is in: W3C's headers `traceparent`, `tracestate` and `baggage`.

https://www.w3.org/TR/trace-context/, level 2, and https://www.w3.org/TR/baggage/. What is not written as they ask is
passed over, as they ask too: a mistake in tracing is no reason not to answer.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

_PARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_MEMBER: Final = re.compile(
    r"[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)
_MOST_MEMBERS: Final = 32
_MOST_BAGGAGE: Final = 8_192
"""Bytes of a baggage that are read."""
_LONGEST: Final = 256
"""Characters of an entry of a baggage that are kept."""
_SAMPLED: Final = 1


@dataclass(frozen=True, slots=True)
class Parent:
    """The span that a request was sent from.

    Attributes:
        trace: id of its trace, 16 bytes.
        id: its own, 8 bytes.
        sampled: whether it is recorded.
        state: what systems before said of the trace; empty where that is not valid.
    """

    trace: bytes
    id: bytes
    sampled: bool
    state: str = ""


def read_parent(said: str, state: str) -> Parent | None:
    """Return the span that a request was sent from; None where its header is not valid.

    Args:
        said: the header `traceparent`.
        state: the header `tracestate`, empty where there is none.
    """
    found = _PARENT.fullmatch(said.strip())
    if found is None:
        return None
    version, trace, parent, flags, more = found.groups()
    if version == "ff" or (version == "00" and more is not None) or not trace.strip("0") or not parent.strip("0"):
        return None
    return Parent(bytes.fromhex(trace), bytes.fromhex(parent), bool(int(flags, 16) & _SAMPLED), _read_state(state))


def read_baggage(said: str, names: tuple[str, ...]) -> Mapping[str, str]:
    """Return some entries of a baggage.

    Args:
        said: the header `baggage`.
        names: of the entries.
    """
    found: dict[str, str] = {}
    for member in said[:_MOST_BAGGAGE].split(","):
        name, is_pair, value = member.partition(";")[0].partition("=")
        if is_pair and name.strip() in names:
            found[name.strip()] = unquote(value.strip())[:_LONGEST]
    return found


def _read_state(said: str) -> str:
    """Return a list of members as it was sent, empty where one of them is not valid or named twice."""
    members = [member.strip(" \t") for member in said.split(",")]
    members = [member for member in members if member]
    names = {member.partition("=")[0] for member in members}
    if len(members) > _MOST_MEMBERS or len(names) < len(members):
        return ""
    return ",".join(members) if all(_MEMBER.fullmatch(member) for member in members) else ""
