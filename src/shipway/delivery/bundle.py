"""Bundles: a model with everything it needs to be served and to prove that it is the one that was judged.

A bundle is a folder of files and a manifest that names each of them by digest; the manifest's digest is the bundle's
name. Equal input gives equal bytes, whatever the machine or the day.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.core.bundle import (
    CHECKSUMS,
    GOLDEN,
    LAYOUT,
    MANIFEST,
    NATIVE,
    PORTABLE,
    InputColumn,
    Manifest,
    write_checksums,
)
from shipway.core.column import Schema
from shipway.core.error import ShipwayError
from shipway.core.feature import FeatureView
from shipway.delivery.card import write_parity
from shipway.delivery.parity import choose_golden, complete_rows, measure_parity
from shipway.kit.canonical import canonical_json, digest_bytes
from shipway.ports.model import Predictor


def build_bundle(
    *,
    model: str,
    version: int,
    cut: int,
    model_format: str,
    ending: str,
    native: bytes,
    portable: bytes,
    native_predictor: Predictor,
    portable_predictor: Predictor,
    inputs: Sequence[InputColumn],
    at: str,
    spine: str,
    key: Sequence[str],
    views: Sequence[FeatureView],
    schema: Schema,
    x: NDArray[np.float64],
    training: Mapping[str, Any],
    metrics: Mapping[str, tuple[float, float, float]],
    verdict: Mapping[str, Any],
    lock: str,
    card: str,
) -> tuple[Manifest, dict[str, bytes]]:
    """Build a bundle after measuring that its two forms of the model agree.

    Args:
        model: the model's name.
        version: its number.
        cut: the training cut, microseconds since 1970 UTC.
        model_format: name of the native form.
        ending: how a file with the native form ends, without the dot.
        native: the native form.
        portable: the ONNX form.
        native_predictor: the native form, loaded.
        portable_predictor: the ONNX form, loaded.
        inputs: the columns the model reads.
        at: the prediction instant, as written.
        spine: the source whose rows are predicted.
        key: its key columns.
        views: the feature views it reads.
        schema: kinds of the columns they read, by table.
        x: held-out rows as a model reads them, shape (rows, inputs).
        training: what training saw.
        metrics: check name to value, low and high.
        verdict: what the gates said.
        lock: the environment, one requirement a line.
        card: the model card, Markdown; how the two forms compare is added to it.

    Returns:
        The manifest, and every file of the bundle by its path, the manifest and the checksums included.

    Raises:
        ShipwayError: SW-402 without held-out rows, SW-501 if the forms differ by more than 1e-4 on one of them (or,
            where they are fewer than 5,000, on one recombined from them), or a metric is not finite.
    """
    _require_finite(metrics)
    parity = measure_parity(native_predictor, portable_predictor, complete_rows(x))
    parity = msgspec.structs.replace(parity, identical=native == portable)
    golden = choose_golden(native_predictor, x, [column.name for column in inputs])
    files = {
        f"{NATIVE}.{ending}": native,
        PORTABLE: portable,
        "features.json": canonical_json({"at": at, "views": views, "inputs": inputs}),
        GOLDEN: canonical_json(golden),
        "lock.txt": lock.encode(),
        "CARD.md": f"{card.rstrip()}\n\n{write_parity(parity)}".encode(),
    }
    manifest = Manifest(
        layout=LAYOUT,
        model=model,
        version=version,
        format=model_format,
        cut=cut,
        inputs=tuple(inputs),
        at=at,
        spine=spine,
        key=tuple(key),
        views=tuple(views),
        schema=schema,
        parity=parity,
        training=dict(training),
        metrics=dict(metrics),
        verdict=dict(verdict),
        files={path: digest_bytes(content) for path, content in sorted(files.items())},
    )
    files[MANIFEST] = canonical_json(manifest)
    files[CHECKSUMS] = write_checksums(manifest.files | {MANIFEST: manifest.digest})
    return manifest, files


def _require_finite(metrics: Mapping[str, tuple[float, float, float]]) -> None:
    for name, (value, low, high) in metrics.items():
        if not np.isfinite([value, low, high]).all():
            raise ShipwayError(
                "SW-501",
                f"{name} is {value:g} [{low:g}, {high:g}], which a manifest cannot hold",
                "measure it over a test period of several days, so that it has an interval",
            )
