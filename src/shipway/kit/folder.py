"""Folders that are whole or absent."""

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from shipway.kit.file import make_folder, sync_folder

_MODE: Final = 0o755


@contextmanager
def stage_folder(target: Path) -> Generator[Path]:
    """Give a hidden folder to write into; at the end of the block it gets the target's name in one step.

    If the block raises, nothing stays behind. A process that is killed leaves the hidden folder beside the target,
    which does no harm.

    Args:
        target: the folder's name; folders above it are made. Where it exists it must be empty.

    Raises:
        FileExistsError: if the target is a file, or a folder that is not empty.
    """
    target = target.absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(f"{target} is not an empty folder")
    make_folder(target.parent)
    staged = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield staged
        staged.chmod(_MODE)
        staged.replace(target)
        sync_folder(target.parent)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
