"""One run of an experiment: what was registered when it began, every look that was taken, and what was decided.

The looks are why it is remembered: each has spent some of the error that the design allows, and what is spent stays
spent whatever happens to the process that looked.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec

from shipway.core.effect import Role
from shipway.core.experiment import PLACES, Spending
from shipway.core.gate import Outcome
from shipway.core.look import Look
from shipway.core.split import Range, Split, SplitExperiment, SplitLayer


class PlannedRule(msgspec.Struct, frozen=True, kw_only=True):
    """One effect as it was registered.

    Attributes:
        name: the metric's.
        role: whether it is what the experiment is for, or must not suffer.
        text: the rule as it was written.
        cap: what its values are set to where they are above; None where they are not.
        detect: the smallest effect worth finding; 0 where nobody said.
        relative: whether the effect is in parts of the control's value.
        events: how many events of the control and a variant are planned, of a rare event; 0 for what is no such.
    """

    name: str
    role: Role
    text: str
    cap: float | None
    detect: float
    relative: bool
    events: int = 0


class VersionSplit(msgspec.Struct, frozen=True, kw_only=True):
    """The split of a service between two versions, as it was when a run began.

    Attributes:
        service: the service's name.
        release: id of the release that walks, which is the salt of its split.
        stable: number of the version in service.
        candidate: number of the version on trial.
        weight: the candidate's share of the units.
        since: domain time from which on the split was so.
        holds: whether the walk stays at that step until the run is decided.
    """

    service: str
    release: str
    stable: int
    candidate: int
    weight: float
    since: int
    holds: bool = False


class TrialPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What was registered when a run began, and does not change.

    Attributes:
        experiment: the experiment's name.
        number: of the run, from 1.
        definition: digest of the declaration.
        keys: columns that identify a unit.
        weights: the variants with their weights, the control first.
        layer: its layer.
        holdout: places of the layer that no experiment touches.
        places: what it has of the layer.
        rules: metrics, then guardrails.
        slices: columns by which effects are looked at as well.
        spending: how alpha is spent over looks.
        alpha: all there is to spend.
        power: as designed.
        units: the largest number of units, of all variants together, that the design looks at.
        days: how many days the plan expects to take units in; 0 where nobody knows.
        at: domain time it began.
        doc: what it is about.
        versions: the split of a service that assigns; None where the run assigns by itself.
        slot_us: how long a slot of time is that is assigned; 0 where units meet a variant for good.
        clustered: whether clusters are assigned, whose keys are then `keys`, and not units.
        strata: the column whose groups are taken out of metrics; empty for none.
        against_holdout: whether the holdout of its layer is compared with everyone else, so that it takes no places.
    """

    experiment: str
    number: int
    definition: str
    keys: tuple[str, ...]
    weights: tuple[tuple[str, float], ...]
    layer: str
    holdout: int
    places: tuple[Range, ...]
    rules: tuple[PlannedRule, ...]
    slices: tuple[str, ...]
    spending: Spending
    alpha: float
    power: float
    units: int
    days: int
    at: int
    doc: str = ""
    versions: VersionSplit | None = None
    slot_us: int = 0
    clustered: bool = False
    strata: str = ""
    against_holdout: bool = False

    @property
    def ref(self) -> str:
        """Return what people call the run, as `experiment@number`."""
        return f"{self.experiment}@{self.number}"

    @property
    def subject(self) -> str:
        """Return what entries about this run are about."""
        return f"experiment:{self.ref}"

    @property
    def variants(self) -> dict[str, float]:
        """Return variant to weight, the control first."""
        return dict(self.weights)

    @property
    def control(self) -> str:
        """Return the variant that the others are compared with."""
        return self.weights[0][0]

    def share_of(self, variant: str) -> float:
        """Return the share of the units of the control and a variant that were to meet the variant."""
        weight = self.variants[variant]
        return weight / (weight + self.variants[self.control])

    @property
    def salted(self) -> SplitExperiment:
        """Return the run as those who assign need it."""
        return SplitExperiment(
            name=self.experiment,
            number=self.number,
            layer=self.layer,
            places=self.places,
            weights=self.weights,
            home=self.split_layer,
            slot_us=self.slot_us,
            service="" if self.versions is None else self.versions.service,
            against_holdout=self.against_holdout,
        )

    @property
    def split_layer(self) -> SplitLayer:
        """Return its layer as those who assign need it."""
        return SplitLayer(name=self.layer, keys=self.keys, holdout=self.holdout)


class ExperimentStarted(msgspec.Struct, frozen=True, kw_only=True, tag="experiment-started"):
    """An experiment began; its plan does not change any more.

    Attributes:
        plan: what was registered.
        by: who began it.
    """

    plan: TrialPlan
    by: str


class ExperimentLooked(msgspec.Struct, frozen=True, kw_only=True, tag="experiment-looked"):
    """Somebody looked at an experiment, which spent what it says.

    Attributes:
        experiment: its name.
        number: of the run.
        look: what was seen.
    """

    experiment: str
    number: int
    look: Look


class ExperimentDecided(msgspec.Struct, frozen=True, kw_only=True, tag="experiment-decided"):
    """An experiment came to a decision.

    Attributes:
        experiment: its name.
        number: of the run.
        variant: what everyone meets from now on.
        outcome: what the design said at the last look; `hold` where it said nothing yet.
        by: who decided: `design`, or a person.
        reason: why, in words.
        against: whether a person decided otherwise than the design.
        at: domain time.
    """

    experiment: str
    number: int
    variant: str
    outcome: Outcome
    by: str
    reason: str
    against: bool
    at: int


class ExperimentStopped(msgspec.Struct, frozen=True, kw_only=True, tag="experiment-stopped"):
    """A person ended a run without a decision; its units meet what was decided before it, or what was there before.

    Attributes:
        experiment: its name.
        number: of the run.
        by: who.
        reason: why, in words.
        at: domain time.
    """

    experiment: str
    number: int
    by: str
    reason: str
    at: int


class Trial(msgspec.Struct, kw_only=True):
    """One run of an experiment as the ledger remembers it.

    Attributes:
        plan: what was registered.
        by: who began it.
        registered_at: real time it was registered.
        seq: place in the ledger of the newest entry about it.
        looks: every look, in order.
        decided: the decision; None where there is none.
        stopped: why it ended without one; None where it did not.
    """

    plan: TrialPlan
    by: str
    registered_at: int
    seq: int
    looks: list[Look] = []
    decided: ExperimentDecided | None = None
    stopped: ExperimentStopped | None = None

    @property
    def runs(self) -> bool:
        """Tell whether it runs: nothing was decided, and nobody stopped it."""
        return self.decided is None and self.stopped is None

    @property
    def state(self) -> str:
        """Return `runs`, `decided` or `stopped`."""
        return "runs" if self.runs else "decided" if self.decided is not None else "stopped"


TrialBody: TypeAlias = ExperimentStarted | ExperimentLooked | ExperimentDecided | ExperimentStopped


def apply_trial(trials: dict[str, list[Trial]], body: TrialBody, at: int, seq: int) -> None:
    """Fold one entry into the runs of all experiments.

    Args:
        trials: experiment to its runs in order; it is changed.
        body: what the entry says.
        at: real time of the entry.
        seq: its place in the ledger.
    """
    if isinstance(body, ExperimentStarted):
        trial = Trial(plan=body.plan, by=body.by, registered_at=at, seq=seq)
        trials.setdefault(body.plan.experiment, []).append(trial)
        return
    trial = trials[body.experiment][body.number - 1]
    trial.seq = seq
    match body:
        case ExperimentLooked():
            trial.looks.append(body.look)
        case ExperimentDecided():
            trial.decided = body
        case ExperimentStopped():
            trial.stopped = body


def taken_places(trials: Iterable[Trial], layer: str) -> list[Range]:
    """Return the ranges of a layer that running experiments have."""
    takes = [trial.plan for trial in trials if trial.runs and not trial.plan.against_holdout]
    return [each for plan in takes if plan.layer == layer for each in plan.places]


def split_of(trials: Iterable[list[Trial]]) -> Split:
    """Return who meets what, given the runs of all experiments.

    A decision stands until another one of the same experiment: it lies beneath a later run while that runs, and is what
    everyone meets again once that was stopped. An experiment that was stopped and never decided stays, without places.
    """
    all_runs = [runs for runs in trials if runs]
    # A process of an older shipway knows one layer of a name: that of the runs it still assigns.
    layers = [runs[-1].plan.split_layer for runs in sorted(all_runs, key=lambda runs: runs[-1].runs)]
    return Split(
        token=max((trial.seq for runs in all_runs for trial in runs), default=0),
        layers={layer.name: layer for layer in layers},
        experiments={runs[-1].plan.experiment: _standing(runs) for runs in all_runs},
    )


def decided_run(runs: Sequence[Trial]) -> Trial | None:
    """Return the newest run of an experiment that was decided; None where none was."""
    return next((trial for trial in reversed(runs) if trial.decided is not None), None)


def _standing(runs: Sequence[Trial]) -> SplitExperiment:
    """Return the run that says what the units of an experiment meet."""
    newest, decided = runs[-1], decided_run(runs)
    if decided is None or decided is newest:
        return _salt(newest)
    if newest.runs:
        return msgspec.structs.replace(_salt(newest), before=_salt(decided))
    return _salt(decided)


def _salt(trial: Trial) -> SplitExperiment:
    """Return a run with the places that its state gives it."""
    salted = trial.plan.salted
    if trial.decided is not None:
        return msgspec.structs.replace(salted, decided=trial.decided.variant, places=((0, PLACES),))
    return salted if trial.runs else msgspec.structs.replace(salted, places=())
