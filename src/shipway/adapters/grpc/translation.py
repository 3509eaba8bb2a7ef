"""From a message to the request over HTTP that asks the same, and from its answer back to a message.

So whatever stands before and behind the routes (keys, limits, deadlines, shares, the log) is the same for both doors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import quote

import msgspec
import numpy as np

from shipway.adapters.grpc.message import Messages
from shipway.core.inference import CLASSES
from shipway.core.wire import RAW, read_raw, write_raw

HEADER: Final = "inference-header-content-length"
_ENCODE: Final = msgspec.json.Encoder().encode
_DECODE: Final = msgspec.json.Decoder().decode
_TYPES: Final = (
    "INVALID", "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64",
    "STRING", "BF16",
)  # fmt: skip
"""Datatypes of a configuration by their number."""
_FIELDS: Final = {
    "BOOL": "bool_contents", "INT8": "int_contents", "INT16": "int_contents", "INT32": "int_contents",
    "INT64": "int64_contents", "UINT8": "uint_contents", "UINT16": "uint_contents", "UINT32": "uint_contents",
    "UINT64": "uint64_contents", "FP32": "fp32_contents", "FP64": "fp64_contents", "BYTES": "bytes_contents",
}  # fmt: skip
"""Where the values of a datatype stand if they are not sent as bytes; FP16 and BF16 are sent as bytes alone."""
_WIDE: Final = {
    "bool_contents": "?", "int_contents": "<i4", "int64_contents": "<i8", "uint_contents": "<u4",
    "uint64_contents": "<u8", "fp32_contents": "<f4", "fp64_contents": "<f8",
}  # fmt: skip
"""How NumPy holds what stands in a field."""


@dataclass(frozen=True, slots=True)
class Said:
    """What was answered over HTTP.

    Attributes:
        status: the status code.
        body: the content.
        headers: by name in lower case.
    """

    status: int
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked over HTTP.

    Attributes:
        method: such as `GET`.
        path: the path.
        body: the content.
        headers: by name in lower case.
    """

    method: str
    path: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


def find_model(name: str, version: str, rest: str = "") -> str:
    """Return the path of a model, or of one of its versions, and of what is asked of it."""
    below = f"/versions/{quote(version, safe='')}" if version else ""
    return f"/v2/models/{quote(name, safe='')}{below}{rest}"


def write_inference(message: Any) -> Asked:
    """Return the request that an inference asks: JSON, and the tensors in binary.

    Args:
        message: a `ModelInferRequest`.

    Raises:
        ValueError: if its inputs have no values, or some that do not fit their datatype; the message is a clause.
    """
    given = message.raw_input_contents
    if given and len(given) != len(message.inputs):
        raise ValueError(f"{len(message.inputs)} inputs come with {len(given)} raw contents")
    raws: Sequence[bytes] = given or [_pack(tensor) for tensor in message.inputs]
    inputs = [
        {
            "name": tensor.name,
            "datatype": tensor.datatype,
            "shape": list(tensor.shape),
            "parameters": {**_read_parameters(tensor.parameters), "binary_data_size": len(raw)},
        }
        for tensor, raw in zip(message.inputs, raws, strict=True)
    ]
    asked: dict[str, Any] = {
        "inputs": inputs,
        "parameters": {**_read_parameters(message.parameters), "binary_data_output": True},
    }
    if message.id:
        asked["id"] = message.id
    if message.outputs:
        asked["outputs"] = [
            {"name": output.name, "parameters": {**_read_parameters(output.parameters), "binary_data": True}}
            for output in message.outputs
        ]
    head = _ENCODE(asked)
    headers = (HEADER, str(len(head))), ("content-type", "application/octet-stream")
    path = find_model(message.model_name, message.model_version, "/infer")
    return Asked("POST", path, b"".join([head, *raws]), headers)


def read_inferred(said: Said, messages: Messages, *, typed: bool) -> Any:
    """Return the message of an answer.

    Args:
        said: the answer, tensors in binary.
        messages: the classes.
        typed: whether the request had its values in fields of their types; then so has the answer, where they have one.
    """
    size = int(said.headers.get(HEADER, len(said.body)))
    answer, rest = _DECODE(said.body[:size]), said.body[size:]
    message = messages["ModelInferResponse"](
        model_name=answer["model_name"], model_version=answer["model_version"], id=answer.get("id", "")
    )
    for name, value in answer.get("parameters", {}).items():
        message.parameters[name].string_param = str(value)
    typed = typed and all(output["datatype"] in _FIELDS for output in answer["outputs"])
    for output in answer["outputs"]:
        length = output["parameters"]["binary_data_size"]
        raw, rest = rest[:length], rest[length:]
        tensor = message.outputs.add(name=output["name"], datatype=output["datatype"], shape=output["shape"])
        if CLASSES in output["parameters"]:
            tensor.parameters[CLASSES].string_param = output["parameters"][CLASSES]
        if typed:
            values = read_raw(output["datatype"], output["shape"], raw).ravel().tolist()
            said_values = [text.encode() for text in values] if output["datatype"] == "BYTES" else values
            getattr(tensor.contents, _FIELDS[output["datatype"]]).extend(said_values)
        else:
            message.raw_output_contents.append(raw)
    return message


def write_request(method: str, message: Any) -> Asked:
    """Return the request that a message asks; for what infers, `write_inference` does.

    Args:
        method: the method of the service.
        message: its request.
    """
    name, version = getattr(message, "name", ""), getattr(message, "version", "")
    match method:
        case "ServerLive":
            return Asked("GET", "/v2/health/live")
        case "ServerReady":
            return Asked("GET", "/v2/health/ready")
        case "ServerMetadata":
            return Asked("GET", "/v2")
        case "ModelReady":
            return Asked("GET", find_model(name, version, "/ready"))
        case "ModelMetadata":
            return Asked("GET", find_model(name, version))
        case "ModelConfig":
            return Asked("GET", find_model(name, version, "/config"))
        case "ModelStatistics":
            return Asked("GET", find_model(name, version, "/stats") if name else "/v2/models/stats")
        case "RepositoryIndex":
            return Asked("POST", "/v2/repository/index", _ENCODE({"ready": message.ready}))
        case "RepositoryModelLoad" | "RepositoryModelUnload":
            change = method.removeprefix("RepositoryModel").lower()
            body = _ENCODE({"parameters": _read_parameters(message.parameters)})
            return Asked("POST", f"/v2/repository/models/{quote(message.model_name, safe='')}/{change}", body)
        case "TraceSetting":
            return _write_traces(message)
        case "LogSettings":
            return Asked("POST", "/v2/logging")
        case _:
            kind = "system" if method.startswith("System") else "cuda"
            if method.endswith("Status"):
                return Asked("GET", f"/v2/{kind}sharedmemory/status")
            if method.endswith("Unregister"):
                return Asked("POST", f"/v2/{kind}sharedmemory/unregister")
            return Asked("POST", f"/v2/{kind}sharedmemory/region/{quote(name or '-', safe='')}/register")


def read_reply(method: str, said: Said, messages: Messages) -> Any:
    """Return the message of an answer with status 200.

    Args:
        method: the method of the service.
        said: the answer.
        messages: the classes.
    """
    answer = _DECODE(said.body)
    match method:
        case "RepositoryIndex":
            answer = {"models": answer}
        case "ModelConfig":
            for tensor in [*answer["input"], *answer["output"]]:
                tensor["data_type"] = _TYPES.index(tensor["data_type"].removeprefix("TYPE_"))
            answer = {"config": answer}
        case "TraceSetting":
            message = messages["TraceSettingResponse"]()
            for name, value in answer.items():
                message.settings[name].value.extend(value if isinstance(value, list) else [value])
            return message
        case _:
            pass
    message = messages[f"{method}Response"]()
    _fill(message, answer)
    return message


def _write_traces(message: Any) -> Asked:
    """Return the request that reads what is traced, or sets it; a setting without a value is given up."""
    path = find_model(message.model_name, "", "/trace/setting") if message.model_name else "/v2/trace/setting"
    if not message.settings:
        return Asked("GET", path)
    settings = {name: list(setting.value) or None for name, setting in message.settings.items()}
    return Asked("POST", path, _ENCODE(settings))


def _fill(message: Any, answer: Mapping[str, Any]) -> None:
    """Write values into the fields that are called as they are; the others are not sent over gRPC."""
    fields = message.DESCRIPTOR.fields_by_name
    for name, value in answer.items():
        if name not in fields:
            continue
        if isinstance(value, dict):
            inner = getattr(message, name)
            inner.SetInParent()
            _fill(inner, cast("dict[str, Any]", value))
        elif not isinstance(value, list):
            setattr(message, name, value)
        elif fields[name].message_type is None:
            getattr(message, name).extend(value)
        else:
            for each in cast("list[dict[str, Any]]", value):
                _fill(getattr(message, name).add(), each)


def _read_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, parameter in parameters.items():
        kind = parameter.WhichOneof("parameter_choice")
        value = None if kind is None else getattr(parameter, kind)
        # What is refused by its name need not be carried along.
        values[name] = "" if isinstance(value, bytes) else value
    return values


def _pack(tensor: Any) -> bytes:
    """Return the bytes of a tensor whose values stand in the field of their type."""
    datatype = tensor.datatype
    if datatype not in RAW:
        return b""
    field = _FIELDS.get(datatype)
    if field is None:
        raise ValueError(f"input {tensor.name!r} is {datatype}, which comes in raw_input_contents alone")
    values = getattr(tensor.contents, field)
    if datatype == "BYTES":
        return b"".join([len(text).to_bytes(4, "little") + text for text in values])
    wide = np.array(values, dtype=_WIDE[field])
    with np.errstate(over="ignore"):
        narrow = wide.astype(RAW[datatype])
    if wide.dtype.kind in "iu" and not np.array_equal(wide, narrow):
        raise ValueError(f"input {tensor.name!r} holds a number that is too large for {datatype}")
    return write_raw(datatype, narrow)
