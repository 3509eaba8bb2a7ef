"""Finding, reading and loading a project: shipway.toml and the Python file beside it."""

import datetime as dt
import importlib.util
import sys
import tomllib
from dataclasses import dataclass
from functools import cached_property
from importlib.machinery import SourceFileLoader
from pathlib import Path

import msgspec

from shipway.app.meaning import digest_meaning
from shipway.core.composite import find_features
from shipway.core.config import Config, instant_of, read_config
from shipway.core.error import ShipwayError
from shipway.core.registry import Registry, collecting
from shipway.kit.blame import blame_line, describe
from shipway.kit.canonical import digest_bytes, digest_value
from shipway.kit.package import PACKAGE
from shipway.kit.suggestion import did_you_mean
from shipway.kit.version import VERSION
from shipway.ports.adapter import needs_extra

PROJECT_FILE = "shipway.toml"
STATE_FOLDER = ".shipway"


@dataclass(frozen=True)
class Project:
    """A project whose file has been read; its Python file is loaded when declarations are first asked for.

    Attributes:
        root: the folder with shipway.toml.
        config: what it says.
    """

    root: Path
    config: Config

    @cached_property
    def registry(self) -> Registry:
        """Return the declarations of the project's Python file, loading it on first use; errors as `load_registry`."""
        return load_registry(self.root, self.config)

    @cached_property
    def sources_digest(self) -> str:
        """Return the digest of what the project's Python files do, which a task that runs user code depends on."""
        files = sorted(path for path in self.root.rglob("*.py") if not _hidden(path.relative_to(self.root)))
        return digest_value({str(path.relative_to(self.root)): digest_meaning(path.read_bytes()) for path in files})

    @property
    def signers(self) -> tuple[Path, ...]:
        """Return the files with the public keys that the project trusts; none where it asks for no signature."""
        return tuple(self.root / key for key in self.config.security.signers)

    def instant(self, moment: dt.datetime) -> int:
        """Return a time of the file as microseconds since 1970 UTC, in the project's time zone."""
        return instant_of(moment, self.config.project.timezone)


def find_project(start: Path, *, upward: bool = True) -> Project:
    """Find the project a folder belongs to and read its file.

    Args:
        start: the folder.
        upward: whether the folders above it are looked at too.

    Raises:
        ShipwayError: SW-101 if no folder looked at has a shipway.toml, SW-102 if it is not valid.
    """
    start = start.resolve()
    for folder in (start, *(start.parents if upward else ())):
        if (folder / PROJECT_FILE).is_file():
            return Project(folder, _read(folder / PROJECT_FILE))
    raise ShipwayError(
        "SW-101",
        f"there is no {PROJECT_FILE} in {start}{' or above it' if upward else ''}",
        "go to a project's folder, or make one with: shipway init NAME",
    )


def load_registry(root: Path, config: Config) -> Registry:
    """Run the project's Python file and return what it declares.

    Raises:
        ShipwayError: SW-103 if the file is missing or raises, with the line; SW-701 if it imports a library of an extra
            that is not installed; what a declaration refuses, with the line it stands on.
    """
    path = root / config.project.module
    if not path.is_file():
        raise ShipwayError(
            "SW-103",
            f"{path.name} is not there, and {PROJECT_FILE} names it as the project's module",
            "write the definitions there, or name another file under [project] module",
        )
    if path.suffix != ".py":
        raise ShipwayError(
            "SW-103", f"{path.name} is no Python file", "give the project's module a name that ends in .py"
        )
    spec = importlib.util.spec_from_file_location(name_module(config.project.name), path)
    assert spec is not None
    assert isinstance(spec.loader, SourceFileLoader)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(root))
    sys.modules[spec.name] = module
    try:
        with collecting() as registry:
            # The file as it stands is what runs: a cache of its code would be told from it by its size and by seconds.
            exec(spec.loader.source_to_code(path.read_bytes(), str(path)), module.__dict__)
        find_features(registry)
    except ShipwayError as error:
        raise ShipwayError(error.code, f"{_place(error, root)}{error.fact}", error.hint) from error
    except ModuleNotFoundError as error:
        raise needs_extra((error.name or "").partition(".")[0], path.name) from error
    except SyntaxError as error:
        where = f"{path.name}:{error.lineno}"
        raise ShipwayError("SW-103", f"{where} is not valid Python: {error.msg}", "correct the line") from error
    except Exception as error:
        said = describe(error)
        raise ShipwayError("SW-103", f"{_place(error, root)}{said}", "correct the line, then run again") from error
    finally:
        sys.path.remove(str(root))
    _check_names(config, registry)
    return registry


def name_module(project: str) -> str:
    """Return the name under which the module of a project is imported, by which nobody else's is."""
    return f"shipway_project_{project}"


def build_digest() -> str:
    """Return the digest of the running shipway's version and sources, which every task depends on."""
    files = sorted(path for path in PACKAGE.rglob("*.py") if "examples" not in path.parts)
    parts = {str(path.relative_to(PACKAGE)): digest_bytes(path.read_bytes()) for path in files}
    return digest_value([VERSION, parts])


def _read(path: Path) -> Config:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ShipwayError("SW-102", f"{path.name} is not valid TOML: {error}", "correct the line it names") from error
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise ShipwayError("SW-102", f"{path.name} cannot be read: {error}", "make it a readable UTF-8 file") from error
    return read_config(data)


def _check_names(config: Config, registry: Registry) -> None:
    for name in config.models:
        if name not in registry.models:
            raise ShipwayError(
                "SW-104",
                f"{PROJECT_FILE} configures model {name!r}, which is not declared",
                did_you_mean(name, registry.models),
            )
    for gate in registry.gates.values():
        for name in gate.models:
            if name not in registry.models:
                fact = f"gate {gate.name!r} is for model {name!r}, which is not declared"
                raise ShipwayError("SW-104", fact, did_you_mean(name, registry.models))
    for source in registry.sources.values():
        for raw in source.raw:
            if raw not in config.raw:
                raise ShipwayError(
                    "SW-104",
                    f"source {source.name!r} needs raw input {raw!r}, which [raw] in {PROJECT_FILE} does not name",
                    did_you_mean(raw, config.raw),
                )


def _place(error: BaseException, root: Path) -> str:
    """Return `file:line: ` of the innermost line inside the project, or nothing."""
    line = blame_line(error, lambda path: path.is_relative_to(root))
    return f"{line}: " if line else ""


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.parts)
