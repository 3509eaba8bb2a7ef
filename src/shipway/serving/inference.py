"""The Open Inference Protocol, version 2: tensors in, probabilities out.

https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md. A request holds one tensor
for each column the model reads, of shape [n] or [n, 1], or a single one of shape [n, columns]. JSON has no NaN, so null
is a missing value. The binary tensor extension is understood as well (headers `Inference-Header-Content-Length`).
"""

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.core.bundle import InputColumn
from shipway.kit.suggestion import did_you_mean
from shipway.serving.model import LoadedBundle
from shipway.serving.refusal import refuse
from shipway.serving.request import read_body
from shipway.serving.vector import name_codes, round_single

OUTPUT: Final = "probability"
"""The one output of every model: the probability that the label is true."""
HEADER: Final = "inference-header-content-length"
_TYPES: Final = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "i1", "INT16": "<i2",
    "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8", "BYTES": "O",
}  # fmt: skip
_EXAMPLE: Final = '{"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP64", "data": [[0.5, 2, null]]}]}'


class Tensor(msgspec.Struct, frozen=True, kw_only=True):
    """One input.

    Attributes:
        name: a column, or any other name for the whole of them.
        shape: rows, or rows and columns.
        datatype: such as `FP64`.
        data: the values, flat or nested; None where they follow the JSON in binary.
        parameters: `binary_data_size`, where they do.
    """

    name: str
    shape: tuple[int, ...]
    datatype: str
    data: list[Any] | None = None
    parameters: dict[str, Any] = {}


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One output that is asked for.

    Attributes:
        name: of the output.
        parameters: `binary_data` says how it is to be sent.
    """

    name: str
    parameters: dict[str, Any] = {}


class Inference(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a request.

    Attributes:
        inputs: the tensors.
        id: the caller's id, which the answer repeats.
        parameters: `binary_data_output` says how outputs are to be sent.
        outputs: those asked for; all of them if None.
    """

    inputs: tuple[Tensor, ...]
    id: str | None = None
    parameters: dict[str, Any] = {}
    outputs: tuple[Wanted, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What is to be predicted, and how to answer.

    Attributes:
        x: what the model reads, shape (rows, inputs).
        id: the caller's id.
        binary: whether the probabilities follow the JSON in binary.
    """

    x: NDArray[np.float64]
    id: str | None
    binary: bool


_DECODER: Final = msgspec.json.Decoder(Inference)


def describe_model(model: str, versions: Sequence[int], bundle: LoadedBundle) -> dict[str, Any]:
    """Return a model's metadata."""
    inputs = [
        {"name": column.name, "datatype": column.datatype, "shape": list(column.shape)}
        for column in bundle.manifest.inputs
    ]
    outputs = [
        {"name": column.name, "datatype": column.datatype, "shape": list(column.shape)}
        for column in bundle.manifest.outputs
    ]
    names = [str(number) for number in versions]
    return {"name": model, "versions": names, "platform": "onnx", "inputs": inputs, "outputs": outputs}


def read_question(body: bytes, headers: Mapping[str, str], bundle: LoadedBundle) -> Question:
    """Read a request.

    Raises:
        RefusedError: 400 for a body that is no JSON or ends too early, 422 for tensors that the model does not read.
    """
    head, rest = _split(body, headers)
    asked = read_body(head, _DECODER, _EXAMPLE)
    for wanted in asked.outputs or ():
        if wanted.name != OUTPUT:
            raise refuse(422, f"there is no output {wanted.name!r}", did_you_mean(wanted.name, [OUTPUT]))
    tensors: dict[str, tuple[Tensor, NDArray[Any]]] = {}
    for tensor in asked.inputs:
        if tensor.name in tensors:
            raise refuse(422, f"input {tensor.name!r} is there twice", "send each once")
        values, rest = _read_tensor(tensor, rest)
        tensors[tensor.name] = tensor, values
    if rest:
        raise refuse(400, f"{len(rest):,} bytes follow the last tensor", "state the size of each in binary_data_size")
    binary = bool(asked.parameters.get("binary_data_output"))
    for wanted in asked.outputs or ():
        binary = bool(wanted.parameters.get("binary_data", binary))
    return Question(_assemble(tensors, bundle.manifest.inputs), asked.id, binary)


def write_answer(
    question: Question, p: NDArray[np.float64], model: str, bundle: LoadedBundle
) -> tuple[bytes, list[tuple[str, str]]]:
    """Return the body of an answer, and the headers that say what it is where it is not JSON alone.

    Args:
        question: what was asked.
        p: the probabilities.
        model: the model's name.
        bundle: what predicted.
    """
    output: dict[str, Any] = {"name": OUTPUT, "datatype": "FP64", "shape": [len(p)]}
    raw = p.astype("<f8").tobytes() if question.binary else b""
    if question.binary:
        output["parameters"] = {"binary_data_size": len(raw)}
    else:
        output["data"] = p.tolist()
    answer: dict[str, Any] = {"model_name": model, "model_version": str(bundle.manifest.version)}
    if question.id is not None:
        answer["id"] = question.id
    answer |= {"outputs": [output], "parameters": {"bundle": bundle.digest}}
    head = msgspec.json.encode(answer)
    return head + raw, [(HEADER, str(len(head)))] if question.binary else []


def _split(body: bytes, headers: Mapping[str, str]) -> tuple[bytes, bytes]:
    text = headers.get(HEADER)
    if text is None:
        return body, b""
    if not text.isascii() or not text.isdecimal() or int(text) > len(body):
        raise refuse(400, f"{HEADER} is {text[:30]!r}, and the body has {len(body):,} bytes", "state the JSON's size")
    return body[: int(text)], body[int(text) :]


def _read_tensor(tensor: Tensor, rest: bytes) -> tuple[NDArray[Any], bytes]:
    """Return a tensor's values, flat, and what follows them in the binary part."""
    dtype = _TYPES.get(tensor.datatype)
    if dtype is None:
        hint = did_you_mean(tensor.datatype, _TYPES, most=len(_TYPES))
        raise refuse(422, f"input {tensor.name!r} has datatype {tensor.datatype!r}", hint)
    size = math.prod(tensor.shape)
    if not tensor.shape or len(tensor.shape) > 2 or min(tensor.shape) < 0:
        raise refuse(422, f"input {tensor.name!r} has shape {list(tensor.shape)}", "send [rows] or [rows, columns]")
    if tensor.data is None:
        values, rest = _read_binary(tensor, dtype, rest, size)
    else:
        values = _read_listed(tensor, dtype)
    if len(values) != size:
        said = f"{len(values):,} values, which do not make shape {list(tensor.shape)}"
        raise refuse(422, f"input {tensor.name!r} has {said}", "send as many as the shape says")
    return values, rest


def _read_binary(tensor: Tensor, dtype: str, rest: bytes, size: int) -> tuple[NDArray[Any], bytes]:
    length = tensor.parameters.get("binary_data_size")
    if type(length) is not int or not 0 <= length <= len(rest):
        hint = "send data, or state the size of the binary part in the parameter binary_data_size"
        raise refuse(422, f"input {tensor.name!r} has no data", hint)
    raw, rest = rest[:length], rest[length:]
    if tensor.datatype == "BYTES":
        return np.array([*_read_texts(tensor.name, raw), None], dtype=object)[:-1], rest
    width = np.dtype(dtype).itemsize
    if length != size * width:
        raise refuse(422, f"input {tensor.name!r} has {length:,} bytes for {size:,} values", f"send {width} for each")
    return np.frombuffer(raw, dtype=dtype).astype(np.float64), rest


def _read_texts(name: str, raw: bytes) -> list[str]:
    """Read texts, each after its length as an unsigned 32-bit number."""
    texts: list[str] = []
    at = 0
    try:
        while at < len(raw):
            (length,) = struct.unpack_from("<I", raw, at)
            text = raw[at + 4 : at + 4 + length]
            if len(text) != length:
                raise ValueError("a text ends in the middle")
            texts.append(text.decode())
            at += 4 + length
    except (struct.error, ValueError) as error:
        raise refuse(422, f"input {name!r} holds no texts ({error})", "write each after its length, UTF-8") from error
    return texts


def _read_listed(tensor: Tensor, dtype: str) -> NDArray[Any]:
    data = tensor.data or []
    if any(isinstance(row, list) for row in data):
        nested = [cast("list[Any]", row) for row in data if isinstance(row, list)]
        if len(nested) != len(data) or len({len(row) for row in nested}) > 1:
            raise refuse(422, f"input {tensor.name!r} has rows of different lengths", "send one value for each column")
        data = [value for row in nested for value in row]
    known = str if dtype == "O" else bool if dtype == "?" else (int, float)
    for value in data:
        if value is not None and (not isinstance(value, known) or (isinstance(value, bool) and dtype != "?")):
            said = f"is {tensor.datatype} and holds {msgspec.json.encode(value).decode()[:50]}"
            raise refuse(422, f"input {tensor.name!r} {said}", "send such values, or null")
    try:
        # The trailing None keeps NumPy from making texts of one length a type of their own.
        return np.array([*data, None], dtype=object if dtype == "O" else np.float64)[:-1]
    except OverflowError as error:
        raise refuse(422, f"input {tensor.name!r} holds a number that is too large", "send a smaller one") from error


def _assemble(tensors: Mapping[str, tuple[Tensor, NDArray[Any]]], inputs: Sequence[InputColumn]) -> NDArray[np.float64]:
    """Return what the model reads, shape (rows, inputs)."""
    names = [column.name for column in inputs]
    if len(tensors) == 1:
        (tensor, values), *_ = tensors.values()
        if len(tensor.shape) == 2 and tensor.name not in names:
            if tensor.shape[1] != len(names) or tensor.datatype not in ("FP32", "FP64"):
                said = f"{tensor.datatype} of shape {list(tensor.shape)}"
                hint = "send FP64 of shape [rows, columns]"
                raise refuse(422, f"the model reads {len(names)} columns and was given {said}", hint)
            return round_single(values.reshape(tensor.shape))
    for name in tensors:
        if name not in names:
            raise refuse(422, f"the model reads no column {name!r}", did_you_mean(name, names))
    rows = {math.prod(tensor.shape) for tensor, _ in tensors.values()}
    if len(rows) > 1:
        raise refuse(422, f"the inputs have {', '.join(map(str, sorted(rows)))} rows", "send equally long columns")
    x = np.empty((rows.pop() if rows else 0, len(names)))
    for place, column in enumerate(inputs):
        if column.name not in tensors:
            raise refuse(422, f"input {column.name!r} is missing", did_you_mean(column.name, tensors))
        x[:, place] = _read_column(column, *tensors[column.name])
    return round_single(x)


def _read_column(column: InputColumn, tensor: Tensor, values: NDArray[Any]) -> NDArray[np.float64] | list[float]:
    if len(tensor.shape) == 2 and tensor.shape[1] != 1:
        raise refuse(422, f"input {column.name!r} has shape {list(tensor.shape)}", "send [rows] or [rows, 1]")
    if (tensor.datatype == "BYTES") != (column.kind == "category"):
        due = "BYTES" if column.kind == "category" else "FP64"
        raise refuse(422, f"input {column.name!r} is {tensor.datatype}", f"send {due}")
    if column.kind == "number":
        return values
    codes = name_codes(column)
    return [codes.get(text, np.nan) for text in values.tolist()]
