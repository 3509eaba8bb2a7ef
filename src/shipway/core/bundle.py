"""The manifest of a bundle: everything a model needs to prove itself and to be served, by content."""

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.core.column import Schema
from shipway.core.error import ShipwayError
from shipway.core.feature import FeatureView
from shipway.core.label import SCALAR, LabelKind, say_shares
from shipway.core.online import Layout, make_layout
from shipway.core.tensor import DATATYPES, MATRIX, PREDICTION, PROBABILITIES, PROBABILITY, Tensors, fits, name_datatype
from shipway.kit.canonical import digest_value

LAYOUT: Final = 4
"""Version of what is described here."""
MANIFEST: Final = "manifest.json"
CHECKSUMS: Final = "SHA256SUMS"
PORTABLE: Final = "model.onnx"
NATIVE: Final = "native"
"""The native form's file, before the ending its library gives it."""
GOLDEN: Final = "golden.json"
FEATURES: Final = "features.json"
LOCK: Final = "lock.txt"
CARD: Final = "CARD.md"
BILL: Final = "sbom.cdx.json"
DRIFT: Final = "drift.json"
TOLERANCE: Final = 1e-4
"""How far a number may be from what it was when the model was packaged, as a share (`measure_difference`)."""


class InputColumn(msgspec.Struct, frozen=True, kw_only=True):
    """One column the model reads, in the model's order, with what training saw of it.

    Attributes:
        name: the frame's column, or the tensor's name.
        kind: `number`, `category` for text carried as integer codes, or `tensor` for what is handed over as it is.
        datatype: how it is sent, by the Open Inference Protocol: FP64 for a number and BYTES for a category.
        shape: of what is sent; the first place is the rows, and -1 any length.
        categories: for a category, the texts by code; a text not among them is missing to the model.
        low: least value in training; None for a category or a column without values.
        high: greatest value in training.
        missing: share of training rows without a value.
        monotone: 1 if a rise never lowers the prediction, -1 if it never raises it, else 0.
    """

    name: str
    kind: Literal["number", "category", "tensor"]
    datatype: str = ""
    shape: tuple[int, ...] = (-1,)
    categories: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    missing: float = 0.0
    monotone: int = 0

    def __post_init__(self) -> None:
        """Fill in the datatype that a kind implies; ValueError for one that is not known or does not fit."""
        due = {"number": "FP64", "category": "BYTES"}.get(self.kind, self.datatype)
        if due not in DATATYPES or self.datatype not in ("", due):
            raise ValueError(f"{self.kind} {self.name!r} cannot have datatype {self.datatype!r}")
        msgspec.structs.force_setattr(self, "datatype", due)


class OutputColumn(msgspec.Struct, frozen=True, kw_only=True):
    """One tensor the model gives.

    Attributes:
        name: what it is called.
        datatype: what it holds, by the Open Inference Protocol.
        shape: its shape; the first place is the rows, and -1 any length.
        classes: what the places of its last axis stand for, where it has one probability for each class.
    """

    name: str
    datatype: str
    shape: tuple[int, ...] = (-1,)
    classes: tuple[str, ...] = ()


BINARY: Final = (OutputColumn(name=PROBABILITY, datatype="FP64"),)
"""The outputs of a model that says how probable it is that a label is true."""
NUMBER: Final = (OutputColumn(name=PREDICTION, datatype="FP64"),)
"""The outputs of a model that says which number a label is."""
OUTPUTS: Final[dict[LabelKind, tuple[OutputColumn, ...]]] = {"condition": BINARY, "number": NUMBER}
"""What a model of each kind of label gives that says one number a row; `declare_outputs` knows the other kind too."""


class KeyedFeatures(msgspec.Struct, frozen=True, kw_only=True):
    """How the features of a row are read by its key, so that serving computes what training did.

    Attributes:
        at: the prediction instant, as written.
        spine: the source whose rows are predicted.
        key: its key columns, which name a row.
        views: the feature views as expression trees.
        schema: kinds of the columns that the views read, by table.
    """

    at: str
    spine: str
    key: tuple[str, ...]
    views: tuple[FeatureView, ...]
    schema: Schema

    def make_layout(self) -> Layout:
        """Return how the online store of these features is laid out."""
        return make_layout(self.spine, self.key, self.views, self.schema)


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """How far the portable form of the model is from the native one.

    Attributes:
        rows: rows compared: those held out, and where they are fewer than 5,000, others recombined from them.
        largest: greatest difference of what they say, as `measure_difference` has it.
        mean: mean difference.
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


class GoldenTensor(msgspec.Struct, frozen=True, kw_only=True):
    """A tensor written as the Open Inference Protocol writes one, so that golden rows can be sent to any server.

    Attributes:
        name: what it is called.
        shape: its shape.
        datatype: what it holds.
        data: the values in row-major order; None for a number or a text that is missing.
    """

    name: str
    shape: tuple[int, ...]
    datatype: str
    data: tuple[bool | int | float | str | None, ...]

    @property
    def array(self) -> NDArray[Any]:
        """Return the values as an array; ValueError where they are not what is said of them."""
        dtype = DATATYPES.get(self.datatype)
        if dtype is None:
            raise ValueError(f"{self.name!r} has datatype {self.datatype!r}")
        try:
            # The trailing None keeps NumPy from making texts of one length a type of their own.
            held = [*self.data, None] if dtype.kind == "O" else list(self.data)
            values = np.array(held, dtype=dtype)[: len(self.data)]
        except (TypeError, OverflowError) as error:
            raise ValueError(f"{self.name!r} does not hold {self.datatype}: {error}") from error
        return values.reshape(self.shape)


class Golden(msgspec.Struct, frozen=True, kw_only=True):
    """Held-out rows with what the native form says of them: a request of the protocol, and the answer due.

    Attributes:
        inputs: what the model is given.
        outputs: what it says.
    """

    inputs: tuple[GoldenTensor, ...]
    outputs: tuple[GoldenTensor, ...]

    @property
    def rows(self) -> int:
        """Return how many rows there are."""
        return self.outputs[0].shape[0] if self.outputs and self.outputs[0].shape else 0

    @property
    def scale(self) -> float:
        """Return what a difference is a share of at least: 1, or of numbers their own size (`find_scale`).

        A probability is small or large as it is. A label that is a number has some unit, and no difference may pass
        because it was written in tons, or be too great because it was written in grams.
        """
        said = {tensor.name: tensor for tensor in self.outputs}
        return find_scale(said[PREDICTION].array) if PREDICTION in said else 1.0

    @property
    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return what the model is given, by name; ValueError where that cannot be read."""
        return {tensor.name: tensor.array for tensor in self.inputs}

    def compare(self, found: Tensors, tolerance: float) -> str:
        """Return what a model says otherwise, as a clause after "predicts"; empty where it does not.

        Args:
            found: what it says, by name.
            tolerance: how far a number may be from the native form's (`find_off`).

        Raises:
            ValueError: where the outputs cannot be read.
        """
        scale = self.scale
        for tensor in self.outputs:
            expected, given = tensor.array, found.get(tensor.name)
            if given is None or given.shape != expected.shape:
                shape = "nothing" if given is None else f"shape {list(given.shape)}"
                return f"{shape} as {tensor.name!r}, which should have shape {list(expected.shape)}"
            off = np.argwhere(find_off(given, expected, tolerance, scale))
            if len(off):
                place, wrong = tuple(off[0]), len(np.unique(off[:, 0]))
                said = f"{_say(given[place])} in row {place[0]}, which should be {_say(expected[place])}"
                return f"{wrong} of {len(expected)} golden rows otherwise: {said}"
        return ""


class SliceMetric(msgspec.Struct, frozen=True, kw_only=True):
    """How a model does on one slice of the rows it was judged on.

    Attributes:
        check: which check of slices measured it.
        name: of the slice, such as `carrier=AA`.
        rows: how many rows it has.
        loss: of the model, on average: log loss, or of a number the absolute error.
        baseline: of what it is compared with.
        regressed: whether the check found that the model does worse there.
    """

    check: str
    name: str
    rows: int
    loss: float
    baseline: float
    regressed: bool


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The table of contents of a bundle; its digest is the bundle's name.

    Attributes:
        layout: version of this layout.
        model: the model's name.
        version: its version number.
        format: native form of the model, such as `lightgbm`.
        native: path of the native form.
        served: path of the form that is served.
        runtime: what runs that form: `onnx`, or the name of the native form where that is served.
        because: why the native form is served; empty where the portable one is.
        cut: the training cut, microseconds since 1970 UTC: nothing known later was learned from.
        reads: `matrix` where the model is given one single-precision matrix of all columns in their order, a category
            as its code; `tensors` where each input is handed over by its name as it was sent.
        inputs: the columns the model reads.
        outputs: the tensors it gives.
        features: how its features are read by key; None where it answers by vector only.
        parity: native against portable form; None where there is no portable one.
        training: rows, rate or mean of the label and digests of the frame and of the code that trained.
        metrics: check name to value, low and high.
        slices: how it does on the slices that a gate judged.
        verdict: `outcome`, the `gates` with what each said, and the `overrides` where people let data be trained on
            that a gate did not pass.
        files: path inside the bundle to SHA-256, without the manifest itself.
    """

    layout: int
    model: str
    version: int
    format: str
    native: str
    served: str
    runtime: str
    because: str = ""
    cut: int
    reads: Literal["matrix", "tensors"] = "matrix"
    inputs: tuple[InputColumn, ...]
    outputs: tuple[OutputColumn, ...] = BINARY
    features: KeyedFeatures | None = None
    parity: Parity | None = None
    training: dict[str, Any]
    metrics: dict[str, tuple[float, float, float]]
    slices: tuple[SliceMetric, ...] = ()
    verdict: dict[str, Any]
    files: dict[str, str]

    @property
    def digest(self) -> str:
        """Return the bundle's name."""
        return digest_value(self)

    @property
    def predicts(self) -> LabelKind | None:
        """Return which kind of label the model predicts by the rows of a matrix; None for any other model."""
        if self.reads != "matrix":
            return None
        if len(self.outputs) == 1 and self.outputs[0].classes:
            return "class" if self.outputs == declare_outputs("class", self.outputs[0].classes) else None
        return next((kind for kind, outputs in OUTPUTS.items() if self.outputs == outputs), None)

    @property
    def scalar(self) -> LabelKind | None:
        """Return which kind of label the model says one number of, for each row of a matrix; None for any other."""
        return self.predicts if self.predicts in SCALAR else None

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the classes of which it says how probable each is; none for a model of any other label."""
        return self.outputs[0].classes if self.predicts == "class" else ()

    @property
    def told_apart(self) -> str:
        """Return its classes as one clause, each with its share in training where that is known; empty without any."""
        return say_shares(self.training) or ", ".join(map(repr, self.classes))

    @property
    def binary(self) -> bool:
        """Return whether the model says one probability for each row of a matrix."""
        return self.predicts == "condition"

    @property
    def tolerance(self) -> float:
        """Return how far a number may be from what it was when the model was packaged."""
        return TOLERANCE if self.parity is None else self.parity.tolerance

    @property
    def compared(self) -> str:
        """Return as one clause how the forms of the model compare, or why there is one only."""
        return f"native form only, because {self.because}" if self.parity is None else self.parity.said

    @property
    def keyed(self) -> KeyedFeatures:
        """Return how features are read by key; SW-502 where the bundle answers by vector only."""
        if self.features is None:
            fact = f"bundle {self.digest[:12]} of {self.model}@{self.version} has no features, so it reads none by key"
            raise ShipwayError("SW-502", fact, "send it vectors: POST /v2/models/NAME/infer")
        return self.features

    def find_odd(self, golden: Golden) -> str:
        """Return how golden rows are not what this model reads and gives, as a clause after "have"; else nothing."""
        if not golden.rows:
            return "no rows"
        if self.reads == "matrix":
            due = {MATRIX: ("FP64", (-1, len(self.inputs)))}
        else:
            due = {column.name: (column.datatype, column.shape) for column in self.inputs}
        for tensors, declared in ((golden.inputs, due), (golden.outputs, _declare(self.outputs))):
            given = {tensor.name: tensor for tensor in tensors}
            if len(given) != len(tensors) or given.keys() != declared.keys():
                return f"tensors {', '.join(map(repr, given))}, not {', '.join(map(repr, declared))}"
            for name, (datatype, shape) in declared.items():
                tensor = given[name]
                if tensor.datatype != datatype or not fits(tensor.shape, shape) or tensor.shape[0] != golden.rows:
                    return f"{tensor.datatype} of shape {list(tensor.shape)} as {name!r}, not {datatype} {list(shape)}"
        return ""


def declare_outputs(kind: LabelKind, classes: tuple[str, ...] = ()) -> tuple[OutputColumn, ...]:
    """Return what a model of a label gives.

    Args:
        kind: of the label.
        classes: of a label of classes, in the order of their codes.
    """
    if kind in OUTPUTS:
        return OUTPUTS[kind]
    return (OutputColumn(name=PROBABILITIES, datatype="FP64", shape=(-1, len(classes)), classes=classes),)


def make_golden(inputs: Tensors, outputs: Tensors) -> Golden:
    """Return golden rows of arrays; SW-203 for a datatype that the protocol has no name for."""
    return Golden(inputs=_write_tensors(inputs), outputs=_write_tensors(outputs))


def find_off(found: NDArray[Any], expected: NDArray[Any], tolerance: float, scale: float = 1.0) -> NDArray[np.bool_]:
    """Return where one array is not the other: numbers farther than the tolerance, everything else unless equal.

    Args:
        found: what is said.
        expected: what should be, of the same shape.
        tolerance: how far a number may be, as a share.
        scale: as for `measure_difference`.
    """
    if found.dtype.kind == "f" and expected.dtype.kind == "f":
        return ~(measure_difference(found, expected, scale) <= tolerance)
    return np.asarray(found != expected, dtype=np.bool_)


def measure_difference(found: NDArray[Any], expected: NDArray[Any], scale: float = 1.0) -> NDArray[np.float64]:
    """Return how far numbers are from others, as a share; NaN where one of two is none.

    Args:
        found: what is said.
        expected: what should be, of the same shape.
        scale: what a difference is a share of where the number itself is smaller.
    """
    found, expected = found.astype(np.float64), expected.astype(np.float64)
    with np.errstate(invalid="ignore"):
        difference = np.abs(found - expected) / np.maximum(np.abs(expected), scale)
    return np.where((found == expected) | (np.isnan(found) & np.isnan(expected)), 0.0, difference)


def find_scale(numbers: NDArray[Any]) -> float:
    """Return how large numbers are: the median of their absolute values, zeros and what is infinite left out.

    It has the numbers' unit, a few that are huge do not move it, and it is 1 where there are none but zeros.
    """
    size = np.abs(numbers.astype(np.float64)).ravel()
    size = size[np.isfinite(size) & (size > 0)]
    return float(np.median(size)) if size.size else 1.0


def _declare(outputs: tuple[OutputColumn, ...]) -> Mapping[str, tuple[str, tuple[int, ...]]]:
    return {column.name: (column.datatype, column.shape) for column in outputs}


def _write_tensors(tensors: Tensors) -> tuple[GoldenTensor, ...]:
    written: list[GoldenTensor] = []
    for name, array in tensors.items():
        data: list[Any] = array.ravel().tolist()
        values = tuple(None if value != value else value for value in data)
        datatype = name_datatype(array.dtype)
        written.append(GoldenTensor(name=name, shape=array.shape, datatype=datatype, data=values))
    return tuple(written)


def _say(value: Any) -> str:
    return f"{value:.6f}" if isinstance(value, float | np.floating) else repr(value)
