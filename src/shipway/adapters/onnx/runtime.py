"""ONNX Runtime as the engine for portable models."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from shipway.adapters.onnx.wire import find_external
from shipway.core.bundle import InputColumn, OutputColumn
from shipway.core.error import ShipwayError
from shipway.core.label import MOST_CLASSES, LabelKind
from shipway.core.tensor import DATATYPES, MATRIX, PREDICTED, PROBABILITIES, PROBABILITY, Tensors, read_matrix
from shipway.kit.suggestion import nearest

# The library has no types for what its binary part defines.
_onnxruntime: Final[Any] = onnxruntime
_fault: Final[Any] = _onnxruntime.capi.onnxruntime_pybind11_state
_UNREADABLE: Final[tuple[type[Exception], ...]] = (
    _fault.InvalidProtobuf,
    _fault.InvalidGraph,
    _fault.InvalidArgument,
    _fault.NoModel,
    _fault.NotImplemented,
    _fault.RuntimeException,
    _fault.Fail,
)
_ONLY_ERRORS: Final = 3
_SUFFIX: Final = "ExecutionProvider"
_TYPES: Final = {
    "tensor(bool)": "BOOL", "tensor(uint8)": "UINT8", "tensor(uint16)": "UINT16", "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64", "tensor(int8)": "INT8", "tensor(int16)": "INT16", "tensor(int32)": "INT32",
    "tensor(int64)": "INT64", "tensor(float16)": "FP16", "tensor(float)": "FP32", "tensor(double)": "FP64",
    "tensor(string)": "BYTES",
}  # fmt: skip


class OnnxPredictor:
    """A loaded graph; any number of threads may call it at once.

    Attributes:
        inputs: the tensors the graph reads, as it declares them.
        outputs: the tensors it gives, as it declares them.
        columns: how many columns it reads, where it reads one matrix; else 0.
        predicts: what `predict` says of a row; None where it cannot be asked.
        single: whether that matrix is of single precision.
    """

    def __init__(self, session: Any) -> None:
        """Wrap a session; SW-502 for a graph that takes or gives anything but tensors of rows."""
        self._session = session
        self.inputs: Final = tuple(
            InputColumn(name=each.name, kind="tensor", datatype=_datatype(each), shape=_shape(each))
            for each in session.get_inputs()
        )
        self.outputs: Final = tuple(
            OutputColumn(name=each.name, datatype=_datatype(each), shape=_shape(each)) for each in session.get_outputs()
        )
        only = self.inputs[0] if len(self.inputs) == 1 else None
        matrix = only is not None and only.datatype in ("FP32", "FP64") and len(only.shape) == 2 and only.shape[1] > 0
        self.columns: Final[int] = self.inputs[0].shape[1] if matrix else 0
        self._dtypes: Final = {column.name: DATATYPES[column.datatype] for column in self.inputs}
        self._input: Final = self.inputs[0].name if self.inputs else ""
        self.additive: bool = False
        self.single: bool = matrix and self._dtypes[self._input] == np.float32
        last = self.outputs[-1]
        self._output: Final = last.name
        self.predicts: Final[LabelKind | None] = _find_kind(self.inputs[0], self.outputs) if matrix else None
        due = None if self.predicts is None else PREDICTED[self.predicts]
        self._name: Final = last.name if len(self.outputs) == 1 and last.name == due else ""

    def predict(self, x: NDArray[np.float64] | NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the probability that the label is true, the number, or that of each class, of single-precision values.

        Raises:
            ShipwayError: SW-202 if the rows do not have the graph's columns, or it gives anything but the probabilities
                of classes or one number for each row.
        """
        if self.predicts is None:
            names = [*self._dtypes, "and gives", *(column.name for column in self.outputs)]
            fact = f"the model reads {' '.join(names)}, so it predicts no label by a matrix"
            raise ShipwayError("SW-202", fact, "ask it for its outputs by name")
        if x.ndim != 2 or x.shape[1] != self.columns:
            hint = "give one row for each prediction, with the columns of the bundle's manifest in their order"
            raise ShipwayError("SW-202", f"the model reads {self.columns} columns and was given shape {x.shape}", hint)
        if x.dtype != np.float32 or not self.single:
            with np.errstate(over="ignore"):
                x = x.astype(self._dtypes[self._input])
        answer = self._session.run([self._output], {self._input: np.ascontiguousarray(x)})[0]
        if self.predicts == "class":
            return np.asarray(answer, dtype=np.float64)
        # Of a condition's two probabilities the last is that of being true.
        return (answer[:, -1] if answer.ndim == 2 else answer).astype(np.float64)

    def infer(self, inputs: Tensors) -> dict[str, NDArray[Any]]:
        """Return what the graph gives, by name; what a portable model predicts, where it is given the one matrix `x`.

        A bundle may have taken the same graph over as one of tensors, and asks it by its own names.

        Args:
            inputs: arrays by the names of the graph's inputs; where that is one matrix, it may be called `x`.

        Raises:
            ShipwayError: SW-202 for other names, shapes or kinds of values than the graph reads.
        """
        if self._name and list(inputs) == [MATRIX]:
            return {self._name: self.predict(read_matrix(inputs))}
        given = {self.inputs[0].name: inputs[MATRIX]} if self.columns and list(inputs) == [MATRIX] else inputs
        if given.keys() != self._dtypes.keys():
            fact = f"the model reads {', '.join(self._dtypes)} and was given {', '.join(given) or 'nothing'}"
            raise ShipwayError("SW-202", fact, "give each input once, by its name")
        names = [column.name for column in self.outputs]
        try:
            feed = {name: _cast(name, array, self._dtypes[name]) for name, array in given.items()}
            answers = self._session.run(names, feed)
        except _fault.InvalidArgument as error:
            fact = f"the model does not take these rows ({str(error).splitlines()[0]})"
            raise ShipwayError(
                "SW-202", fact, "give each input in the shape that the bundle's manifest says"
            ) from error
        return {name: np.asarray(answer) for name, answer in zip(names, answers, strict=True)}


class OnnxRuntime:
    """ONNX Runtime, on the CPU unless other execution providers are named; it answers the port `Runtime`."""

    name = "onnx"

    def __init__(self, *, threads: int = 1, providers: Sequence[str] = ()) -> None:
        """Decide what runs graphs.

        Args:
            threads: how many threads one prediction may use; a batch of a few rows gains nothing from more than one.
            providers: execution providers in order of preference, such as `cuda` and `cpu`: what one of them cannot
                compute goes to the next. The CPU alone where none is named.

        Raises:
            ShipwayError: SW-703 for one that the installed ONNX Runtime does not have.
        """
        self._threads = threads
        self._providers = find_providers(providers or ("cpu",))

    def load(self, data: bytes) -> OnnxPredictor:
        """Return a predictor for a graph of tensors.

        Raises:
            ShipwayError: SW-502 if the bytes are not such a graph.
        """
        try:
            external = find_external(data)
        except ValueError as error:
            raise _unreadable(str(error)) from error
        if external is not None:
            raise _unreadable(f"the values of its tensor {external!r} are in another file, which is never read")
        options = _onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ONLY_ERRORS
        # A waiting thread that spins takes the core from the others of a shared machine.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = _onnxruntime.InferenceSession(data, options, providers=self._providers)
        except _UNREADABLE as error:
            raise _unreadable(str(error)) from error
        # A provider whose own libraries do not load is left out with a line in the log, and all runs on the next one.
        for provider in self._providers:
            if provider not in session.get_providers():
                name = provider.removesuffix(_SUFFIX).lower()
                fact = f"execution provider {name!r} is part of the installed onnxruntime and cannot be started here"
                raise ShipwayError("SW-703", fact, "look at its driver and libraries, or take it out of the list")
        return OnnxPredictor(session)


def find_providers(names: Sequence[str]) -> list[str]:
    """Return execution providers as ONNX Runtime calls them.

    Args:
        names: as people write them: its own names without "ExecutionProvider", in small letters.

    Raises:
        ShipwayError: SW-703 for one that is not there, with those that are.
    """
    known = {each.removesuffix(_SUFFIX).lower(): each for each in _onnxruntime.get_available_providers()}
    for name in names:
        if name not in known:
            near = nearest(name, known)
            hint = "" if near is None else f"did you mean {near!r}? "
            raise ShipwayError(
                "SW-703",
                f"the installed onnxruntime has no execution provider {name!r}, and has {', '.join(sorted(known))}",
                f"{hint}A distribution such as onnxruntime-gpu brings others, in place of onnxruntime",
            )
    return [known[name] for name in dict.fromkeys(names)]


def _find_kind(rows: InputColumn, outputs: Sequence[OutputColumn]) -> LabelKind | None:
    """Return what a graph of a matrix predicts, by the shape of what it gives, and by its name if it is one number."""
    last = outputs[-1]
    if last.datatype not in ("FP32", "FP64"):
        return None
    if len(outputs) == 1 and last.name == PROBABILITIES and len(last.shape) == 2 and last.shape[1] > 1:
        return "class" if last.shape[1] <= MOST_CLASSES else None
    # Of more outputs, the last is both outcomes' probabilities, as converters write a classifier of two classes.
    if last.shape[1:] == (2,):
        return "condition"
    if len(outputs) > 1 or last.shape[1:] not in ((), (1,)) or last.shape[0] != rows.shape[0]:
        return None
    return "condition" if last.name == PROBABILITY else "number"


def _datatype(declared: Any) -> str:
    name = _TYPES.get(declared.type)
    if name is None:
        raise _unreadable(f"{declared.name!r} is a {declared.type}, which is no tensor of the protocol")
    return name


def _shape(declared: Any) -> tuple[int, ...]:
    if not declared.shape:
        raise _unreadable(f"{declared.name!r} has no rows")
    return tuple(length if isinstance(length, int) and length > 0 else -1 for length in declared.shape)


def _cast(name: str, array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return an array as the graph reads it; SW-202 for texts where numbers are read, or the other way round."""
    texts = dtype.kind == "O"
    if texts != (array.dtype.kind in "OU") or (texts and any(not isinstance(text, str) for text in array.flat)):
        due = "texts, none of them missing" if texts else "numbers"
        raise ShipwayError("SW-202", f"input {name!r} holds {array.dtype} and the model reads {due}", f"send {due}")
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(array, dtype=dtype)


def _unreadable(why: str) -> ShipwayError:
    fact = f"these bytes are not a portable model ({why.splitlines()[0] if why else 'no reason given'})"
    return ShipwayError("SW-502", fact, "fetch the bundle again, or make it again with --force")
