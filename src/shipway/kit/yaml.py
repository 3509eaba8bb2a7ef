"""Writing YAML that every reader of YAML reads alike: plain blocks, and texts always in double quotes."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS: Final = frozenset(["true", "false", "null", "yes", "no", "on", "off", "y", "n"])
_WIDEST: Final = 0xFFFF
_LONGEST_KEY: Final = 1_000
"""Characters of a key that stands before a colon; YAML allows 1,024, and longer ones only after a question mark."""


def write_yaml(value: Mapping[str, Any]) -> bytes:
    """Return a mapping as a YAML document (version 1.2): keys in their order, texts quoted as JSON quotes them.

    Args:
        value: texts, numbers, booleans, None, and mappings and sequences of those.
    """
    return "".join(f"{line}\n" for line in _block(value)).encode()


def _block(value: Any) -> list[str]:
    if isinstance(value, Mapping) and value:
        return [line for name, inner in cast("Mapping[str, Any]", value).items() for line in _under(_key(name), inner)]
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        return [line for inner in cast("Sequence[Any]", value) for line in _item(inner)]
    return [_scalar(value)]


def _under(key: str, value: Any) -> list[str]:
    lines = _block(value)
    before, named = ([], key) if len(key) <= _LONGEST_KEY else ([f"? {key}"], "")
    if not isinstance(value, str) and isinstance(value, Mapping | Sequence) and value:
        return [*before, f"{named}:", *(f"  {line}" for line in lines)]
    return [*before, f"{named}: {lines[0]}"]


def _item(value: Any) -> list[str]:
    first, *more = _block(value)
    return [f"- {first}", *(f"  {line}" for line in more)]


def _key(name: str) -> str:
    return name if _PLAIN.fullmatch(name) and name.lower() not in _WORDS else _text(name)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, Sequence):
        return "[]"
    if isinstance(value, float):
        return _number(value)
    return json.dumps(value)


def _number(value: float) -> str:
    """Return a number with a point in it, without which readers of YAML 1.1 take one with an exponent for a text."""
    if not math.isfinite(value):
        return ".nan" if value != value else ".inf" if value > 0 else "-.inf"
    mantissa, e, exponent = repr(value).partition("e")
    return f"{mantissa if '.' in mantissa else f'{mantissa}.0'}{e}{exponent}"


def _text(text: str) -> str:
    """Return a text in double quotes; JSON's escapes are YAML's, but for characters beyond sixteen bits."""
    inner = (f"\\U{ord(c):08x}" if ord(c) > _WIDEST else json.dumps(c)[1:-1] for c in text)
    return f'"{"".join(inner)}"'
