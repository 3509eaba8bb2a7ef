"""XGBoost's binary model files, read without the library: they say in UBJSON what its JSON says.

The library trusts a binary file and follows what it finds there. So it is turned into JSON here, which is checked whole
before the library reads it (`document.py`).
"""

import struct
from typing import Any, Final, cast

import numpy as np

from shipway.core.error import ShipwayError

_NUMBERS: Final = {
    b"i": np.dtype(">i1"), b"U": np.dtype(">u1"), b"I": np.dtype(">i2"), b"l": np.dtype(">i4"), b"L": np.dtype(">i8"),
    b"d": np.dtype(">f4"), b"D": np.dtype(">f8"),
}  # fmt: skip
_CONSTANTS: Final = {b"Z": None, b"T": True, b"F": False}
_DEEPEST: Final = 32


def read_binary(data: bytes) -> dict[str, Any]:
    """Return what a file in UBJSON (draft 12, with the counted and typed arrays that XGBoost writes) says.

    Raises:
        ShipwayError: SW-502 if the bytes are not one whole object of UBJSON.
    """
    reader = _Reader(data)
    try:
        document: Any = reader.value(reader.take(1), _DEEPEST)
        if not isinstance(document, dict) or reader.place != len(data):
            raise ValueError("it is not one whole object")
    except (ValueError, struct.error, UnicodeDecodeError) as error:
        fact = f"these bytes are not an XGBoost model ({error})"
        raise ShipwayError("SW-502", fact, "save it again, as model.ubj or model.json") from error
    return cast("dict[str, Any]", document)


class _Reader:
    """Reads one value after the other, never beyond the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.place = 0

    def take(self, size: int) -> bytes:
        if size < 0 or self.place + size > len(self._data):
            raise ValueError(f"it ends at byte {len(self._data)}, in the middle of something")
        taken = self._data[self.place : self.place + size]
        self.place += size
        return taken

    def value(self, kind: bytes, depth: int) -> Any:
        if kind in _CONSTANTS:
            return _CONSTANTS[kind]
        if kind in _NUMBERS:
            return self._number(kind)
        if kind in (b"S", b"C"):
            return self.take(self._count() if kind == b"S" else 1).decode()
        if depth == 0:
            raise ValueError(f"it is more than {_DEEPEST} levels deep")
        if kind == b"{":
            return self._object(depth - 1)
        if kind == b"[":
            return self._array(depth - 1)
        raise ValueError(f"there is no value of kind {kind!r}")

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self._peek() != b"}":
            name = self.take(self._count()).decode()
            found[name] = self.value(self.take(1), depth)
        self.take(1)
        return found

    def _array(self, depth: int) -> list[Any]:
        if self._peek() == b"$":
            self.take(1)
            kind = self.take(1)
            if kind not in _NUMBERS or self.take(1) != b"#":
                raise ValueError("it has a typed array of something else than numbers")
            dtype, count = _NUMBERS[kind], self._count()
            return np.frombuffer(self.take(count * dtype.itemsize), dtype).tolist()
        if self._peek() == b"#":
            self.take(1)
            return [self.value(self.take(1), depth) for _ in range(self._count())]
        found: list[Any] = []
        while self._peek() != b"]":
            found.append(self.value(self.take(1), depth))
        self.take(1)
        return found

    def _number(self, kind: bytes) -> int | float:
        dtype = _NUMBERS[kind]
        return np.frombuffer(self.take(dtype.itemsize), dtype)[0].item()

    def _count(self) -> int:
        kind = self.take(1)
        count = self._number(kind) if kind in _NUMBERS else -1
        if not isinstance(count, int) or count < 0:
            raise ValueError("it has a length that is none")
        return count

    def _peek(self) -> bytes:
        if self.place >= len(self._data):
            raise ValueError(f"it ends at byte {len(self._data)}, in the middle of something")
        return self._data[self.place : self.place + 1]
