r"""Patterns on text that mean the same everywhere: in Python, in Polars and in a warehouse.

A pattern matches a whole text. It is written in the part of regular expressions that all engines share: characters,
`.` (anything but a line feed), sets such as `[A-Z0-9]` and `[^,]`, `\d`, `\w` and `\s` for ASCII, groups, `|`, and
the counts `? * + {2} {2,} {2,5}`. What they read differently (anchors, look-around, back-references, words and cases of
other alphabets) is refused, and what they write differently is spelt out by `expand_pattern`.
"""

import re
from typing import Final

_SETS: Final = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\x09-\x0d\x20"}
_CONTROLS: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v"}
_WIDTHS: Final = {"x": 2, "u": 4, "U": 8}
_SPECIAL: Final = frozenset(r"\.[](){}|?*+^$")
_COUNT: Final = re.compile(r"\{([0-9]{1,4})(?:(,)([0-9]{1,4})?)?\}")


def expand_pattern(pattern: str) -> str:
    """Return a pattern spelt so that every engine reads it alike: nothing but escapes, sets, groups and counts.

    Raises:
        ValueError: if engines read it differently, or it is no pattern; the message is one clause about it.
    """
    written: list[str] = []
    place, open_groups, countable = 0, 0, False
    while place < len(pattern):
        sign = pattern[place]
        match sign:
            case "(":
                if pattern.startswith("(?", place) and not pattern.startswith("(?:", place):
                    raise ValueError("only plain groups mean the same everywhere")
                place += 3 if pattern.startswith("(?:", place) else 1
                written.append("(?:")
                open_groups, countable = open_groups + 1, False
                continue
            case ")":
                if not open_groups:
                    raise ValueError("a group is closed that was not opened")
                open_groups, countable = open_groups - 1, True
                written.append(")")
            case "|":
                written.append("|")
                countable = False
            case "?" | "*" | "+" | "{":
                if not countable:
                    raise ValueError(f"{sign!r} counts nothing, or counts twice")
                text, place = _read_count(pattern, place)
                written.append(text)
                countable = False
                continue
            case "[":
                text, place = _read_set(pattern, place)
                written.append(text)
                countable = True
                continue
            case "^" | "$":
                raise ValueError(f"{sign!r} is not needed: a pattern matches the whole text")
            case "]" | "}":
                raise ValueError(f"{sign!r} stands alone: write \\{sign}")
            case ".":
                written.append("[^\\n]")
                countable = True
            case "\\":
                text, place = _read_escape(pattern, place)
                written.append(f"[{text}]" if text in _SETS.values() else text)
                countable = True
                continue
            case _:
                written.append(_spell(sign))
                countable = True
        place += 1
    if open_groups:
        raise ValueError("a group is not closed")
    return "".join(written)


def _read_count(pattern: str, place: int) -> tuple[str, int]:
    if pattern[place] != "{":
        return pattern[place], place + 1
    found = _COUNT.match(pattern, place)
    if found is None:
        raise ValueError("'{' counts nothing: write {2}, {2,} or {2,5}, or \\{ for the character")
    least, comma, most = found.groups()
    if most is not None and int(most) < int(least):
        raise ValueError(f"{found.group()} counts down")
    if max(int(least), int(most or 0)) > 1000:
        raise ValueError(f"{found.group()} counts too far: 1000 is the most")
    return (f"{{{int(least)}{comma or ''}{'' if most is None else int(most)}}}"), found.end()


def _read_set(pattern: str, place: int) -> tuple[str, int]:
    """Read `[...]` and return it with every character escaped that an engine might read as something else."""
    place += 1
    turned = pattern.startswith("^", place)
    place += turned
    written: list[str] = []
    while True:
        if place >= len(pattern):
            raise ValueError("a set is not closed")
        if pattern[place] == "]":
            break
        low, place = _read_member(pattern, place)
        if low in _SETS.values() or not (
            pattern.startswith("-", place) and pattern[place + 1 : place + 2] not in ("", "]")
        ):
            written.append(low if low in _SETS.values() else _spell(low, inside=True))
            continue
        high, place = _read_member(pattern, place + 1)
        if len(high) != 1 or high < low:
            raise ValueError(f"the range from {low!r} to {high!r} is none")
        written.append(f"{_spell(low, inside=True)}-{_spell(high, inside=True)}")
    if not written:
        raise ValueError("a set has no members")
    return f"[{'^' if turned else ''}{''.join(written)}]", place + 1


def _read_member(pattern: str, place: int) -> tuple[str, int]:
    r"""Return a member of a set: one character, or the members that `\d`, `\w` or `\s` stands for."""
    if pattern[place] != "\\":
        if pattern[place] == "[":
            raise ValueError("'[' stands in a set: write \\[")
        return pattern[place], place + 1
    sign = pattern[place + 1 : place + 2]
    if sign in _SETS and sign:
        return _SETS[sign], place + 2
    return _read_character(pattern, place)


def _read_escape(pattern: str, place: int) -> tuple[str, int]:
    sign = pattern[place + 1 : place + 2]
    if sign in _SETS and sign:
        return _SETS[sign], place + 2
    character, place = _read_character(pattern, place)
    return _spell(character), place


def _read_character(pattern: str, place: int) -> tuple[str, int]:
    """Return the one character that an escape stands for."""
    sign = pattern[place + 1 : place + 2]
    if sign in _CONTROLS and sign:
        return _CONTROLS[sign], place + 2
    if sign in _WIDTHS and sign:
        digits = pattern[place + 2 : place + 2 + _WIDTHS[sign]]
        if not re.fullmatch(f"[0-9A-Fa-f]{{{_WIDTHS[sign]}}}", digits):
            raise ValueError(f"\\{sign} wants {_WIDTHS[sign]} digits, such as \\{sign}{'0' * (_WIDTHS[sign] - 2)}e9")
        code = int(digits, 16)
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise ValueError(f"\\{sign}{digits} is no character")
        return chr(code), place + 2 + _WIDTHS[sign]
    if not sign or sign.isalnum():
        raise ValueError(f"\\{sign} is not read alike everywhere")
    return sign, place + 2


def _spell(character: str, *, inside: bool = False) -> str:
    """Return a character so that no engine takes it for anything else."""
    if character == "\n":
        return "\\n"
    if character in _SPECIAL or (inside and character in "-&~"):
        return f"\\{character}"
    return character
