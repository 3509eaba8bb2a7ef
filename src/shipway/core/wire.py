"""Tensors as bytes, the way the Open Inference Protocol sends them: little-endian values in row-major order."""

import math
import struct
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

RAW: Final[dict[str, str]] = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "i1", "INT16": "<i2",
    "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8", "BF16": "<u2", "BYTES": "O",
}  # fmt: skip
"""Name of a datatype to how NumPy reads its bytes; BYTES stand each after its length instead."""
FLOATS: Final = frozenset({"FP16", "BF16", "FP32", "FP64"})
_LENGTH: Final = struct.Struct("<I")
_QUIET: Final = 0x7FC0
"""A value that is no number, in the upper half of single precision."""


def read_raw(datatype: str, shape: Sequence[int], raw: bytes) -> NDArray[Any]:
    """Return the values in some bytes.

    Args:
        datatype: a key of `RAW`.
        shape: of what is returned.
        raw: the bytes; texts are UTF-8.

    Returns:
        An array of that shape: texts as objects, BF16 in single precision.

    Raises:
        ValueError: if they are not as many values as the shape has, or no texts; the message is a clause.
    """
    size = math.prod(shape)
    if datatype == "BYTES":
        texts = _read_texts(raw)
        if len(texts) != size:
            raise ValueError(f"has {len(texts):,} values, which do not make shape {list(shape)}")
        # The trailing None keeps NumPy from making texts of one length a type of their own.
        return np.array([*texts, None], dtype=object)[:-1].reshape(shape)
    dtype = np.dtype(RAW[datatype])
    if len(raw) != size * dtype.itemsize:
        raise ValueError(f"has {len(raw):,} bytes for {size:,} values of {dtype.itemsize}")
    values = np.frombuffer(raw, dtype=dtype).reshape(shape)
    if datatype == "BF16":
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values


def write_raw(datatype: str, values: NDArray[Any]) -> bytes:
    """Return values as bytes.

    Args:
        datatype: a key of `RAW`.
        values: any array of that kind; texts as `str`, None as an empty one.
    """
    if datatype == "BYTES":
        said = [(text or "").encode() for text in values.ravel().tolist()]
        return b"".join([_LENGTH.pack(len(text)) + text for text in said])
    if datatype == "BF16":
        bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
        # To the nearest, and of two that are equally near to the even one.
        upper = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")
        return np.where(np.isnan(values), np.uint16(_QUIET), upper).astype("<u2").tobytes()
    return values.astype(RAW[datatype]).tobytes()


def _read_texts(raw: bytes) -> list[str]:
    texts: list[str] = []
    at = 0
    try:
        while at < len(raw):
            (length,) = _LENGTH.unpack_from(raw, at)
            text = raw[at + 4 : at + 4 + length]
            if len(text) != length:
                raise ValueError("a text ends in the middle")
            texts.append(text.decode())
            at += 4 + length
    except (struct.error, ValueError) as error:
        raise ValueError(f"holds no texts, each UTF-8 after its length ({error})") from error
    return texts
