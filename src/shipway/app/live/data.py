"""Everything that is known of a service after it has lived for a while.

Instants are of domain time, microseconds since 1970 UTC.
"""

from typing import Literal, TypeAlias

import msgspec

from shipway.core.check import Evidence
from shipway.core.gate import Outcome
from shipway.core.label import LabelKind
from shipway.core.maturity import Maturity
from shipway.core.projection import Judgement
from shipway.core.release import ReleaseOutcome
from shipway.core.service import Variant

PolicyName: TypeAlias = Literal["never", "first release", "triggered", "monthly"]
"""When a service takes a new version: never; once, the version that was ready when it opened; as it really did, after
that release and whenever a gate asked for a retrain; at each first of a month."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A difference with its 95 % interval, days being independent of each other."""

    value: float
    low: float
    high: float


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """How predictions did.

    Attributes:
        loss: on average: log loss in nats, or of a number the absolute error, in its unit.
        auc: area under the ROC curve; None where all labels are equal, and of any label but a condition.
        root_mean_squared_error: of a number, in its unit; None of any other label.
        accuracy: share of the rows whose class was predicted; None of any other label.
    """

    loss: float
    auc: float | None = None
    root_mean_squared_error: float | None = None
    accuracy: float | None = None


class Week(msgspec.Struct, frozen=True, kw_only=True):
    """What a service answered in one week.

    Attributes:
        start: its Monday in the project's zone, such as `2013-07-01`.
        answered: requests that were answered.
        versions: number of a version to how many of them it answered.
        n: those that have a label by now and were predicted under each policy; the scores are of these.
        mean: of the label, which of a condition is how often it is true; None without rows, and of classes, like
            `mean_p`.
        mean_p: mean of the predictions served.
        scores: policy to how it did.
    """

    start: str
    answered: int
    versions: dict[int, int]
    n: int
    mean: float | None
    mean_p: float | None
    scores: dict[PolicyName, Score]


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What a way of taking new versions came to, on the rows that were served.

    Attributes:
        name: which.
        changes: when another version came into service under it.
        score: how its predictions did.
        share: the part of monthly's gain in loss over never that it keeps; None where monthly gains nothing.
        difference: mean loss of what was served less its own, row by row: above 0 what was served is worse. None for
            what was served, and where there are too few days to tell.
    """

    name: PolicyName
    changes: tuple[int, ...]
    score: Score
    share: float | None
    difference: Difference | None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The policies side by side.

    Attributes:
        rows: labelled answers that all of them are measured on.
        days: days that those rows are of.
        never: the version that the service opened with, all the time.
        first: the release that was ready when it opened, and nothing after it; None where there was none.
        triggered: what was served.
        monthly: a new version at each first of a month, in service at once.
        gain: loss of never less that of monthly, with its interval.
        left: the part of monthly's gain over the first release that triggered keeps, which is what retraining brought
            beyond that release; None where there was none, or where monthly gains nothing over it.
    """

    rows: int
    days: int
    never: Policy
    first: Policy | None
    triggered: Policy
    monthly: Policy
    gain: Difference | None
    left: float | None

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Return those that were measured."""
        found = (self.never, self.first, self.triggered, self.monthly)
        return tuple(policy for policy in found if policy is not None)


class SkewedColumn(msgspec.Struct, frozen=True, kw_only=True):
    """A feature that differs: in how many rows, and as an example the first of them on both sides."""

    column: str
    rows: int
    row: str
    online: float | str | None
    offline: float | str | None


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """Feature vectors that were read online against the same rows of the offline frame, to the bit.

    Attributes:
        online: the online store they were read from.
        versions: numbers of the versions that read them.
        release: the release on which a candidate read a store of its own; None for what was served.
        requests: answers whose vectors were looked for, or vectors read by the candidate.
        compared: vectors that stand on both sides.
        differing: those of them that differ in any feature.
        unlogged: answers without a vector in the log.
        unmatched: vectors whose row is not in the frame at that instant.
        features: how many features were compared.
        columns: the features that differ, most rows first.
    """

    online: str
    versions: tuple[int, ...]
    release: str | None
    requests: int
    compared: int
    differing: int
    unlogged: int
    unmatched: int
    features: int
    columns: tuple[SkewedColumn, ...]


class DriftedColumn(msgspec.Struct, frozen=True, kw_only=True):
    """How far a feature is from the rows that its version learned from.

    Attributes:
        column: the feature.
        stability: population stability index.
        chance: what it comes to on average where nothing drifts.
        distance: Wasserstein-1 distance over the standard deviation of training; None for text.
        missing: share of live rows without a value.
        missing_reference: share of training rows without one.
    """

    column: str
    stability: float
    chance: float
    distance: float | None
    missing: float
    missing_reference: float


class DriftSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The newest live window against what the version in service learned from.

    Attributes:
        version: its number.
        since: begin of the window.
        until: its end.
        rows: vectors in the window.
        rows_reference: rows learned from.
        columns: every feature, the greatest index first.
    """

    version: int
    since: int
    until: int
    rows: int
    rows_reference: int
    columns: tuple[DriftedColumn, ...]


class StepSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a walk.

    Attributes:
        name: what people call it.
        weight: the candidate's share.
        since: when it began; None for a step that was not come to.
        until: when it ended; None while it lasts.
        judgements: the verdicts on it that were remembered, in order.
        evidence: the newest of each check.
    """

    name: str
    weight: float
    since: int | None = None
    until: int | None = None
    judgements: tuple[Judgement, ...] = ()
    evidence: tuple[Evidence, ...] = ()


class ReleaseSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One release: who was tried against whom, step by step, and how it ended, if it has."""

    id: str
    candidate: Variant
    stable: Variant
    started_at: int
    outcome: ReleaseOutcome
    ended_at: int | None
    reason: str
    steps: tuple[StepSummary, ...]


class RetrainSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One retrain: when and why it was asked for, the version it made, what its gates said, and its release, if any."""

    asked_at: int
    reason: str
    number: int | None
    outcome: Outcome | None
    ended: str
    release: str | None
    released: ReleaseOutcome | None


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch in which a rule of a live gate failed.

    Attributes:
        gate: the gate.
        rule: the rule as written.
        reason: why it failed when it first did.
        opened_at: the first verdict that failed.
        closed_at: the first one after it that did not; None while it lasts.
        closed_by: what that one said.
        failed: how many verdicts failed.
    """

    gate: str
    rule: str
    reason: str
    opened_at: int
    closed_at: int | None
    closed_by: Outcome | None
    failed: int


class LiveSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a service came to.

    Attributes:
        service: its name.
        model: whose versions answer.
        predicts: which kind of label they predict.
        period: from and to (exclusive) of what was asked.
        known_by: labels known by then are known.
        history: from when on which version was the stable one.
        answered: requests that were answered, or refused because a version failed.
        failed: those of them on which the version failed.
        labelled: answers whose label is known.
        weeks: week by week.
        comparison: what other policies would have got; None without labels.
        served_audit: the skew audit of what was served, one for each store and set of features.
        shadow_audit: that of each candidate that read a store of its own.
        drift: of the newest window; None where nothing was asked in it.
        releases: every release, oldest first.
        retrains: every retrain, oldest first.
        incidents: every stretch in which a live gate failed, oldest first.
        gates: live gate to how many verdicts it gave.
        maturity: how many labels of what was answered have come; None where it was not measured.
        declares: which kind of label the project declares today. Where versions that answered predict another one, its
            labels say nothing of their answers, and none of these counts as labelled.
    """

    service: str
    model: str
    period: tuple[int, int]
    known_by: int
    history: tuple[tuple[int, int], ...]
    answered: int
    failed: int
    labelled: int
    weeks: tuple[Week, ...]
    comparison: Comparison | None
    served_audit: tuple[Audit, ...]
    shadow_audit: tuple[Audit, ...]
    drift: DriftSummary | None
    releases: tuple[ReleaseSummary, ...]
    retrains: tuple[RetrainSummary, ...]
    incidents: tuple[Incident, ...]
    gates: dict[str, int]
    maturity: Maturity | None = None
    predicts: LabelKind = "condition"
    declares: LabelKind = "condition"

    @property
    def unlabelled(self) -> str:
        """Return why no answer can have a label, with a code and what to do, as one sentence; empty where it can."""
        if self.declares == self.predicts:
            return ""
        return (
            f"SW-403 the label of {self.model!r} is a {self.declares} now, and versions of {self.service!r} predict a"
            f" {self.predicts}, so no answer has a label; serve what predicts the new one under a name of its own"
        )
