"""The shelf: which bundle each registered version is, for servers, which read nothing else of the control plane."""

from pathlib import Path
from typing import Final

import msgspec

from shipway.core.error import ShipwayError

SHELF: Final = "shelf.json"
"""The shelf's file in a project's folder of state."""


class Shelved(msgspec.Struct, frozen=True, kw_only=True):
    """A registered version.

    Attributes:
        model: the model's name.
        version: its number.
        bundle: digest of its bundle.
        signature: digest of the signature of its bundle; empty where it is not signed.
    """

    model: str
    version: int
    bundle: str
    signature: str = ""


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """What a server may load.

    Attributes:
        versions: those that are registered.
    """

    versions: tuple[Shelved, ...] = ()


def read_shelf(state: Path) -> Shelf:
    """Return a project's shelf, an empty one where nothing was registered yet.

    Args:
        state: its folder of state.

    Raises:
        ShipwayError: SW-605 if its file cannot be read.
    """
    path = state / SHELF
    try:
        return msgspec.json.decode(path.read_bytes(), type=Shelf)
    except FileNotFoundError:
        return Shelf()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ShipwayError("SW-605", f"{path} is damaged ({error})", "write it again with shipway run") from error
