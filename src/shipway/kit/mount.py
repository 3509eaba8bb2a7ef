"""On which file system a folder is, and whether that is one of another machine."""

from pathlib import Path
from typing import Final

MOUNTS: Final = Path("/proc/self/mounts")
"""Where Linux says what is mounted where."""
_NETWORK: Final = (
    "nfs",
    "cifs",
    "smb",
    "afs",
    "9p",
    "ceph",
    "lustre",
    "gluster",
    "gpfs",
    "beegfs",
    "ocfs2",
    "gfs2",
    "fuse.",
)


def find_file_system(folder: Path, mounts: str) -> str:
    """Return the type of the file system that a folder is on, such as `ext4`; empty if nothing says so.

    Args:
        folder: absolute, without links.
        mounts: what is mounted, a line each: device, place, type.
    """
    found, longest = "", -1
    for line in mounts.splitlines():
        words = line.split(" ")
        if len(words) < 3:
            continue
        # Spaces and the like stand in octal.
        place = Path(words[1].encode().decode("unicode_escape"))
        # Of two at one place the later hides the earlier.
        if folder.is_relative_to(place) and len(place.parts) >= longest:
            found, longest = words[2], len(place.parts)
    return found


def is_network(kind: str) -> bool:
    """Tell whether a type of file system is one whose files other machines may have open."""
    return kind.startswith(_NETWORK)
