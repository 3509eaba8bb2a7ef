"""The ports of model libraries: a format turns an estimator into bytes and back, a runtime runs the portable form."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from shipway.core.label import LabelKind
from shipway.core.tensor import Tensors
from shipway.ports.adapter import load_adapter


class Predictor(Protocol):
    """A loaded model: tensors in, tensors out, and for a model of a label by a matrix a prediction for each row."""

    @property
    def predicts(self) -> LabelKind | None:
        """Tell what `predict` says: how probable a condition is, a number, or how probable each class is.

        None where it gives tensors only.
        """
        ...

    @property
    def single(self) -> bool:
        """Tell whether it computes in single precision.

        A matrix of that precision is then predicted as it is, and to the bit like its values in double precision.
        """
        ...

    def infer(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        """Return what the model says.

        Args:
            inputs: arrays by name, equally many rows each; a model that reads a matrix is given it as `x` of shape
                (rows, columns), others each input by its name in its datatype.

        Returns:
            Arrays by name; of a model that predicts a label `probability` or `prediction` of shape (rows,), or
            `probabilities` of shape (rows, classes), float64.

        Raises:
            ShipwayError: SW-202 for other names or shapes than the model reads.
        """
        ...

    def predict(self, x: NDArray[np.float64] | NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the probability that the label is true, the number that it is said to be, or that of each class.

        Args:
            x: features, shape (rows, columns); a missing value is NaN, a category is its integer code. Float64, or
                float32 where the model says `single`.

        Returns:
            Probabilities or numbers of shape (rows,); of classes the probability of each, shape (rows, classes).

        Raises:
            ShipwayError: SW-202 if the rows do not have the model's columns, or it predicts no label by a matrix.
        """
        ...


@runtime_checkable
class Contributing(Protocol):
    """What a loaded model of trees can do besides: say exactly how far each feature moves a prediction.

    Contract (the conformance suite `shipway.testing.model` checks it): of each row the numbers add up to the log-odds
    of what `predict` says, or to the number that it says, or for each class to the logarithm of its probability less
    the mean of these over the classes; a feature that no tree reads has 0, and the baseline is the same for every row.
    """

    def contribute(self, x: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return the library's path-dependent TreeSHAP values (Lundberg et al. 2020, algorithm 2).

        They are in log-odds for a condition, in the label's unit for a number, and for classes in nats: the logarithm
        of a ratio of probabilities (the centred one of Aitchison 1986, "The Statistical Analysis of Compositional
        Data", section 4.6), so that the difference of two classes is what speaks for the one and against the other.

        Args:
            x: as for `predict`.

        Returns:
            Shape (rows, columns + 1), of classes (rows, classes, columns + 1): what each column adds, and last the
            baseline, the mean of the leaves over the rows that training put there. None where the library has none for
            this model, and for a number that is made of what the trees add up to, by an exponential for instance.

        Raises:
            ShipwayError: SW-202 if the rows do not have the model's columns.
        """
        ...


@runtime_checkable
class Additive(Protocol):
    """What a loaded model can say of itself: whether its log-odds, or its number, are a sum over columns."""

    @property
    def additive(self) -> bool:
        """Tell whether it is seen in the form of the model that each column adds what no other changes."""
        ...


class ModelFormat(Protocol):
    """The native form of one library's estimators, as bytes that are safe to load.

    Contract (the conformance suite `shipway.testing.model` checks it):
        * `load(dump(e))` predicts what `e` predicts: to the bit where the native form is the library's own, within
          single precision where it is the portable graph. `dump` gives equal bytes for equal estimators.
        * `load` runs no code from the bytes: no pickle. A format that cannot do without says so by a true `runs_code`,
          takes the argument `unpickle`, and refuses with SW-503 unless that is true.
        * `to_onnx` refuses with SW-501 what does not convert; else it gives a graph with one float32 input of shape
          (rows, columns); equal bytes for equal input.
    """

    name: str
    ending: str

    def accepts(self, estimator: object) -> bool:
        """Tell whether an estimator is one of this library's."""
        ...

    def dump(self, estimator: object, kind: LabelKind | None = None) -> bytes:
        """Return the estimator's native form.

        Args:
            estimator: what was trained.
            kind: of the label that it predicts. Most estimators say it themselves, and one that says another kind is
                refused; a bare function or a network has to be told. None where nobody knows.

        Raises:
            ShipwayError: SW-501 if it is not fitted, predicts no condition, number or class, predicts a label of
                another kind, or neither says which kind it predicts nor is told.
        """
        ...

    def load(self, data: bytes) -> Predictor:
        """Return a predictor from the native form; SW-502 if the bytes are not one."""
        ...

    def to_onnx(self, data: bytes, columns: int) -> bytes:
        """Convert the native form to ONNX.

        Raises:
            ShipwayError: SW-501 if the model does not convert.
        """
        ...


class Runtime(Protocol):
    """What runs one form of models: the portable one, or a native one, whose format is its runtime.

    Contract: `load` gives a model that any number of threads may call at once. Bytes that are not this form are refused
    with SW-502, and no code in them is run.
    """

    name: str

    def load(self, data: bytes) -> Predictor:
        """Return the model in some bytes; SW-502 if they are not one of this form."""
        ...


def open_runtime(name: str, *, threads: int = 1, unpickle: bool = False, providers: Sequence[str] = ()) -> Runtime:
    """Return the runtime that a manifest names.

    Args:
        name: such as `onnx`.
        threads: how many threads one prediction may use.
        unpickle: whether a runtime that runs code from the bytes may do so.
        providers: what runs graphs, in order of preference (`resources.providers`); native forms have none.

    Raises:
        ShipwayError: SW-702 for a name nobody registered, SW-701 if the library it needs is not installed, SW-703 for
            an execution provider that is not there.
    """
    chosen = {"providers": tuple(providers)} if providers and name == "onnx" else {}
    return _open(f"runtime.{name}", threads, unpickle, **chosen)


def runtimes(*, unpickle: bool, providers: Sequence[str] = (), threads: int = 1) -> Callable[[str], Runtime]:
    """Return what opens runtimes by name; arguments as `open_runtime`."""
    return partial(open_runtime, threads=threads, unpickle=unpickle, providers=tuple(providers))


def open_format(name: str, *, threads: int = 1, unpickle: bool = False) -> ModelFormat:
    """Return a native form of models by its name; arguments and errors as `open_runtime`."""
    return _open(f"model.{name}", threads, unpickle)


def _open(name: str, threads: int, unpickle: bool, **chosen: Any) -> Any:
    adapter = load_adapter(name)
    # Only what runs code has to be told whether it may.
    if getattr(adapter, "runs_code", False):
        chosen["unpickle"] = unpickle
    return adapter(threads=threads, **chosen)
