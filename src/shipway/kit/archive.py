"""Archives from anywhere: what they would come to is known before anything of them is unpacked."""

from pathlib import Path
from typing import Final
from zipfile import BadZipFile, ZipFile

HARMLESS_BYTES: Final = 256 << 20
"""What any archive may come to."""
MOST_TIMES: Final = 100
"""How many times its own size a larger one may come to: deflate reaches 1,032, and what people keep seldom ten."""


def check_archive(path: Path) -> None:
    """Refuse a zip file that would come to far more than it is.

    The sizes are those that its directory states. Overlapping members count each, and no reader of the standard
    library gives more bytes of a member than the directory says it has.

    Args:
        path: the file.

    Raises:
        ValueError: if it is no zip file, or would come to more than 256 MB and a hundred times its size; the message is
            a clause.
        OSError: if it cannot be read.
    """
    try:
        with ZipFile(path) as archive:
            check_members(archive, path.stat().st_size)
    except BadZipFile as error:
        raise ValueError(f"it is no zip file: {error}") from error


def check_members(archive: ZipFile, size: int) -> None:
    """Refuse an open zip file as `check_archive` does.

    Args:
        archive: it.
        size: its bytes.

    Raises:
        ValueError: if it would come to too much; the message is a clause.
    """
    whole = sum(member.file_size for member in archive.infolist())
    if whole > bound_bytes(size):
        raise ValueError(f"its {size:,} bytes would come to {whole:,}")


def bound_bytes(size: int) -> int:
    """Return how many bytes may come of an archive or a compressed stream.

    Args:
        size: its own bytes.
    """
    return max(HARMLESS_BYTES, MOST_TIMES * size)
