"""ONNX Runtime as the engine for portable models."""

from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from shipway.core.error import ShipwayError

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


class OnnxPredictor:
    """A loaded graph; any number of threads may call it at once.

    Attributes:
        columns: how many columns the graph reads.
    """

    def __init__(self, session: Any) -> None:
        """Wrap a session whose graph has one input, and the probabilities of both outcomes as its last output."""
        self._session = session
        self.columns: Final[int] = session.get_inputs()[0].shape[1]
        self._input = session.get_inputs()[0].name
        self._output = session.get_outputs()[-1].name

    def predict(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability that the label is true; the values are rounded to single precision first.

        Raises:
            ShipwayError: SW-202 if the rows do not have the graph's columns.
        """
        if x.ndim != 2 or x.shape[1] != self.columns:
            hint = "give one row for each prediction, with the columns of the bundle's manifest in their order"
            raise ShipwayError("SW-202", f"the model reads {self.columns} columns and was given shape {x.shape}", hint)
        with np.errstate(over="ignore"):
            single = np.ascontiguousarray(x, dtype=np.float32)
        answer = self._session.run([self._output], {self._input: single})[0]
        return np.asarray(answer[:, 1], dtype=np.float64)


class OnnxRuntime:
    """ONNX Runtime on the CPU; it answers the port `Runtime`."""

    name = "onnx"

    def __init__(self, *, threads: int = 1) -> None:
        """Keep the number of threads one prediction may use; a batch of a few rows gains nothing from more than one."""
        self._threads = threads

    def load(self, data: bytes) -> OnnxPredictor:
        """Return a predictor for a graph with one input of shape (rows, columns).

        Raises:
            ShipwayError: SW-502 if the bytes are not such a graph.
        """
        options = _onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ONLY_ERRORS
        # A waiting thread that spins takes the core from the others of a shared machine.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            session = _onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except _UNREADABLE as error:
            raise _unreadable(str(error)) from error
        inputs = session.get_inputs()
        shape: list[Any] = inputs[0].shape if len(inputs) == 1 else []
        if len(shape) != 2 or not isinstance(shape[1], int) or not session.get_outputs():
            raise _unreadable(f"it has {len(inputs)} inputs, the first of shape {shape}")
        return OnnxPredictor(session)


def _unreadable(why: str) -> ShipwayError:
    fact = f"these bytes are not a portable model ({why.splitlines()[0] if why else 'no reason given'})"
    return ShipwayError("SW-502", fact, "fetch the bundle again, or make it again with --force")
