"""A bundle in the layout of a Bento: BentoML serves the folder, and builds its own image of it."""

import datetime as dt
import re
from typing import Any, Final

from shipway.core.bundle import PORTABLE
from shipway.core.error import ShipwayError
from shipway.delivery.export.parcel import Parcel
from shipway.delivery.lock import read_lock
from shipway.kit.yaml import write_yaml

BENTOML: Final = "1.4.0"
"""The version of BentoML whose layout is written."""
_TAG: Final = re.compile(r"[a-z0-9]([-._a-z0-9]*[a-z0-9])?")
_NEEDED: Final = ("numpy", "onnxruntime")
_SERVICE: Final = '''\
"""Serve {name}, bundle {digest}."""

import json
from pathlib import Path
from typing import Any

import bentoml
import numpy as np
import onnxruntime

TYPES = {{
    "BOOL": "bool", "UINT8": "uint8", "UINT16": "uint16", "UINT32": "uint32", "UINT64": "uint64", "INT8": "int8",
    "INT16": "int16", "INT32": "int32", "INT64": "int64", "FP16": "float16", "FP32": "float32", "FP64": "float64",
    "BYTES": "object",
}}


@bentoml.service(name="{model}")
class Model:
    """The portable model of the bundle, with inputs and outputs as its manifest names them."""

    bundle = bentoml.models.BentoModel("{model}:{version}")

    def __init__(self) -> None:
        folder = Path(self.bundle.path)
        self.manifest = json.loads((folder / "manifest.json").read_bytes())
        self.session = onnxruntime.InferenceSession(folder / "{portable}", providers=["CPUExecutionProvider"])

    @bentoml.api
    def infer(self, inputs: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """Predict rows that are given by columns: a list of equally many values for each input, null where missing."""
        columns = self.manifest["inputs"]
        due, given = sorted(column["name"] for column in columns), sorted(inputs)
        if due != given:
            raise bentoml.exceptions.InvalidArgument(f"the model reads {{due}} and was given {{given}}")
        if self.manifest["reads"] == "matrix":
            x = np.column_stack([self._encode(column, inputs[column["name"]]) for column in columns])
            said = self.session.run(None, {{self.session.get_inputs()[0].name: x.astype(np.float32)}})[0]
            (output,) = self.manifest["outputs"]
            # Of classes the probability of each; of a condition those of both outcomes, the last that of being true;
            # else one number a row.
            return {{output["name"]: (said if output["classes"] else said[:, -1]).astype(float).tolist()}}
        feed = {{column["name"]: np.array(inputs[column["name"]], TYPES[column["datatype"]]) for column in columns}}
        names = [output["name"] for output in self.manifest["outputs"]]
        return {{name: array.tolist() for name, array in zip(names, self.session.run(names, feed))}}

    @staticmethod
    def _encode(column: dict[str, Any], values: list[Any]) -> np.ndarray:
        """Return a column as the model reads it: a text as its code, and what is missing or unknown as NaN."""
        if column["kind"] == "category":
            codes = {{text: float(code) for code, text in enumerate(column["categories"])}}
            values = [codes.get(value) for value in values]
        return np.array([np.nan if value is None else float(value) for value in values])
'''
_README: Final = """\
# {model}:{version}

{name} of shipway, bundle `{digest}`. `bentoml serve .` answers `POST /infer` with `{{"inputs": {{NAME: [VALUES]}}}}`.

The bundle is in `models/{model}/{version}`; `shipway bundle verify` proves that it is whole.
"""


def write_bento(parcel: Parcel) -> dict[str, bytes]:
    """Return the files of a Bento (layout of BentoML 1.4) that serves a bundle's portable model.

    Raises:
        ShipwayError: SW-501 where the model has a native form only, or a name that no Bento can have.
    """
    manifest = parcel.manifest
    parcel.portable("BentoML")
    if not _TAG.fullmatch(manifest.model):
        fact = f"a Bento cannot be called {manifest.model!r}"
        raise ShipwayError("SW-501", fact, "its name takes lower-case letters, digits, and . _ - inside")
    said = {
        "name": parcel.name,
        "digest": parcel.digest,
        "model": manifest.model,
        "version": manifest.version,
        "portable": PORTABLE,
    }
    lock = parcel.contents["lock.txt"].decode()
    pinned = {name: f"{name}=={version}" for name, version in read_lock(lock).items()}
    needed = "".join(f"{line}\n" for line in [f"bentoml>={BENTOML}", *(pinned.get(name, name) for name in _NEEDED)])
    python = ".".join(lock.splitlines()[0].removeprefix("# Python ").split(".")[:2])
    home = f"models/{manifest.model}/{manifest.version}"
    return {
        "bento.yaml": write_yaml(_describe(parcel, needed, python)),
        "README.md": _README.format(**said).encode(),
        "src/service.py": _SERVICE.format(**said).encode(),
        "env/python/requirements.txt": needed.encode(),
        "env/python/version.txt": python.encode(),
        f"{home}/model.yaml": write_yaml(_describe_model(parcel)),
        **{f"{home}/{path}": content for path, content in parcel.files.items()},
    }


def _describe(parcel: Parcel, needed: str, python: str) -> dict[str, Any]:
    manifest, created = parcel.manifest, _write_instant(parcel.manifest.cut)
    model = {
        "tag": f"{manifest.model}:{manifest.version}",
        "module": "",
        "creation_time": created,
        "registry": "bentoml",
    }
    return {
        "service": "service:Model",
        "name": manifest.model,
        "version": str(manifest.version),
        "bentoml_version": BENTOML,
        "creation_time": created,
        "labels": {"shipway-bundle": parcel.digest[:63]},
        "models": [model],
        "entry_service": manifest.model,
        "services": [
            {"name": manifest.model, "service": "", "models": [model], "dependencies": [], "config": {}},
        ],
        "envs": [],
        "schema": {},
        "args": {},
        "spec": 2,
        "image": {
            "base_image": f"python:{python}-slim",
            "python_version": python,
            "commands": [],
            "python_requirements": needed,
            "post_commands": [],
            "build_include": [],
        },
    }


def _describe_model(parcel: Parcel) -> dict[str, Any]:
    manifest = parcel.manifest
    return {
        "name": manifest.model,
        "version": str(manifest.version),
        "module": "",
        "labels": {},
        "options": {},
        "metadata": {"shipway_bundle": parcel.digest},
        "context": {"framework_name": "onnxruntime", "framework_versions": {}, "bentoml_version": BENTOML,
                    "python_version": "3.11"},
        "signatures": {},
        "api_version": "v1",
        "creation_time": _write_instant(manifest.cut),
    }  # fmt: skip


def _write_instant(us: int) -> str:
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=us)
    return moment.isoformat(timespec="microseconds")
