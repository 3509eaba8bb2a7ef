"""The manifest of a bundle: everything a model needs to prove itself and to be served, by content."""

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.core.column import Schema
from shipway.core.feature import FeatureView
from shipway.kit.canonical import digest_bytes, digest_value

LAYOUT: Final = 2
"""Version of what is described here."""
MANIFEST: Final = "manifest.json"
CHECKSUMS: Final = "SHA256SUMS"
PORTABLE: Final = "model.onnx"
NATIVE: Final = "native"
"""The native form's file, before the ending its library gives it."""
GOLDEN: Final = "golden.json"


class InputColumn(msgspec.Struct, frozen=True, kw_only=True):
    """One feature column the model reads, in the model's order, with what training saw of it.

    Attributes:
        name: the frame's column.
        kind: `number`, or `category` for text carried as integer codes.
        categories: for a category, the texts by code; a text not among them is missing to the model.
        low: least value in training; None for a category or a column without values.
        high: greatest value in training.
        missing: share of training rows without a value.
        monotone: 1 if a rise never lowers the prediction, -1 if it never raises it, else 0.
    """

    name: str
    kind: Literal["number", "category"]
    categories: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    missing: float = 0.0
    monotone: int = 0


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """How far the portable form of the model is from the native one.

    Attributes:
        rows: rows compared: those held out, and where they are fewer than 5,000, others recombined from them.
        largest: greatest absolute difference of probabilities.
        mean: mean absolute difference.
        tolerance: what `largest` may be.
        identical: whether the native form is the portable one, so that there is nothing to compare.
    """

    rows: int
    largest: float
    mean: float
    tolerance: float
    identical: bool = False

    @property
    def said(self) -> str:
        """Return the comparison as one clause."""
        if self.identical:
            return "one form, ONNX: what was measured is what is served"
        return f"ONNX within {self.largest:.1e} on {self.rows:,} rows, {self.tolerance:g} is allowed"


class Golden(msgspec.Struct, frozen=True, kw_only=True):
    """Held-out rows with what the native form predicts for them.

    Attributes:
        columns: the model's columns in order.
        rows: features of each row, None where a value is missing.
        predictions: probabilities that the label is true.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[float | None, ...], ...]
    predictions: tuple[float, ...]

    @property
    def x(self) -> NDArray[np.float64]:
        """Return the rows as a model reads them, shape (rows, columns)."""
        return np.asarray(self.rows, dtype=np.float64).reshape(len(self.rows), len(self.columns))

    def compare(self, predictions: NDArray[np.float64], tolerance: float) -> str:
        """Return what a model predicts otherwise, as a clause after "predicts"; empty where it does not.

        Args:
            predictions: probabilities for the rows, shape (rows,).
            tolerance: how far one may be from the native form's.
        """
        expected = np.asarray(self.predictions)
        off = np.flatnonzero(~(np.abs(predictions - expected) <= tolerance))
        if not len(off):
            return ""
        first = int(off[0])
        said = f"{predictions[first]:.6f} in row {first}, which should be {expected[first]:.6f}"
        return f"{len(off)} of {len(expected)} golden rows otherwise: {said}"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The table of contents of a bundle; its digest is the bundle's name.

    Attributes:
        layout: version of this layout.
        model: the model's name.
        version: its version number.
        format: native form of the model, such as `lightgbm`.
        cut: the training cut, microseconds since 1970 UTC: nothing known later was learned from.
        inputs: the columns the model reads.
        at: the prediction instant, as written.
        spine: the source whose rows are predicted.
        key: its key columns, which name a row.
        views: the feature views as expression trees, so that serving computes what training did.
        schema: kinds of the columns that the views read, by table.
        parity: native against portable form.
        training: rows, rate of the label and digests of the frame and of the code that trained.
        metrics: check name to value, low and high.
        verdict: `outcome`, the `gates` with what each said, and the `overrides` where people let data be trained on
            that a gate did not pass.
        files: path inside the bundle to SHA-256, without the manifest itself.
    """

    layout: int
    model: str
    version: int
    format: str
    cut: int
    inputs: tuple[InputColumn, ...]
    at: str
    spine: str
    key: tuple[str, ...]
    views: tuple[FeatureView, ...]
    schema: Schema
    parity: Parity
    training: dict[str, Any]
    metrics: dict[str, tuple[float, float, float]]
    verdict: dict[str, Any]
    files: dict[str, str]

    @property
    def digest(self) -> str:
        """Return the bundle's name."""
        return digest_value(self)


def write_checksums(digests: Mapping[str, str]) -> bytes:
    """Return what `sha256sum --check` reads, given the digest of each file by its path."""
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(digests.items())).encode()


def digest_files(manifest: Manifest, bundle: str) -> dict[str, str]:
    """Return the digest of every file of a bundle by its path, the manifest and the checksums among them.

    Args:
        manifest: the bundle's.
        bundle: the digest of the manifest, which is the bundle's name.
    """
    digests = {**manifest.files, MANIFEST: bundle}
    return {**digests, CHECKSUMS: digest_bytes(write_checksums(digests))}
