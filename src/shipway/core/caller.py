"""What callers of a service count on: that every version says what they can read, and so does whatever stands in."""

from collections.abc import Mapping
from typing import Final

from shipway.core.bundle import Manifest
from shipway.core.label import NONE_SAID, SAID, is_prediction
from shipway.core.record import find_odd_outputs
from shipway.core.service import spread_score

ODD_HINT: Final = "train a version that says at least as much, or serve this one under a name of its own"
"""What can be done about a version that says less than callers know."""


def find_odd(stable: Manifest, candidate: Manifest) -> str:
    """Return what callers of one version would miss in another, as a clause; empty where they miss nothing.

    Args:
        stable: of the version that callers know.
        candidate: of the one that is to be tried against it.

    Returns:
        Such as `gives 'probabilities' without class 'lost'` or `says a number alone`.
    """
    if stable.scalar is None and candidate.scalar is None:
        return find_odd_outputs(stable.outputs, candidate.outputs)
    return "" if stable.scalar == candidate.scalar else f"says {_say(candidate)}"


def find_odd_score(score: float | str | Mapping[str, float], stable: Manifest) -> tuple[str, str] | None:
    """Return why a fixed answer is none that a version could give; None where it could give it.

    Args:
        score: as `Fallback.score`.
        stable: of the version that callers know.

    Returns:
        A clause of which the fixed answer is the subject, and a hint.
    """
    who = f"{stable.model}@{stable.version}"
    if stable.classes:
        hint = f"name a class, such as {stable.classes[0]!r}, or the share of each"
        if not isinstance(score, str | Mapping):
            return f"is one number, and {who} says {SAID['class']}", hint
        try:
            spread_score(score, stable.classes)
        except ValueError as error:
            return f"{error}, and {who} says {SAID['class']}", hint
        return None
    predicts = stable.scalar
    if predicts is None:
        return f"is for a label, and {who} says {_say(stable)}", "fall back on last or previous"
    if isinstance(score, str | Mapping):
        return f"names classes, and {who} says {SAID[predicts]}", "send a number"
    if not is_prediction(predicts, score):
        return f"{score} is {NONE_SAID[predicts]}, and {who} says {SAID[predicts]}", "send one from 0 to 1"
    return None


def _say(manifest: Manifest) -> str:
    if manifest.classes:
        return SAID["class"]
    return "something else than one number a row" if manifest.scalar is None else f"{SAID[manifest.scalar]} alone"
