"""Bundles: a model with everything it needs to be served and to prove that it is the one that was judged.

A bundle is a folder of files and a manifest that names each of them by digest; the manifest's digest is the bundle's
name. Equal inputs give an equal bundle, whatever the machine or the day.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.core.bundle import InputColumn, Manifest, Parity
from shipway.core.error import ShipwayError
from shipway.core.feature import FeatureView
from shipway.kit.canonical import canonical_json, digest_bytes
from shipway.ports.model import Predictor, Runtime

LAYOUT: Final = 1
MANIFEST, SUMS, PORTABLE = "manifest.json", "SHA256SUMS", "model.onnx"
GOLDEN_ROWS: Final = 100
FEWEST_PARITY_ROWS: Final = 5_000
TOLERANCE: Final = 1e-4
"""How far the portable form's probability may be from the native one's: it compares in single precision."""
_ENDINGS: Final = {"lightgbm": "txt", "sklearn": "sklearn.onnx"}


class Golden(msgspec.Struct, frozen=True, kw_only=True):
    """Held-out rows and what the native model predicts for them, as little-endian float64 in base64.

    Attributes:
        rows: how many.
        columns: feature names in order.
        x: features, row-major.
        p: probabilities.
    """

    rows: int
    columns: tuple[str, ...]
    x: str
    p: str


def measure_parity(
    native: Predictor, portable: Predictor, x: NDArray[np.float64], *, tolerance: float = TOLERANCE
) -> Parity:
    """Compare the two forms of a model on held-out rows.

    Args:
        native: the model as trained.
        portable: its ONNX form.
        x: features of shape (rows, columns).
        tolerance: greatest difference of probabilities allowed.

    Raises:
        ShipwayError: SW-402 for fewer rows than can show anything, SW-501 if a difference exceeds the tolerance, with
            the row that differs most.
    """
    if len(x) < FEWEST_PARITY_ROWS:
        raise ShipwayError(
            "SW-402",
            f"the portable model can be compared on {len(x):,} held-out rows, and {FEWEST_PARITY_ROWS:,} are needed",
            "make the test period longer",
        )
    difference = np.abs(native.predict(x) - portable.predict(x))
    parity = Parity(rows=len(x), largest=float(difference.max()), mean=float(difference.mean()), tolerance=tolerance)
    if not parity.largest <= tolerance:
        row = int(np.nanargmax(difference))
        raise ShipwayError(
            "SW-501",
            f"the portable model is off by {parity.largest:.2g} in row {row} of {len(x):,}, of {tolerance:g} allowed",
            "look for features that do not survive single precision, such as instants or large identifiers",
        )
    return parity


def build_bundle(
    *,
    model: str,
    version: int,
    cut: int,
    model_format: str,
    native: bytes,
    portable: bytes,
    native_predictor: Predictor,
    portable_predictor: Predictor,
    inputs: tuple[InputColumn, ...],
    at: str,
    views: tuple[FeatureView, ...],
    x: NDArray[np.float64],
    training: Mapping[str, Any],
    metrics: Mapping[str, tuple[float, float, float]],
    verdict: Mapping[str, Any],
    lock: str,
    card: str,
) -> tuple[Manifest, dict[str, bytes]]:
    """Build a bundle.

    Args:
        model: the model's name.
        version: its number.
        cut: the training cut, microseconds since 1970 UTC.
        model_format: name of the native form.
        native: the native form.
        portable: the ONNX form.
        native_predictor: the native form, loaded.
        portable_predictor: the ONNX form, loaded.
        inputs: the columns the model reads.
        at: the prediction instant, as written.
        views: the feature views.
        x: held-out rows to compare the two forms on, float64 of shape (rows, inputs).
        training: what training saw.
        metrics: check name to value, low and high.
        verdict: what the gates said.
        lock: the environment, one requirement a line.
        card: the model card, Markdown.

    Returns:
        The manifest, and every file of the bundle by its path, the manifest and the checksums included.

    Raises:
        ShipwayError: as `measure_parity`.
    """
    parity = measure_parity(native_predictor, portable_predictor, x)
    ending = _ENDINGS.get(model_format, "bin")
    files = {
        f"model.{ending}": native,
        PORTABLE: portable,
        "features.json": canonical_json({"at": at, "views": views, "inputs": inputs}),
        "golden.json": canonical_json(choose_golden(x, native_predictor, inputs)),
        "lock.txt": lock.encode(),
        "CARD.md": card.encode(),
    }
    manifest = Manifest(
        layout=LAYOUT,
        model=model,
        version=version,
        format=model_format,
        cut=cut,
        inputs=inputs,
        at=at,
        views=views,
        parity=parity,
        training=dict(training),
        metrics=dict(metrics),
        verdict=dict(verdict),
        files={path: digest_bytes(content) for path, content in sorted(files.items())},
    )
    files[MANIFEST] = canonical_json(manifest)
    files[SUMS] = _sums({path: digest_bytes(content) for path, content in files.items()})
    return manifest, files


def choose_golden(x: NDArray[np.float64], predictor: Predictor, inputs: Sequence[InputColumn]) -> Golden:
    """Take rows evenly from those held out, with what the native model predicts for them."""
    rows = np.unique(np.linspace(0, len(x) - 1, min(GOLDEN_ROWS, len(x))).astype(np.int64))
    chosen = np.ascontiguousarray(x[rows], dtype="<f8")
    return Golden(
        rows=len(rows),
        columns=tuple(column.name for column in inputs),
        x=base64.b64encode(chosen.tobytes()).decode(),
        p=base64.b64encode(predictor.predict(chosen).astype("<f8").tobytes()).decode(),
    )


def files_of(manifest: Manifest, get: Callable[[str], bytes]) -> dict[str, bytes]:
    """Return every file of a bundle by its path, the manifest and the checksums included.

    Args:
        manifest: what the bundle holds.
        get: returns the bytes with a digest.
    """
    digests = {**manifest.files, MANIFEST: manifest.digest}
    return {**{path: get(digest) for path, digest in digests.items()}, SUMS: _sums(digests)}


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def verify_bundle(files: Mapping[str, bytes], runtime: Runtime) -> list[str]:
    """Check a bundle against its manifest and replay its golden rows.

    Args:
        files: every file of the bundle by its path.
        runtime: runs the portable model.

    Returns:
        Every damage found, one sentence each; empty for a bundle that is what its name says.

    Raises:
        ShipwayError: SW-502 if there is no readable manifest, so that this is no bundle.
    """
    try:
        manifest = msgspec.json.decode(files[MANIFEST], type=Manifest)
    except (KeyError, msgspec.MsgspecError) as error:
        raise ShipwayError(
            "SW-502", f"there is no readable {MANIFEST}", "export the bundle again: shipway models export"
        ) from error
    found: list[str] = []
    if canonical_json(manifest) != files[MANIFEST]:
        found.append(f"{MANIFEST} is not as it was written")
    expected = {**manifest.files, MANIFEST: digest_bytes(files[MANIFEST])}
    if files.get(SUMS) != _sums(expected):
        found.append(f"{SUMS} does not match the manifest")
    for path, digest in manifest.files.items():
        if path not in files:
            found.append(f"{path} is missing")
        elif digest_bytes(files[path]) != digest:
            found.append(f"{path} differs from its checksum")
    found.extend(f"{path} is not in the manifest" for path in sorted(set(files) - {*expected, SUMS}))
    return found or _replay(files, manifest, runtime)


def _replay(files: Mapping[str, bytes], manifest: Manifest, runtime: Runtime) -> list[str]:
    golden = msgspec.json.decode(files["golden.json"], type=Golden)
    x = np.frombuffer(base64.b64decode(golden.x), dtype="<f8").reshape(golden.rows, len(golden.columns))
    expected = np.frombuffer(base64.b64decode(golden.p), dtype="<f8")
    difference = float(np.abs(runtime.load(files[PORTABLE]).predict(x) - expected).max())
    if difference <= manifest.parity.tolerance:
        return []
    return [f"golden rows are off by {difference:.2g}, and {manifest.parity.tolerance:g} is allowed"]


def _sums(digests: Mapping[str, str]) -> bytes:
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(digests.items())).encode()
