"""PyTorch's modules, kept as ONNX graphs.

Every form that PyTorch 2.13 writes asks for trust when it is read: `torch.save` is a pickle, `torch.export.save` an
archive whose own configuration says what of it is one, TorchScript is deprecated and gives other bytes each time. So
the native form is the portable one, as with scikit-learn: the graph, which `dump` compares with the module and refuses
if they disagree. The exporter used is the one that needs no library beyond PyTorch.
"""

import copy
import io
import warnings
from importlib import import_module
from typing import Any, Final, cast

import numpy as np
import onnx
from numpy.typing import NDArray

from shipway.adapters.onnx.graph import INPUT, check_columns, cut_graph
from shipway.adapters.onnx.runtime import OnnxPredictor, OnnxRuntime
from shipway.core.bundle import find_scale, measure_difference
from shipway.core.error import ShipwayError
from shipway.core.label import NONE_SAID, LabelKind, find_no_predictions

# The library's own types are partial, and whoever checks ours need not have it.
_torch: Final[Any] = import_module("torch")
_onnx: Final[Any] = onnx
_OPSET: Final = 18
_WHAT: Final = "the PyTorch module"
_SAID: Final = "said"
_END: Final[dict[LabelKind, str]] = {
    "condition": "one number for each row, and in a sigmoid of that",
    "number": "one number for each row",
    "class": "one number for each class, and in torch.softmax(..., dim=1) of these",
}
"""What a module gives for a label of each kind, as people are told."""
_PROBES: Final = 2_000
_TOLERANCE: Final = 1e-4
_SHARE: Final[dict[LabelKind, float]] = {"condition": 1.0, "number": 0.99, "class": 1.0}
"""Share of the probes on which graph and module must agree; a number may be the small rest of large ones."""


class TorchFormat:
    """PyTorch modules of a matrix; it answers the port `ModelFormat`, predicting alike in single precision.

    A module takes float32 of shape (rows, columns), with NaN where a value is missing, and gives a probability or a
    number for each row, of shape (rows,) or (rows, 1); of classes the probability of each, as a softmax gives them, of
    shape (rows, classes). Nothing in it says which of these: the label does. How many columns it reads is its
    `n_features_in_`, or the first layer's.
    """

    name = "torch"
    ending = "torch.onnx"

    def __init__(self, *, threads: int = 1) -> None:
        """Keep the number of threads a prediction may use."""
        self._runtime = OnnxRuntime(threads=threads)

    def accepts(self, estimator: object) -> bool:
        """Tell whether an estimator is a module."""
        return isinstance(estimator, _torch.nn.Module)

    def dump(self, estimator: object, kind: LabelKind | None = None) -> bytes:
        """Return the module as an ONNX graph that was seen to predict what it predicts.

        Raises:
            ShipwayError: SW-501 if nobody says what it predicts, it was never run, gives anything but one probability,
                one number or a probability of each class for each row, does not convert, or predicts something else
                once converted.
        """
        if kind is None:
            hint = "say which: dump(module, kind)"
            raise _refused("does not say whether it gives probabilities or numbers, or probabilities of classes", hint)
        module, columns = _check_module(estimator)
        probes = _make_probes(columns)
        expected = _predict(module, probes, kind)
        data = _convert(module, columns, kind, expected.shape[1] if kind == "class" else 0)
        found = self._runtime.load(data).predict(probes.astype(np.float64))
        scale = find_scale(expected) if kind == "number" else 1.0
        agree = measure_difference(found, expected, scale).reshape(len(probes), -1).max(axis=1) <= _TOLERANCE
        if np.mean(agree) < _SHARE[kind]:
            off = int(len(agree) - np.sum(agree))
            raise _refused(
                f"predicts something else as ONNX on {off:,} of {len(probes):,} made-up rows",
                "keep what it does to a row in tensors: a branch in Python is fixed when it is converted",
            )
        return data

    def load(self, data: bytes) -> OnnxPredictor:
        """Return a predictor from the graph; SW-502 if the bytes are not one."""
        return self._runtime.load(data)

    def to_onnx(self, data: bytes, columns: int) -> bytes:
        """Return the graph, which is ONNX already.

        Raises:
            ShipwayError: SW-501 if it reads another number of columns, SW-502 if the bytes are not a graph.
        """
        check_columns(self.load(data).columns, columns, _WHAT)
        return data


def _check_module(estimator: object) -> tuple[Any, int]:
    if not isinstance(estimator, _torch.nn.Module):
        raise _refused(f"is a {type(estimator).__name__}", "return a torch.nn.Module")
    module: Any = cast("Any", copy.deepcopy(estimator)).eval().to(device="cpu", dtype=_torch.float32)
    if any(_torch.nn.parameter.is_lazy(each) for each in (*module.parameters(), *module.buffers())):
        raise _refused("has layers that never saw a row", "return it after it was trained")
    layers = (getattr(layer, "in_features", getattr(layer, "num_features", None)) for layer in module.modules())
    columns = getattr(module, "n_features_in_", next((count for count in layers if count), None))
    if columns is None:
        raise _refused("does not say how many columns it reads", "set self.n_features_in_ = frame.x.shape[1]")
    return module, int(columns)


def _predict(module: Any, rows: NDArray[np.float32], kind: LabelKind) -> NDArray[np.float64]:
    try:
        with _torch.no_grad():
            found: Any = module(_torch.from_numpy(rows)).numpy()
    # A module fails in every way there is.
    except Exception as error:
        said = (str(error).splitlines() or [type(error).__name__])[0][:200]
        fact = f"fails on {rows.shape[1]} columns ({said})"
        raise _refused(
            fact, "let forward take float32 of shape (rows, columns), NaN where a value is missing"
        ) from error
    return _check_said(np.asarray(found, dtype=np.float64), len(rows), kind)


def _check_said(said: NDArray[np.float64], rows: int, kind: LabelKind) -> NDArray[np.float64]:
    """Return what a module says as predictions of a kind; SW-501 where it is none."""
    fits = said.ndim == 2 and said.shape[1] > 1 if kind == "class" else said.shape[1:] in ((), (1,))
    if not fits or len(said) != rows:
        raise _refused(f"gives shape {said.shape} for {rows} rows", f"let forward end in {_END[kind]}")
    # A number may be beyond single precision of rows that were made up.
    if (np.isnan(said) if kind == "number" else find_no_predictions(kind, said)).any():
        hint = f"let it fill what is missing, such as with torch.nan_to_num, and end in {_END[kind]}"
        what = "no number" if kind == "number" else NONE_SAID[kind]
        raise _refused(f"gives what is {what} for made-up rows, some values of which are missing", hint)
    return said if kind == "class" else said.reshape(-1)


def _give_tall(module: Any, kind: LabelKind) -> Any:
    """Return a module that gives what every portable model does: the probabilities of all outcomes, or one number."""

    class Tall(_torch.nn.Module):
        def __init__(self) -> None:
            _torch.nn.Module.__init__(self)
            self.module = module

        def forward(self, x: Any) -> Any:
            if kind == "class":
                return self.module(x)
            said = self.module(x).reshape(-1, 1)
            return _torch.cat([1 - said, said], dim=1) if kind == "condition" else said

    return Tall().eval()


def _convert(module: Any, columns: int, kind: LabelKind, classes: int) -> bytes:
    written = io.BytesIO()
    rows = {0: "rows"}
    try:
        with warnings.catch_warnings():
            # It says that it is not the newest exporter; that one needs a library more.
            warnings.simplefilter("ignore")
            _torch.onnx.export(
                _give_tall(module, kind),
                (_torch.zeros(2, columns),),
                written,
                input_names=[INPUT],
                output_names=[_SAID],
                dynamic_axes={INPUT: rows, _SAID: rows},
                opset_version=_OPSET,
                dynamo=False,
            )
        return cut_graph(_onnx.load_from_string(written.getvalue()), _SAID, kind, classes)
    # The exporter fails in every way there is.
    except Exception as error:
        said = (str(error).splitlines() or [type(error).__name__])[0][:200]
        fact = f"does not convert to ONNX ({said})"
        raise _refused(fact, "use operators that ONNX has, and no branches in Python") from error


def _make_probes(columns: int) -> NDArray[np.float32]:
    """Return rows of small and of wide numbers, a tenth of the values missing."""
    random = np.random.default_rng(20)
    shape = (_PROBES, columns)
    wide = random.normal(size=shape) * 10.0 ** random.integers(-2, 5, size=shape)
    wide[random.random(shape) < 0.1] = np.nan
    return wide.astype(np.float32)


def _refused(fact: str, hint: str) -> ShipwayError:
    return ShipwayError("SW-501", f"{_WHAT} {fact}", hint)
