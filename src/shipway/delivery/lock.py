"""The lock of an environment: the exact versions of what a model was made with."""

import platform
import re
from importlib.metadata import PackageNotFoundError, distribution
from typing import Final

EXTRAS: Final = ("train", "serve")
_NAME: Final = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)")
_EXTRA: Final = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")


def lock_environment(package: str = "shipway") -> str:
    """Return `name==version` of every installed distribution that the package's model side needs, one a line, sorted.

    Requirements are followed from the package's base and its extras `train` and `serve`. A requirement of another extra
    is left out, and so is one that is not installed: it cannot have taken part.
    """
    found: dict[str, str] = {}
    waiting: list[tuple[str, tuple[str, ...]]] = [(package, EXTRAS)]
    while waiting:
        name, extras = waiting.pop()
        normal = _normalise(name)
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            continue
        if normal in found:
            continue
        found[normal] = installed.version
        for requirement in list[str](installed.requires or ()):
            wanted = _EXTRA.search(requirement)
            if wanted is not None and wanted.group(1) not in extras:
                continue
            matched = _NAME.match(requirement)
            if matched is not None:
                waiting.append((matched.group(1), ()))
    lines = [f"{name}=={version}" for name, version in sorted(found.items())]
    return "\n".join([f"# Python {platform.python_version()}", *lines, ""])


def _normalise(name: str) -> str:
    """Return a distribution's normal name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
