"""Where an answer is to be written, looked at before it is worked for."""

import os
from pathlib import Path

from shipway.core.error import ShipwayError


def check_target(path: Path) -> None:
    """Refuse the path of a file that could not be written; nothing is made.

    Raises:
        ShipwayError: SW-602 if the path is a folder, or its folder is not there or cannot be written.
    """
    if path.is_dir():
        raise ShipwayError("SW-602", f"{path} is a folder, and a file is to be written there", "name a file in it")
    folder = path.parent
    if not folder.is_dir():
        hint = f"make it first: mkdir -p {folder}" if not folder.exists() else f"{folder} is a file: name another place"
        raise ShipwayError("SW-602", f"cannot write {path}: {folder} is no folder", hint)
    if not os.access(folder, os.W_OK | os.X_OK):
        hint = "name another place, or give this user the right to write there"
        raise ShipwayError("SW-602", f"cannot write {path}: {folder} is not open to this user", hint)
