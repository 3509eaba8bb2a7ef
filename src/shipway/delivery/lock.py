"""What is installed of what shipway needs, so that the environment a bundle was made in can be made again."""

import os
import platform
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any, Final

from shipway.core.error import ShipwayError

EXTRAS: Final = ("train", "serve")
"""Extras of shipway whose distributions take part in making and serving a model."""

_REQUIREMENT: Final = re.compile(
    r"\s*(?P<name>[\w.-]+)\s*(?:\[(?P<extras>[^\]]*)\])?[^;]*(?:;(?P<marker>.*))?", re.DOTALL
)
_TOKEN: Final = re.compile(r"""\s*([()]|"[^"]*"|'[^']*'|not\s+in\b|[<>=!~]+|[\w.]+)""")
_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "in": lambda a, b: a in b,
    "not in": lambda a, b: a not in b,
}


def lock_environment(root: str = "shipway", extras: Sequence[str] = EXTRAS) -> str:
    """Return the installed distributions that another one needs, as a requirements file.

    Args:
        root: the distribution to start from.
        extras: which of its extras count; the extras its requirements name are followed too.

    Returns:
        A comment with the Python version, then `name==version` lines sorted by name. What a requirement asks for and is
        not installed, such as an extra left out, is not there.

    Raises:
        ShipwayError: SW-501 if the root itself is not installed, or a requirement's condition cannot be read.
    """
    found = _installed(root)
    if found is None:
        raise ShipwayError(
            "SW-501", f"{root} is not installed as a distribution", "install it, such as with pip install -e ."
        )
    seen: dict[str, set[str]] = {}
    versions: dict[str, str] = {}
    waiting = [(root, frozenset(extras))]
    while waiting:
        name, wanted = waiting.pop()
        found = _installed(name)
        if found is None or (wanted <= seen.get(name, set()) and name in versions):
            continue
        versions[name] = found.version
        seen.setdefault(name, set()).update(wanted)
        waiting.extend(_needs(found, seen[name]))
    lines = [f"{name}=={version}" for name, version in sorted(versions.items())]
    return "\n".join([f"# Python {platform.python_version()}", *lines]) + "\n"


def read_lock(lock: str) -> dict[str, str]:
    """Return the version of each distribution in a lock."""
    lines = (line.partition("==") for line in lock.splitlines() if "==" in line)
    return {name: version for name, _, version in lines}


def evaluate_marker(marker: str, extras: Sequence[str] = ()) -> bool:
    """Tell whether a requirement's condition holds here (PEP 508, section "Environment Markers").

    Versions are compared as dotted numbers where both sides are, and as text otherwise; `~=` is not known.

    Args:
        marker: such as `python_version < "3.12" and extra == "train"`.
        extras: the extras asked for; a condition on `extra` holds if it does for one of them.

    Raises:
        ShipwayError: SW-501 if the condition cannot be read.
    """
    return any(_Marker(marker, {**_environment(), "extra": _plain(extra)}).evaluate() for extra in extras or ("",))


class _Marker:
    """A condition being read from left to right; `and` binds closer than `or`."""

    def __init__(self, text: str, environment: dict[str, str]) -> None:
        self._text = text
        self._tokens = list(_tokenise(text))
        self._environment = environment

    def evaluate(self) -> bool:
        value = self._any()
        if self._tokens:
            raise _unreadable(self._text)
        return value

    def _any(self) -> bool:
        value = self._all()
        while self._next_is("or"):
            value = self._all() or value
        return value

    def _all(self) -> bool:
        value = self._one()
        while self._next_is("and"):
            value = self._one() and value
        return value

    def _one(self) -> bool:
        if self._next_is("("):
            value = self._any()
            if not self._next_is(")"):
                raise _unreadable(self._text)
            return value
        left, sign, right = self._take(), re.sub(r"\s+", " ", self._take()), self._take()
        if sign not in _COMPARE:
            raise _unreadable(self._text)
        return _COMPARE[sign](*self._comparable(left, right))

    def _comparable(self, left: str, right: str) -> tuple[Any, Any]:
        texts = self._value(left), self._value(right)
        if left == "extra" or right == "extra":
            return _plain(texts[0]), _plain(texts[1])
        numbers = _numbers(texts[0]), _numbers(texts[1])
        return texts if None in numbers else numbers

    def _value(self, token: str) -> str:
        if token[0] in "\"'":
            return token[1:-1]
        if token not in self._environment:
            raise _unreadable(self._text)
        return self._environment[token]

    def _next_is(self, token: str) -> bool:
        if self._tokens and self._tokens[0] == token:
            self._tokens.pop(0)
            return True
        return False

    def _take(self) -> str:
        if not self._tokens:
            raise _unreadable(self._text)
        return self._tokens.pop(0)


def _needs(found: Distribution, extras: set[str]) -> Iterator[tuple[str, frozenset[str]]]:
    for requirement in found.requires or []:
        match = _REQUIREMENT.fullmatch(requirement)
        if match is None:
            raise _unreadable(requirement)
        if match["marker"] is None or evaluate_marker(match["marker"], sorted(extras)):
            asked = (extra.strip() for extra in (match["extras"] or "").split(","))
            yield _plain(match["name"]), frozenset(_plain(extra) for extra in asked if extra)


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _environment() -> dict[str, str]:
    return {
        "os_name": os.name,
        "sys_platform": sys.platform,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "python_full_version": platform.python_version(),
        "implementation_name": sys.implementation.name,
        "implementation_version": platform.python_version(),
    }


def _tokenise(text: str) -> Iterator[str]:
    rest = text.strip()
    while rest:
        match = _TOKEN.match(rest)
        if match is None:
            raise _unreadable(text)
        yield match[1]
        rest = rest[match.end() :].lstrip()


def _numbers(text: str) -> tuple[int, ...] | None:
    """Return a version's numbers without zeros at the end, since 3.11 and 3.11.0 are one version."""
    if re.fullmatch(r"\d+(\.\d+)*", text) is None:
        return None
    return tuple(int(part) for part in re.sub(r"(\.0+)+$", "", text).split("."))


def _plain(name: str) -> str:
    """Return a name the way package indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _unreadable(text: str) -> ShipwayError:
    fact = f"the requirement {text.strip()!r} of an installed distribution cannot be read"
    return ShipwayError("SW-501", fact, "install the environment again from its package index")
