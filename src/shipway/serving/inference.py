"""The Open Inference Protocol, version 2: tensors in and out, in JSON and in binary.

https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md. A model that reads a matrix
is sent one tensor for each column, of shape [n] or [n, 1], or a single one of shape [n, columns]; any other model each
input by its name. JSON has no NaN, so null is a missing value. Tensors may follow the JSON in binary
(`Inference-Header-Content-Length`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.core.bundle import InputColumn, Manifest, OutputColumn
from shipway.core.inference import (
    CLASSES,
    ConfigTensor,
    Inference,
    Inferred,
    ModelConfig,
    ModelMetadata,
    OutputTensor,
    Tensor,
    TensorMetadata,
)
from shipway.core.tensor import MATRIX, fits
from shipway.core.wire import FLOATS, RAW, read_raw, write_raw
from shipway.kit.suggestion import did_you_mean
from shipway.maths.encoding import round_single
from shipway.serving.model import LoadedBundle
from shipway.serving.refusal import refuse
from shipway.serving.request import read_body
from shipway.serving.vector import name_codes

HEADER: Final = "inference-header-content-length"
_EXAMPLE: Final = '{"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP64", "data": [[0.5, 2, null]]}]}'
_DECODER: Final = msgspec.json.Decoder(Inference)
_ENCODE: Final = msgspec.json.Encoder().encode
_DEEPEST: Final = 8
"""Places a shape may have; no model known to us has more."""
RANKED: Final = "classification"
"""Parameter of an output that is wanted as its most probable classes: how many, as of the protocol's extension."""
STATEFUL: Final = ("sequence_id", "sequence_start", "sequence_end")


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What is to be predicted, and how to answer.

    Attributes:
        tensors: what the model reads, by name: of a matrix the one `x`, shape (rows, inputs).
        rows: how many there are.
        id: the caller's id.
        outputs: places of the outputs among the model's, and whether each follows the JSON in binary.
        parameters: of the request.
        form: of the version that it was read for, where that does not say one number a row.
        ranked: places of outputs to how many of their classes are wanted, the most probable first, as texts.
    """

    tensors: Mapping[str, NDArray[Any]]
    rows: int
    id: str | None
    outputs: tuple[tuple[int, bool], ...]
    parameters: Mapping[str, Any]
    form: str = ""
    ranked: Mapping[int, int] = field(default_factory=dict[int, int])

    @property
    def x(self) -> NDArray[np.float64]:
        """Return what a model of a matrix reads."""
        return self.tensors[MATRIX]


def describe_model(name: str, versions: Sequence[int], bundle: LoadedBundle) -> ModelMetadata:
    """Return a model's metadata.

    Args:
        name: what it was asked by.
        versions: those that can be asked.
        bundle: the version described.
    """
    manifest = bundle.manifest
    return ModelMetadata(
        name=name,
        versions=tuple(str(number) for number in versions),
        platform=manifest.runtime,
        inputs=tuple(TensorMetadata(name=c.name, datatype=c.datatype, shape=c.shape) for c in manifest.inputs),
        outputs=tuple(TensorMetadata(name=c.name, datatype=c.datatype, shape=c.shape) for c in manifest.outputs),
    )


def describe_config(name: str, bundle: LoadedBundle) -> ModelConfig:
    """Return what of a model's configuration its bundle fixed.

    Args:
        name: what it was asked by.
        bundle: the version described.
    """
    manifest = bundle.manifest
    return ModelConfig(
        name=name,
        platform=manifest.runtime,
        backend=manifest.runtime,
        input=tuple(_configure(c.name, c.datatype, c.shape) for c in manifest.inputs),
        output=tuple(_configure(c.name, c.datatype, c.shape) for c in manifest.outputs),
    )


def _configure(name: str, datatype: str, shape: tuple[int, ...]) -> ConfigTensor:
    kind = "STRING" if datatype == "BYTES" else datatype
    return ConfigTensor(name=name, data_type=f"TYPE_{kind}", dims=shape)


def read_question(body: bytes, headers: Mapping[str, str], bundle: LoadedBundle) -> Question:
    """Read a request.

    Raises:
        RefusedError: 400 for a body that is no JSON or ends too early, 422 for tensors that the model does not read,
            and for what no model here does.
    """
    head, rest = _split(body, headers)
    asked = read_body(head, _DECODER, _EXAMPLE)
    manifest = bundle.manifest
    for name in STATEFUL:
        if asked.parameters.get(name):
            raise refuse(422, f"parameter {name!r} is sent, and no model here keeps a sequence", "leave it away")
    outputs = _choose(asked, manifest)
    tensors: dict[str, tuple[Tensor, NDArray[Any]]] = {}
    for tensor in asked.inputs:
        if tensor.name in tensors:
            raise refuse(422, f"input {tensor.name!r} is there twice", "send each once")
        values, rest = _read_tensor(tensor, rest)
        tensors[tensor.name] = tensor, values
    if rest:
        raise refuse(400, f"{len(rest):,} bytes follow the last tensor", "state the size of each in binary_data_size")
    arrays = (_assemble if manifest.reads == "matrix" else _gather)(tensors, manifest.inputs)
    rows = next((len(array) for array in arrays.values()), 0)
    return Question(arrays, rows, asked.id, outputs, asked.parameters, ranked=_rank(asked, manifest))


def write_answer(
    question: Question, outputs: Mapping[str, NDArray[Any]], name: str, bundle: LoadedBundle
) -> tuple[bytes, list[tuple[str, str]]]:
    """Return the body of an answer, and the headers that say what it is where it is not JSON alone.

    Args:
        question: what was asked.
        outputs: what the model gave, by name.
        name: who was asked.
        bundle: what predicted.
    """
    manifest = bundle.manifest
    return write_outputs(question, outputs, manifest.outputs, name, manifest.version, {"bundle": bundle.digest})


def write_outputs(
    question: Question,
    outputs: Mapping[str, NDArray[Any]],
    columns: Sequence[OutputColumn],
    name: str,
    version: int,
    parameters: dict[str, str],
) -> tuple[bytes, list[tuple[str, str]]]:
    """Return the body of an answer and its headers, whoever gave the outputs.

    Args:
        question: what was asked.
        outputs: what is answered, by name.
        columns: the outputs that the question was read for.
        name: who was asked.
        version: who says so; 0 where no version does.
        parameters: of the answer.
    """
    tensors: list[OutputTensor] = []
    raws: list[bytes] = []
    for place, binary in question.outputs:
        column = columns[place]
        values, datatype = outputs[column.name], column.datatype
        if place in question.ranked:
            values, datatype = rank_classes(values, column.classes, question.ranked[place]), "BYTES"
        said: dict[str, Any] = {"name": column.name, "datatype": datatype, "shape": values.shape}
        told: dict[str, int | str] = {}
        if binary:
            raws.append(write_raw(datatype, values))
            told["binary_data_size"] = len(raws[-1])
        else:
            said["data"] = values.ravel().tolist()
        if column.classes:
            # The protocol's parameters are numbers, truths and texts.
            told[CLASSES] = _ENCODE(column.classes).decode()
        tensors.append(OutputTensor(**said, parameters=told))
    head = _ENCODE(
        Inferred(
            model_name=name,
            model_version=str(version),
            id=question.id,
            outputs=tuple(tensors),
            parameters=parameters,
        )
    )
    return (b"".join([head, *raws]), [(HEADER, str(len(head)))]) if raws else (head, [])


def _split(body: bytes, headers: Mapping[str, str]) -> tuple[bytes, bytes]:
    text = headers.get(HEADER)
    if text is None:
        return body, b""
    if not text.isascii() or not text.isdecimal() or len(text) > 18 or int(text) > len(body):
        raise refuse(400, f"{HEADER} is {text[:30]!r}, and the body has {len(body):,} bytes", "state the JSON's size")
    return body[: int(text)], body[int(text) :]


def _choose(asked: Inference, manifest: Manifest) -> tuple[tuple[int, bool], ...]:
    """Return which outputs are wanted, and whether in binary."""
    names = [column.name for column in manifest.outputs]
    binary = bool(asked.parameters.get("binary_data_output"))
    if not asked.outputs:
        return tuple((place, binary) for place in range(len(names)))
    chosen: dict[int, bool] = {}
    for wanted in asked.outputs:
        if wanted.name not in names:
            raise refuse(422, f"there is no output {wanted.name!r}", did_you_mean(wanted.name, names))
        _refuse_shared(f"output {wanted.name!r}", wanted.parameters)
        place = names.index(wanted.name)
        if place in chosen:
            raise refuse(422, f"output {wanted.name!r} is wanted twice", "ask for each once")
        chosen[place] = bool(wanted.parameters.get("binary_data", binary))
    return tuple(chosen.items())


def _rank(asked: Inference, manifest: Manifest) -> dict[int, int]:
    """Return which outputs are wanted as their most probable classes, and how many of these."""
    ranked: dict[int, int] = {}
    columns = {column.name: (place, column) for place, column in enumerate(manifest.outputs)}
    for wanted in asked.outputs or ():
        count = wanted.parameters.get(RANKED)
        if not count:
            continue
        place, column = columns[wanted.name]
        if len(column.classes) < 2:
            raise refuse(422, f"output {wanted.name!r} is wanted as classes, and has none", "read the output itself")
        if column.datatype not in FLOATS or column.shape[1:] != (len(column.classes),):
            said = f"is {column.datatype} of shape {list(column.shape)}, and not one number for each of its classes"
            raise refuse(422, f"output {wanted.name!r} {said}", "read the output itself")
        if type(count) is not int or count < 0:
            raise refuse(422, f"output {wanted.name!r} is wanted as {count!r} classes", "send how many, such as 3")
        ranked[place] = count
    return ranked


def rank_classes(values: NDArray[Any], classes: Sequence[str], count: int) -> NDArray[np.object_]:
    """Return the most probable classes of each row as the protocol writes them: `VALUE:PLACE:CLASS`.

    Args:
        values: shape (rows, classes).
        classes: what the places stand for.
        count: how many are wanted; all where there are fewer.

    Returns:
        Texts of shape (rows, count), the greatest value first, of equal ones the first.
    """
    order: list[list[int]] = np.argsort(-values, axis=1, kind="stable")[:, :count].tolist()
    rows: list[list[float]] = values.tolist()
    said = np.empty((len(rows), min(count, len(classes))), dtype=object)
    for row, places in enumerate(order):
        said[row] = [f"{rows[row][place]:.6f}:{place}:{classes[place]}" for place in places]
    return said


def _refuse_shared(what: str, parameters: Mapping[str, Any]) -> None:
    if "shared_memory_region" in parameters:
        raise refuse(422, f"{what} lies in shared memory, which this server does not read", "send it in binary")


def _read_tensor(tensor: Tensor, rest: bytes) -> tuple[NDArray[Any], bytes]:
    """Return a tensor's values in its shape, and what follows them in the binary part."""
    if tensor.datatype not in RAW:
        hint = did_you_mean(tensor.datatype, RAW, most=len(RAW))
        raise refuse(422, f"input {tensor.name!r} has datatype {tensor.datatype!r}", hint)
    shape = tensor.shape
    if not 0 < len(shape) <= _DEEPEST or min(shape) < 0 or math.prod(shape) >= 1 << 63:
        raise refuse(422, f"input {tensor.name!r} has shape {list(shape)}", "send [rows] or [rows, columns]")
    _refuse_shared(f"input {tensor.name!r}", tensor.parameters)
    if tensor.data is None:
        length = tensor.parameters.get("binary_data_size")
        if type(length) is not int or not 0 <= length <= len(rest):
            hint = "send data, or state the size of the binary part in the parameter binary_data_size"
            raise refuse(422, f"input {tensor.name!r} has no data", hint)
        try:
            return read_raw(tensor.datatype, shape, rest[:length]), rest[length:]
        except ValueError as error:
            hint = "send as many values as the shape says; texts each after its length as an unsigned 32-bit number"
            raise refuse(422, f"input {tensor.name!r} {error}", hint) from error
    data = _flatten(tensor)
    if len(data) != math.prod(shape):
        said = f"{len(data):,} values, which do not make shape {list(shape)}"
        raise refuse(422, f"input {tensor.name!r} has {said}", "send as many as the shape says")
    return _read_listed(tensor, data).reshape(shape), rest


def _flatten(tensor: Tensor) -> list[Any]:
    data = tensor.data or []
    while list in set(map(type, data)):
        nested = [cast("list[Any]", row) for row in data if isinstance(row, list)]
        if len(nested) != len(data) or len({len(row) for row in nested}) > 1:
            raise refuse(422, f"input {tensor.name!r} has rows of different lengths", "send one value for each column")
        data = [value for row in nested for value in row]
    return data


def _read_listed(tensor: Tensor, data: list[Any]) -> NDArray[Any]:
    datatype = tensor.datatype
    kinds = set(map(type, data))
    known: set[type] = {str} if datatype == "BYTES" else {bool} if datatype == "BOOL" else {int, float}
    wrong = kinds - known - {type(None)}
    whole = datatype not in FLOATS and float in kinds
    for value in data if wrong or whole else ():
        if type(value) in wrong or (whole and isinstance(value, float) and not value.is_integer()):
            said = f"is {datatype} and holds {_ENCODE(value).decode()[:50]}"
            raise refuse(422, f"input {tensor.name!r} {said}", "send such values, or null")
    try:
        if datatype == "BYTES":
            # The trailing None keeps NumPy from making texts of one length a type of their own.
            return np.array([*data, None], dtype=object)[:-1]
        if datatype in FLOATS or datatype == "BOOL" or type(None) in kinds:
            if datatype == "BOOL" and type(None) not in kinds:
                return np.array(data, dtype=np.bool_)
            with np.errstate(over="ignore"):
                return np.array(data, dtype=np.float64).astype(_width(datatype))
        return np.array([int(value) for value in data] if whole else data, dtype=RAW[datatype])
    except OverflowError as error:
        raise refuse(422, f"input {tensor.name!r} holds a number that is too large", "send a smaller one") from error


def _width(datatype: str) -> str:
    """Return how numbers that were listed are held: as what they were sent as, FP64 where that has no gaps."""
    return RAW[datatype] if datatype in ("FP16", "FP32") else "<f8"


def _assemble(
    tensors: Mapping[str, tuple[Tensor, NDArray[Any]]], inputs: Sequence[InputColumn]
) -> dict[str, NDArray[Any]]:
    """Return the matrix that a model reads, shape (rows, inputs)."""
    names = [column.name for column in inputs]
    if len(tensors) == 1:
        (tensor, values), *_ = tensors.values()
        if len(tensor.shape) == 2 and tensor.name not in names:
            if tensor.shape[1] != len(names) or tensor.datatype not in FLOATS:
                said = f"{tensor.datatype} of shape {list(tensor.shape)}"
                hint = "send FP64 of shape [rows, columns]"
                raise refuse(422, f"the model reads {len(names)} columns and was given {said}", hint)
            return {MATRIX: round_single(values.astype(np.float64))}
    for name, (tensor, _) in tensors.items():
        if len(tensor.shape) > 2:
            raise refuse(422, f"input {name!r} has shape {list(tensor.shape)}", "send [rows] or [rows, columns]")
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
    return {MATRIX: round_single(x)}


def _read_column(column: InputColumn, tensor: Tensor, values: NDArray[Any]) -> NDArray[Any] | list[float]:
    if len(tensor.shape) == 2 and tensor.shape[1] != 1:
        raise refuse(422, f"input {column.name!r} has shape {list(tensor.shape)}", "send [rows] or [rows, 1]")
    if (tensor.datatype == "BYTES") != (column.kind == "category"):
        raise refuse(422, f"input {column.name!r} is {tensor.datatype}", f"send {column.datatype}")
    if column.kind != "category":
        return values.ravel()
    codes = name_codes(column)
    return [codes.get(text, np.nan) for text in values.ravel().tolist()]


def _gather(
    tensors: Mapping[str, tuple[Tensor, NDArray[Any]]], inputs: Sequence[InputColumn]
) -> dict[str, NDArray[Any]]:
    """Return each input as it was sent, for a model that reads them by name."""
    names = [column.name for column in inputs]
    for name in tensors:
        if name not in names:
            raise refuse(422, f"the model reads no input {name!r}", did_you_mean(name, names))
    arrays: dict[str, NDArray[Any]] = {}
    for column in inputs:
        if column.name not in tensors:
            raise refuse(422, f"input {column.name!r} is missing", did_you_mean(column.name, tensors))
        tensor, values = tensors[column.name]
        said = f"input {column.name!r} is {tensor.datatype} of shape {list(tensor.shape)}"
        if tensor.datatype != column.datatype or not fits(tensor.shape, column.shape):
            raise refuse(422, said, f"send {column.datatype} of shape {list(column.shape)}")
        if _has_gaps(tensor.datatype, values):
            raise refuse(422, f"{said} and holds null", "send a value in each place")
        arrays[column.name] = values
    if len({len(array) for array in arrays.values()}) > 1:
        said = ", ".join(f"{name!r} {len(array)}" for name, array in arrays.items())
        raise refuse(422, f"the inputs have different numbers of rows: {said}", "send equally many")
    return arrays


def _has_gaps(datatype: str, values: NDArray[Any]) -> bool:
    """Tell whether a value is missing where a datatype has no way to say so."""
    if datatype == "BYTES":
        return None in values.ravel().tolist()
    return datatype not in FLOATS and values.dtype.kind == "f"
