"""The shelf: which bundle each registered version is, for servers, which read nothing else of the control plane."""

from typing import Final

import msgspec

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
