"""Who meets what: layers of places, experiments in them, and the variant of a unit, as pure rules.

A unit has a place in its layer, and an experiment takes places; its variant depends on the experiment's run alone. All
three salts differ, so that neither who was held out nor what a unit met before tells anything of what it meets next.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, Literal, TypeAlias

import msgspec

from shipway.core.error import ShipwayError
from shipway.core.experiment import PLACES
from shipway.core.prediction import join_key
from shipway.kit.suggestion import did_you_mean
from shipway.maths.assignment import place_unit

FILE: Final = "split.json"
"""Where a project's state says what runs, for those who assign."""
VERSION: Final = 1
"""Version of the split's shape."""
Range: TypeAlias = tuple[int, int]
"""Places from the first on and below the second."""
Why: TypeAlias = Literal["assigned", "decided", "held out", "elsewhere", "stopped"]


class SplitLayer(msgspec.Struct, frozen=True, kw_only=True):
    """A layer whose places are shared: its name, the keys of its unit, and how many of its units are held out."""

    name: str
    keys: tuple[str, ...]
    holdout: int


class SplitExperiment(msgspec.Struct, frozen=True, kw_only=True):
    """One run of an experiment as those who assign need it.

    Attributes:
        name: the experiment's.
        number: of the run, from 1; another run assigns anew.
        layer: whose places it takes.
        places: the places it has; a decided one has them all, and a stopped one none.
        weights: the variants with their weights, in order.
        decided: the variant that everyone meets from now on; empty while it runs.
        home: its layer as it was when the run began, whatever became of it; where None, the one that the split has.
        before: the newest decided run before it, which those meet whom it does not take; None where there is none.
        slot_us: how long a slot of time is that is assigned as a whole; 0 where units meet a variant for good.
        service: the service that assigns in its place; empty where the run does.
        against_holdout: whether its variants are those whom the layer holds out, and all others.
    """

    name: str
    number: int
    layer: str
    places: tuple[Range, ...]
    weights: tuple[tuple[str, float], ...]
    decided: str = ""
    home: SplitLayer | None = None
    before: "SplitExperiment | None" = None
    slot_us: int = 0
    service: str = ""
    against_holdout: bool = False

    @property
    def stopped(self) -> bool:
        """Tell whether it was stopped, and nothing was decided before: its name is known, and nobody meets it."""
        return not self.places


class Split(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that ever began in a project.

    Attributes:
        version: of this shape.
        token: place in the ledger of what it says; a greater one is newer.
        layers: by name, for runs that do not say theirs.
        experiments: by name, the run of each that says what units meet.
    """

    version: int = VERSION
    token: int = 0
    layers: dict[str, SplitLayer] = {}
    experiments: dict[str, SplitExperiment] = {}

    def layer_of(self, experiment: str) -> SplitLayer:
        """Return the layer that an experiment of this split assigns in."""
        run = self.experiments[experiment]
        return run.home or self.layers[run.layer]


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """What a unit meets.

    Attributes:
        experiment: the experiment's name.
        number: of its run.
        unit: the unit's key, its values joined with /.
        variant: what it meets; None for one that meets what was there before the experiment.
        why: `assigned`, or `decided` for everyone; `held out` of the layer, or `elsewhere` in its places; `stopped` for
            everyone, where nothing was decided before.
    """

    experiment: str
    number: int
    unit: str
    variant: str | None
    why: Why


def assign(
    split: Split, experiment: str, unit: str | int | Sequence[Any] | Mapping[str, Any], at: int = 0
) -> Assignment:
    """Return what a unit meets: the same in every process, for as long as the run lasts.

    Args:
        split: what runs.
        experiment: its name.
        unit: the unit's key; several values in the order of the layer's keys, or by name.
        at: when, microseconds since 1970 UTC; only a split of time looks at it.

    Raises:
        ShipwayError: SW-104 for an experiment that never began, SW-802 for a unit that is none, SW-457 for an
            experiment whose units a service assigns.
    """
    if experiment not in split.experiments:
        raise ShipwayError(
            "SW-104", f"there is no experiment {experiment!r} that began", did_you_mean(experiment, split.experiments)
        )
    run, layer = split.experiments[experiment], split.layer_of(experiment)
    if run.service:
        fact = f"the units of experiment {experiment!r} are split by the service {run.service!r}"
        raise ShipwayError("SW-457", fact, "ask the service: the version that answers is what a unit meets")
    key = write_unit(unit, layer.keys)
    if run.slot_us:
        key = write_slot(key, at // run.slot_us)
    variant, why = find_variant(run, layer, key)
    number = run.before.number if run.before is not None and why == "decided" else run.number
    return Assignment(experiment=experiment, number=number, unit=key, variant=variant, why=why)


def find_variant(run: SplitExperiment, layer: SplitLayer, unit: str) -> tuple[str | None, Why]:
    """Return the variant of a unit that is written as the log writes it, and why.

    A unit that the run does not take meets what was decided before it, or what was there before.
    """
    variant, why = _variant_of(run, layer, unit)
    if variant is None and run.before is not None:
        below, why_below = find_variant(run.before, run.before.home or layer, unit)
        return (below, why_below) if below is not None else (None, why)
    return variant, why


def _variant_of(run: SplitExperiment, layer: SplitLayer, unit: str) -> tuple[str | None, Why]:
    if run.stopped:
        return None, "stopped"
    held = bool(layer.holdout) and place_of(f"holdout {layer.name}", unit) < layer.holdout
    if run.against_holdout:
        return run.weights[0 if held else 1][0], "assigned"
    if held:
        return None, "held out"
    if run.decided:
        return run.decided, "decided"
    place = place_of(f"layer {layer.name}", unit)
    if not any(low <= place < high for low, high in run.places):
        return None, "elsewhere"
    return choose_variant(run.weights, place_unit(f"experiment {run.name}@{run.number}", unit)), "assigned"


def place_of(salt: str, unit: str) -> int:
    """Return a unit's place among the `PLACES` of a salt."""
    return int(place_unit(salt, unit) * PLACES)


def choose_variant(weights: Sequence[tuple[str, float]], place: float) -> str:
    """Return the variant on which a place in [0, 1) falls, by the variants' weights in their order."""
    left = place * sum(weight for _, weight in weights)
    for name, weight in weights:
        left -= weight
        if left < 0:
            return name
    return weights[-1][0]  # what rounding leaves over is the last one's


def write_unit(unit: str | int | Sequence[Any] | Mapping[str, Any], keys: Sequence[str]) -> str:
    """Return a unit as logs write it, its key values joined with /; SW-802 where one is missing."""
    values: tuple[Any, ...]
    if isinstance(unit, Mapping):
        values = tuple(unit.get(key) for key in keys)
    elif isinstance(unit, str | int):
        values = (unit,)
    else:
        values = tuple(unit)
    if len(values) != len(keys) or any(value is None for value in values):
        hint = f"give {' and '.join(keys)}, such as {{{', '.join(f'{key!r}: ...' for key in keys)}}}"
        raise ShipwayError("SW-802", f"{unit!r} does not say which {' and '.join(keys)}", hint)
    return join_key(values)


def write_slot(unit: str, slot: int) -> str:
    """Return a slot of a unit as logs write it: how many slots there were since 1970 UTC, after the unit's key."""
    return f"{unit}/{slot}"


def take_places(taken: Iterable[Range], count: int) -> tuple[Range, ...]:
    """Return places of a layer that nobody has, the lowest first; empty where there are too few.

    Args:
        taken: the ranges of the experiments that run.
        count: how many places are wanted.
    """
    ends = [(0, 0), *sorted(taken), (PLACES, PLACES)]
    found: list[Range] = []
    for (_, low), (high, _) in pairwise(ends):
        if count and high > low:
            found.append((low, min(high, low + count)))
            count -= found[-1][1] - low
    return () if count else tuple(found)


def free_places(taken: Iterable[Range]) -> int:
    """Return how many places of a layer nobody has."""
    return PLACES - sum(high - low for low, high in taken)
