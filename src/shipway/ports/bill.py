"""The port of bills of materials: what a model was made with, in a format that other tools read."""

from collections.abc import Mapping
from typing import Protocol


class Bill(Protocol):
    """Writes bills of materials.

    Contract: equal input gives equal bytes, whatever the machine or the day.
    """

    name: str

    def write(self, model: str, version: str, packages: Mapping[str, str]) -> bytes:
        """Return the bill of a model.

        Args:
            model: the model's name.
            version: its version.
            packages: distribution to version.
        """
        ...
