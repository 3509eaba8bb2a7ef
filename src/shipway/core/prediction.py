"""The schema of the prediction log: serving writes it, monitoring reads it.

One row of `predictions` for each version that predicted a request, live or in shadow, and one row of `features.STORE`
for each feature vector that was read from an online store. What says anything but one number a row, a probability or
the number that a label is, has a row of `outputs.FORM` in place of one of `predictions`, so that whoever reads those
meets nothing else. Which of the two a version says stands in its bundle. Columns are in the order given here.
"""

from typing import Final

PREDICTIONS: Final = "predictions"
"""The stream of predictions."""
FEATURES: Final = "features."
"""Prefix of a stream of feature vectors; the name of the online store they were read from follows."""

PREDICTION_COLUMNS: Final[dict[str, str]] = {
    "request": "text",  # the caller's id, or one the server made
    "row": "text",  # the key of the row that was asked about, its values joined with /
    "at": "int",  # the instant asked for, microseconds since 1970 UTC
    "unit": "text",  # what was assigned to a variant
    "version": "int",
    "role": "text",  # live or shadow
    "weight": "float",  # the candidate's share when it was assigned
    "token": "int",  # the routing's token
    "p": "float",  # the probability, or the number; NaN where the version failed
    "error": "text",  # code of the failure, null where there was none
    "latency_us": "int",  # real time this version took, from the vector to the prediction
    "answer_us": "int",  # real time the caller waited inside the server; the same for all rows of a request
    "online": "text",  # the online store the vector was read from
}
FEATURE_COLUMNS: Final[tuple[str, ...]] = ("request", "row", "at")
"""Columns of `features.STORE` before the vector: then each feature by its frame name, number (float64, NaN for null) or
text, and for each stream of the layout `newest STREAM`: the instant of its newest event read, null where none was."""
NEWEST: Final = "newest "
OUTPUTS: Final = "outputs."
"""Prefix of a stream of what models say that do not say one number a row; the form of their outputs follows."""
INPUTS: Final = "inputs."
"""Prefix of a stream of the tensors that callers sent to models which read them by name; their form follows. Columns
are `FEATURE_COLUMNS` and then the tensors as `core.record` lays them out."""
OUTPUT_COLUMNS: Final[dict[str, str]] = {
    name: kind
    for own, own_kind in PREDICTION_COLUMNS.items()
    for name, kind in ({"y": "float", "class": "text"} if own == "p" else {own: own_kind}).items()
}
"""Columns of `outputs.FORM` before the outputs: those of `predictions`, and in place of `p` the prediction itself. `y`
is that of a regression, NaN where there is none or the version failed; `class` is the class that has the greatest
probability, null likewise."""


def join_key(values: tuple[object, ...]) -> str:
    """Return a row's key as the log writes it."""
    return "/".join(str(value) for value in values)
