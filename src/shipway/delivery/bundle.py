"""Bundles: a model with everything it needs to be served and to prove that it is the one that was judged.

A bundle is a folder of files and a manifest that names each of them by digest; the manifest's digest is the bundle's
name. Equal input gives equal bytes, whatever the machine or the day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np

from shipway.core.bundle import (
    BINARY,
    CARD,
    CHECKSUMS,
    FEATURES,
    GOLDEN,
    LAYOUT,
    LOCK,
    MANIFEST,
    NATIVE,
    PORTABLE,
    Golden,
    InputColumn,
    KeyedFeatures,
    Manifest,
    OutputColumn,
    Parity,
    SliceMetric,
)
from shipway.core.checksum import write_checksums
from shipway.core.error import ShipwayError
from shipway.core.tensor import Tensors
from shipway.delivery.card import write_parity
from shipway.delivery.parity import choose_golden, complete_sample, measure_parity
from shipway.kit.canonical import canonical_json, digest_bytes
from shipway.ports.model import Predictor


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """A form of a model.

    Attributes:
        runtime: what runs it: `onnx`, or the name of its native format.
        content: its bytes.
        predictor: the model loaded from them.
    """

    runtime: str
    content: bytes
    predictor: Predictor


def build_bundle(
    *,
    model: str,
    version: int,
    cut: int,
    ending: str,
    native: Form,
    portable: Form | None,
    because: str = "",
    reads: Literal["matrix", "tensors"] = "matrix",
    inputs: Sequence[InputColumn],
    outputs: Sequence[OutputColumn] = BINARY,
    features: KeyedFeatures | None,
    sample: Tensors,
    training: Mapping[str, Any],
    metrics: Mapping[str, tuple[float, float, float]],
    slices: Sequence[SliceMetric] = (),
    verdict: Mapping[str, Any],
    lock: str,
    card: str,
    attached: Mapping[str, bytes] | None = None,
) -> tuple[Manifest, dict[str, bytes]]:
    """Build a bundle after measuring that its forms of the model agree.

    Args:
        model: the model's name.
        version: its number.
        cut: the training cut, microseconds since 1970 UTC.
        ending: how a file with the native form ends, without the dot.
        native: the native form.
        portable: the ONNX form, which is served; None where there is none, and the native form is served.
        because: why there is none, as a clause after "because".
        reads: how the model is given its columns.
        inputs: the columns it reads.
        outputs: the tensors it gives.
        features: how its features are read by key; None for a model that answers by vector only.
        sample: held-out rows as the model is given them.
        training: what training saw.
        metrics: check name to value, low and high.
        slices: how it does on the slices that a gate judged.
        verdict: what the gates said.
        lock: the environment, one requirement a line.
        card: the model card, Markdown; how the two forms compare is added to it.
        attached: further files by their path, such as the bill of materials.

    Returns:
        The manifest, and every file of the bundle by its path, the manifest and the checksums included.

    Raises:
        ShipwayError: SW-402 without held-out rows, SW-501 if the forms differ by more than 1e-4 on one of them (or,
            where they are rows of a matrix and fewer than 5,000, on one recombined from them), if there is one form
            and nobody says why, or a metric is not finite.
    """
    _require_finite(metrics)
    if (portable is None) != bool(because):
        raise ShipwayError("SW-501", f"{model}@{version} has a form that nobody explains", "say why, or convert it")
    golden = choose_golden(native.predictor, sample, [column.name for column in inputs])
    parity = None if portable is None else _compare_forms(native, portable, sample, golden.scale)
    native_path = f"{NATIVE}.{ending}"
    files = {
        native_path: native.content,
        GOLDEN: canonical_json(golden),
        LOCK: lock.encode(),
        CARD: f"{card.rstrip()}\n\n{write_parity(parity, because)}".encode(),
    }
    if portable is not None:
        files[PORTABLE] = portable.content
    if features is not None:
        files[FEATURES] = canonical_json({"at": features.at, "views": features.views, "inputs": inputs})
    files |= attached or {}
    manifest = Manifest(
        layout=LAYOUT,
        model=model,
        version=version,
        format=native.runtime,
        native=native_path,
        served=native_path if portable is None else PORTABLE,
        runtime=native.runtime if portable is None else portable.runtime,
        because=because,
        cut=cut,
        reads=reads,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        features=features,
        parity=parity,
        training=dict(training),
        metrics=dict(metrics),
        slices=tuple(slices),
        verdict=dict(verdict),
        files={path: digest_bytes(content) for path, content in sorted(files.items())},
    )
    return manifest, _seal(manifest, golden, files)


def _compare_forms(native: Form, portable: Form, sample: Tensors, scale: float) -> Parity:
    parity = measure_parity(native.predictor, portable.predictor, complete_sample(sample), scale=scale)
    return msgspec.structs.replace(parity, identical=native.content == portable.content)


def _seal(manifest: Manifest, golden: Golden, files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files with the manifest and the checksums; SW-501 where the golden rows are not what it says."""
    if odd := manifest.find_odd(golden):
        fact = f"the golden rows of {manifest.model}@{manifest.version} have {odd}"
        raise ShipwayError("SW-501", fact, "describe what the model reads")
    sums = write_checksums(manifest.files | {MANIFEST: manifest.digest})
    return files | {MANIFEST: canonical_json(manifest), CHECKSUMS: sums}


def _require_finite(metrics: Mapping[str, tuple[float, float, float]]) -> None:
    for name, (value, low, high) in metrics.items():
        if not np.isfinite([value, low, high]).all():
            raise ShipwayError(
                "SW-501",
                f"{name} is {value:g} [{low:g}, {high:g}], which a manifest cannot hold",
                "measure it over a test period of several days, so that it has an interval",
            )
