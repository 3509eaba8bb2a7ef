"""A bundle as an MLflow model: its ONNX form with a signature and an example, read by MLflow without shipway."""

import datetime as dt
import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from shipway.core.bundle import GOLDEN, PORTABLE, Golden, InputColumn, Manifest, OutputColumn
from shipway.core.record import name_places
from shipway.core.tensor import DATATYPES, MATRIX
from shipway.delivery.export.parcel import Parcel
from shipway.delivery.lock import read_lock
from shipway.kit.canonical import canonical_json
from shipway.kit.yaml import write_yaml

MLFLOW: Final = "3.1.0"
"""The version of MLflow whose format is written."""
EXAMPLE_ROWS: Final = 5
Single: TypeAlias = Callable[[bytes], bytes]
Split: TypeAlias = Callable[[bytes, tuple[str, ...]], bytes]
_EXAMPLE: Final = "input_example.json"
_SERVED: Final = "serving_input_example.json"
_NEEDED: Final = ("numpy", "onnx", "onnxruntime")


def write_mlflow(parcel: Parcel, single: Single, split: Split) -> dict[str, bytes]:
    """Return the files of an MLflow model (format of MLflow 3) that predicts what a bundle does.

    A binary model's two probabilities become one for each row, and those of classes one output each, because MLflow's
    frames have one number a row and output; a model of a number has one. A category is its code, as the model reads it.

    Args:
        parcel: the bundle.
        single: makes of a graph that gives both outcomes' probabilities one that gives that of being true.
        split: makes of a graph that gives the probabilities of all classes one that gives each by itself.

    Raises:
        ShipwayError: SW-501 where the model has a native form only.
    """
    manifest, graph = parcel.manifest, parcel.portable("MLflow")
    golden = msgspec.json.decode(parcel.contents[GOLDEN], type=Golden)
    lock = parcel.contents["lock.txt"].decode()
    python = lock.splitlines()[0].removeprefix("# Python ")
    pinned = {name: f"{name}=={version}" for name, version in read_lock(lock).items()}
    needed = [f"mlflow>={MLFLOW}", *(pinned.get(name, name) for name in _NEEDED)]
    example, kind = _write_example(manifest, golden)
    document = {
        "artifact_path": manifest.model,
        "flavors": _write_flavors(pinned, python),
        "metadata": {"shipway_bundle": parcel.digest, "shipway_version": parcel.name, **_codes(manifest)},
        "mlflow_version": MLFLOW,
        "model_uuid": parcel.digest[:32],
        "saved_input_example_info": {"artifact_path": _EXAMPLE, "serving_input_path": _SERVED, **kind},
        "signature": _write_signature(manifest),
        "utc_time_created": _write_instant(manifest.cut),
    }
    conda = {
        "name": manifest.model,
        "channels": ["conda-forge"],
        "dependencies": [f"python={python}", "pip", {"pip": needed}],
    }
    return {
        "MLmodel": write_yaml(document),
        PORTABLE: _flatten(manifest, graph, single, split),
        _EXAMPLE: example[0],
        _SERVED: example[1],
        "requirements.txt": "".join(f"{line}\n" for line in needed).encode(),
        "python_env.yaml": write_yaml({"python": python, "dependencies": ["-r requirements.txt"]}),
        "conda.yaml": write_yaml(conda),
        "CARD.md": parcel.contents["CARD.md"],
    }


def _flatten(manifest: Manifest, graph: bytes, single: Single, split: Split) -> bytes:
    if manifest.classes:
        return split(graph, manifest.classes)
    return single(graph) if manifest.binary else graph


def _write_flavors(pinned: Mapping[str, str], python: str) -> dict[str, Any]:
    return {
        "onnx": {
            "code": None,
            "data": PORTABLE,
            "onnx_version": pinned.get("onnx", "").partition("==")[2],
            "providers": ["CPUExecutionProvider"],
            "onnx_session_options": None,
        },
        "python_function": {
            "code": None,
            "data": PORTABLE,
            "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
            "loader_module": "mlflow.onnx",
            "python_version": python,
        },
    }


def _codes(manifest: Manifest) -> dict[str, Any]:
    """Return the texts of each category by code, which whoever makes the model's input has to know."""
    codes = {column.name: list(column.categories) for column in manifest.inputs if column.kind == "category"}
    return {"shipway_categories": json.dumps(codes)} if codes else {}


def _write_signature(manifest: Manifest) -> dict[str, Any]:
    if manifest.reads == "matrix":
        inputs: list[dict[str, Any]] = [
            {"type": "double", "name": column.name, "required": True} for column in manifest.inputs
        ]
    else:
        inputs = [_write_tensor(column) for column in manifest.inputs]
    if manifest.predicts is None:
        outputs = [_write_tensor(column) for column in manifest.outputs]
    else:
        names = name_places(manifest.outputs[0], "")
        outputs = [{"type": "float", "name": name, "required": True} for name in names]
    return {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs), "params": None}


def _write_tensor(column: InputColumn | OutputColumn) -> dict[str, Any]:
    dtype = "str" if column.datatype == "BYTES" else DATATYPES[column.datatype].name
    return {"type": "tensor", "name": column.name, "tensor-spec": {"dtype": dtype, "shape": [-1, *column.shape[1:]]}}


def _write_example(manifest: Manifest, golden: Golden) -> tuple[tuple[bytes, bytes], dict[str, str]]:
    """Return the first golden rows as MLflow keeps an example, and as its server is asked; and what kind that is."""
    tensors = {name: array[:EXAMPLE_ROWS].tolist() for name, array in golden.tensors.items()}
    if manifest.reads == "matrix":
        frame = {"columns": [column.name for column in manifest.inputs], "data": tensors[MATRIX]}
        kind = {"type": "dataframe", "pandas_orient": "split"}
        return (canonical_json(frame), canonical_json({"dataframe_split": frame})), kind
    inputs = canonical_json({"inputs": tensors})
    return (inputs, inputs), {"type": "ndarray", "format": "tf-serving"}


def _write_instant(us: int) -> str:
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=us)
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")
