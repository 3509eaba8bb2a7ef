"""New projects from the template that comes with shipway: small, complete, and with data of their own."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from shipway.adapters.file.fault import translate_fault
from shipway.app.shop import make_orders
from shipway.core.error import ShipwayError
from shipway.kit.file import write_atomic
from shipway.kit.folder import stage_folder
from shipway.kit.package import PACKAGE

TEMPLATE: Final = PACKAGE / "templates" / "project"
NAMED: Final = ("shipway.toml", "README.md")
"""Files of the template in which `{name}` stands for the project's name."""
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]*")


class Created(msgspec.Struct, frozen=True, kw_only=True):
    """A project that was made: its name, its folder and the files in it."""

    name: str
    path: str
    files: tuple[str, ...]


def init_project(name: str, folder: Path) -> Created:
    """Make a project that runs as it is.

    Args:
        name: the project's name.
        folder: where its folder goes, which is called by its name.

    Raises:
        ShipwayError: SW-106 if the name cannot be one, SW-107 if there is something in its folder, SW-601 or SW-602 if
            it cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise ShipwayError(
            "SW-106", f"{name!r} cannot be a project's name", "use lower-case letters, digits, - and _, a letter first"
        )
    files = {path.name: path.read_text(encoding="utf-8") for path in sorted(TEMPLATE.iterdir()) if path.is_file()}
    files = {path: text.replace("{name}", name) if path in NAMED else text for path, text in files.items()}
    files[".gitignore"] = files.pop("gitignore")
    files["orders.csv"] = make_orders()
    with stage_target(folder / name) as staged:
        for path, text in files.items():
            write_atomic(staged / path, text.encode())
    return Created(name=name, path=str((folder / name).absolute()), files=tuple(sorted(files)))


@contextmanager
def stage_target(target: Path) -> Generator[Path]:
    """Give a hidden folder to write into, which becomes the target in one step.

    Raises:
        ShipwayError: SW-107 if the target is not an empty folder, SW-601 or SW-602 if it cannot be written.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ShipwayError("SW-107", f"{target} is not an empty folder", "name another one, or empty it first")
    with translate_fault(target), stage_folder(target) as staged:
        yield staged
