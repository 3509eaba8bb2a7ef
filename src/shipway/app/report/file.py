"""Writing a page to the file that a person named."""

from errno import ENOSPC
from pathlib import Path

from shipway.core.error import ShipwayError
from shipway.kit.file import write_atomic


def write_page(path: Path, page: str) -> Path:
    """Write a page to a file, whole or not at all, over what was there; its folder is made where it is missing.

    Raises:
        ShipwayError: SW-601 if the disk is full, SW-602 if the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, page.encode())
    except OSError as error:
        code = "SW-601" if error.errno == ENOSPC else "SW-602"
        raise ShipwayError(code, f"{path} cannot be written: {error.strerror}", "name a file you may write") from error
    return path
