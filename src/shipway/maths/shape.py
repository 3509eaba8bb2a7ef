r"""The shape that texts have in common, as a pattern: `A-17` and `B-204` are both `[A-Z]-[0-9]{2,3}`.

Letters and digits stand for all of their kind, so that a shape says how values are written and not which there are.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

_KINDS: Final = {"upper": "A-Z", "lower": "a-z", "digit": "0-9"}
_MOST: Final = 40
"""Characters beyond which a text is prose."""
_PARTS: Final = 12
"""Runs of one kind beyond which a text is prose."""


def find_shape(texts: Iterable[str]) -> str | None:
    """Return a pattern that matches every one of some texts and says how they are written; None where none does.

    Runs of capitals, of small letters and of digits are told apart where all texts have the same; where they do not,
    the first character is told from those that follow.

    Args:
        texts: different values, at least one.
    """
    values = list(texts)
    if not values or any(not value or len(value) > _MOST or not value.isascii() for value in values):
        return None
    runs = [[(kind, sum(1 for _ in run)) for kind, run in groupby(value, _kind)] for value in values]
    first = [kind for kind, _ in runs[0]]
    if len(first) <= _PARTS and all([kind for kind, _ in each] == first for each in runs):
        lengths = [[each[place][1] for each in runs] for place in range(len(first))]
        return "".join(_write(kind, each) for kind, each in zip(first, lengths, strict=True))
    return _find_loose(values)


def _find_loose(values: Sequence[str]) -> str | None:
    heads, tails = {_kind(value[0]) for value in values}, {_kind(sign) for value in values for sign in value[1:]}
    if not (heads | tails) <= _KINDS.keys() or len(tails) == len(_KINDS):
        return None
    lengths = [len(value) - 1 for value in values]
    tail = f"[{''.join(_KINDS[kind] for kind in _KINDS if kind in tails)}]{_count(lengths)}" if tails else ""
    return f"[{''.join(_KINDS[kind] for kind in _KINDS if kind in heads)}]{tail}"


def _kind(sign: str) -> str:
    if sign.isdigit():
        return "digit"
    if sign.isalpha():
        return "upper" if sign.isupper() else "lower"
    return sign


def _write(kind: str, lengths: Sequence[int]) -> str:
    sign = f"[{_KINDS[kind]}]" if kind in _KINDS else re.sub(r"([^\w\s])", r"\\\1", kind) if kind != "-" else "-"
    return f"{sign}{_count(lengths)}"


def _count(lengths: Sequence[int]) -> str:
    least, most = min(lengths), max(lengths)
    if least == most:
        return "" if least == 1 else f"{{{least}}}"
    return f"{{{least},{most}}}"
