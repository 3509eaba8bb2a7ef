"""Calling a project's training function, and saying where it failed."""

import inspect
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from shipway.core.error import ShipwayError
from shipway.kit.blame import describe
from shipway.ports.adapter import needs_extra
from shipway.training.frame import TrainFrame


def fit(function: Callable[..., object], frame: TrainFrame, params: Mapping[str, Any]) -> object:
    """Train: call the project's function with the frame and its parameters as keywords.

    Args:
        function: the project's, such as `def train(frame, *, leaves=31): ...`.
        frame: what it learns from.
        params: keyword arguments.

    Returns:
        What it returned, an estimator of any library.

    Raises:
        ShipwayError: SW-206 with the function's line and message if it raises, SW-207 if it returns nothing, SW-701 if
            it imports a library that is not installed.
    """
    name = getattr(function, "__name__", "the training function")
    try:
        estimator = function(frame, **params)
    except ModuleNotFoundError as error:
        raise needs_extra((error.name or "").partition(".")[0], f"{name} at {_locate(function, error)}") from error
    except Exception as error:
        where = _locate(function, error)
        hint = "mend the function at that line, or the parameters of its model, and run again"
        raise ShipwayError("SW-206", f"{name} failed at {where}: {describe(error)}", hint) from error
    if estimator is None:
        raise ShipwayError("SW-207", f"{name} at {_locate(function)} returned nothing", "end it with return estimator")
    return estimator


def _locate(function: Callable[..., object], error: Exception | None = None) -> str:
    """Return `file.py:12` for the innermost line of the function's own file that an error passed, else of its `def`."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return "a callable without source"
    line: int = code.co_firstlineno
    for passed, at in traceback.walk_tb(None if error is None else error.__traceback__):
        if passed.f_code.co_filename == code.co_filename:
            line = at
    return f"{Path(code.co_filename).name}:{line}"
