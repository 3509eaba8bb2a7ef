"""Tensors as the Open Inference Protocol, version 2, sends them: as JSON, or in binary behind it.

https://github.com/kserve/open-inference-protocol, and for the binary form the tensor extension of
https://github.com/kserve/kserve (docs/predict-api/v2/binary_data.md).
"""

import struct
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from shipway.core.error import ShipwayError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

HEADER: Final = "inference-header-content-length"
BINARY_VALUES: Final = 512
"""Numbers from which a tensor is sent in binary, where nothing else is asked for: there it is smaller and quicker."""
_NAMES: Final = {
    "bool": "BOOL", "uint8": "UINT8", "uint16": "UINT16", "uint32": "UINT32", "uint64": "UINT64", "int8": "INT8",
    "int16": "INT16", "int32": "INT32", "int64": "INT64", "float16": "FP16", "float32": "FP32", "float64": "FP64",
}  # fmt: skip
_TYPES: Final = {name: dtype for dtype, name in _NAMES.items()}


class Sent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One tensor of a question or of an answer."""

    name: str
    shape: Sequence[int]
    datatype: str
    data: Any = None
    parameters: dict[str, Any] = {}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The body of an answer."""

    model_name: str = ""
    model_version: str = ""
    id: str = ""
    parameters: dict[str, Any] = {}
    outputs: tuple[Sent, ...] = ()


_ANSWER: Final = msgspec.json.Decoder(Answer)
_CLASSES: Final = msgspec.json.Decoder(list[str])


def write_tensors(
    inputs: "Mapping[str, ArrayLike]",
    *,
    request: str,
    outputs: Sequence[str],
    binary: bool | None,
) -> tuple[bytes, int | None]:
    """Return the body of a question, and the length of its JSON where tensors follow it in binary.

    Args:
        inputs: name to values; a null or a NaN is a missing value.
        request: the question's id.
        outputs: those asked for; all of them where empty.
        binary: whether to send and ask for tensors in binary; those with many numbers where None.

    Raises:
        ShipwayError: SW-802 for values that are no tensor.
    """
    import numpy as np

    tensors: list[Sent] = []
    parts: list[bytes] = []
    for name, values in inputs.items():
        array = _take_numbers(np.asarray(values))
        if array.dtype.kind in "OUS":
            texts: list[Any] = array.ravel().tolist()
            tensors.append(_write_texts(name, array.shape, texts, parts, binary=bool(binary)))
            continue
        datatype = _NAMES.get(array.dtype.name)
        if datatype is None:
            raise ShipwayError("SW-802", f"input {name!r} is of {array.dtype}", f"convert it to {', '.join(_NAMES)}")
        if binary or (binary is None and array.size >= BINARY_VALUES):
            raw = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
            parts.append(raw)
            size = {"binary_data_size": len(raw)}
            tensors.append(Sent(name=name, shape=array.shape, datatype=datatype, parameters=size))
        else:
            # JSON has no NaN; the encoder writes null for it.
            tensors.append(Sent(name=name, shape=array.shape, datatype=datatype, data=array.ravel().tolist()))
    body: dict[str, Any] = {"id": request, "inputs": tensors}
    if outputs:
        body["outputs"] = [{"name": name, "parameters": {"binary_data": bool(parts)}} for name in outputs]
    elif parts:
        body["parameters"] = {"binary_data_output": True}
    head = msgspec.json.encode(body)
    return (b"".join([head, *parts]), len(head)) if parts else (head, None)


def read_tensors(body: bytes, length: int | None) -> "tuple[Answer, dict[str, NDArray[Any]]]":
    """Return an answer and its tensors by name.

    Args:
        body: as it came.
        length: of its JSON; None where there is nothing else.

    Raises:
        ValueError: where it is no answer, or its tensors are not what is said of them; the message is a clause.
    """
    head = body if length is None else body[:length]
    try:
        answer = _ANSWER.decode(head)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"the answer does not fit: {error}") from error
    rest = memoryview(body)[len(head) :]
    tensors: dict[str, NDArray[Any]] = {}
    for output in answer.outputs:
        size = output.parameters.get("binary_data_size")
        if size is None:
            tensors[output.name] = _read_values(output)
        else:
            if not isinstance(size, int) or not 0 <= size <= len(rest):
                raise ValueError(f"output {output.name!r} is shorter than is said of it")
            tensors[output.name] = _read_raw(output, bytes(rest[:size]))
            rest = rest[size:]
    return answer, tensors


def read_classes(answer: Answer) -> dict[str, list[str]]:
    """Return what the places of each output's rows stand for, where the server says so; others have no entry."""
    classes: dict[str, list[str]] = {}
    for output in answer.outputs:
        try:
            classes[output.name] = _CLASSES.decode(output.parameters.get("classes", b""))
        except (msgspec.MsgspecError, TypeError, UnicodeError):
            # What another server calls so is none of ours to refuse.
            continue
    return classes


def _take_numbers(array: "NDArray[Any]") -> "NDArray[Any]":
    """Return numbers of which some are missing as such; any other array as it is."""
    import numpy as np

    if array.dtype.kind != "O" or not all(each is None or isinstance(each, int | float) for each in array.flat):
        return array
    return np.asarray([np.nan if each is None else each for each in array.flat], np.float64).reshape(array.shape)


def _write_texts(name: str, shape: Sequence[int], texts: list[Any], parts: list[bytes], *, binary: bool) -> Sent:
    """Return a tensor of texts; one of which some are missing is written as JSON, as binary has no word for that."""
    for text in texts:
        if not (text is None or isinstance(text, str | bytes)):
            raise ShipwayError("SW-802", f"input {name!r} holds {text!r} among texts", "send texts, or None")
    if not binary or None in texts:
        data = [text.decode() if isinstance(text, bytes) else text for text in texts]
        return Sent(name=name, shape=shape, datatype="BYTES", data=data)
    raws = [text if isinstance(text, bytes) else text.encode() for text in texts]
    raw = b"".join(part for each in raws for part in (struct.pack("<I", len(each)), each))
    parts.append(raw)
    return Sent(name=name, shape=shape, datatype="BYTES", parameters={"binary_data_size": len(raw)})


def _read_values(output: Sent) -> "NDArray[Any]":
    import numpy as np

    dtype = np.dtype(object) if output.datatype == "BYTES" else _dtype(output)
    try:
        try:
            values = np.asarray(output.data, dtype)
        except TypeError:
            # A number that is missing is null in JSON; what has no missing numbers cannot have said so.
            values = np.asarray(output.data, object)
            values = np.where(values == None, np.nan, values).astype(dtype)  # noqa: E711  (of each value)
        return values.reshape(tuple(output.shape))
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"output {output.name!r} is no {output.datatype} of shape {list(output.shape)}") from error


def _read_raw(output: Sent, raw: bytes) -> "NDArray[Any]":
    import numpy as np

    try:
        if output.datatype != "BYTES":
            return np.frombuffer(raw, _dtype(output).newbyteorder("<")).reshape(tuple(output.shape))
        texts: list[bytes] = []
        at = 0
        while at < len(raw):
            (size,) = struct.unpack_from("<I", raw, at)
            texts.append(raw[at + 4 : at + 4 + size])
            at += 4 + size
        if at != len(raw):
            raise ValueError("the last text is cut off")
        held = np.empty(len(texts), dtype=object)
        held[:] = [text.decode() for text in texts]
        return held.reshape(tuple(output.shape))
    except (ValueError, struct.error) as error:
        raise ValueError(f"output {output.name!r} is no {output.datatype} of shape {list(output.shape)}") from error


def _dtype(output: Sent) -> "np.dtype[Any]":
    import numpy as np

    name = _TYPES.get(output.datatype)
    if name is None:
        raise ValueError(f"output {output.name!r} is of {output.datatype!r}")
    return np.dtype(name)
