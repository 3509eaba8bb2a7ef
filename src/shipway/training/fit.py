"""Calling the user's training function, so that whatever goes wrong in it is said with its place."""

from collections.abc import Callable, Mapping
from typing import Any

from shipway.core.error import ShipwayError
from shipway.kit.blame import blame_user
from shipway.training.frame import TrainFrame


def fit(function: Callable[..., Any], frame: TrainFrame, params: Mapping[str, Any]) -> object:
    """Train a model with the user's function and return the estimator.

    Args:
        function: takes a `TrainFrame` and keyword parameters.
        frame: the rows to learn from.
        params: the keyword parameters.

    Raises:
        ShipwayError: SW-206 if the function raises, with its line and message; SW-207 if it returns nothing.
    """
    try:
        estimator = function(frame, **params)
    except ShipwayError:
        raise
    except Exception as error:
        said = (str(error).strip().splitlines() or ["no message"])[0]
        raise ShipwayError(
            "SW-206",
            f"training raised {type(error).__name__} {blame_user(error, 'shipway')}: {said}",
            "correct the function, then run again: what was finished before is kept",
        ) from error
    if estimator is None:
        raise ShipwayError("SW-207", "the training function returned nothing", "return the fitted estimator")
    return estimator
