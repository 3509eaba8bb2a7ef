"""What an assessment of a version comes to: every metric beside its baselines, and what its page shows."""

import msgspec

from shipway.app.confusion import Confusion
from shipway.app.detail import Details
from shipway.core.gate import Verdict
from shipway.core.label import LabelKind

Figure = tuple[float, float, float]
"""A value with both ends of its 95 % interval."""


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """What a baseline gets by one check, and how the version compares with it on the same rows.

    Attributes:
        baseline: its name, such as `version 1`.
        figure: what it gets; None where that has no value.
        better: by how much the version is better, paired; None where neither more nor less is better.
    """

    baseline: str
    figure: Figure | None
    better: Figure | None


class ScoreLine(msgspec.Struct, frozen=True, kw_only=True):
    """One metric or value of a version.

    Attributes:
        check: the check as written, without its clusters.
        name: what a table calls it: as written, of costs the word and the class alone.
        unit: how its numbers are written.
        figure: what the version gets; None where that has no value.
        n: rows measured.
        clusters: independent groups among them.
        said: one clause for a person.
        beside: its baselines, in their order.
    """

    check: str
    name: str
    unit: str
    figure: Figure | None
    n: int
    clusters: int
    said: str
    beside: tuple[Beside, ...]


class PartLine(msgspec.Struct, frozen=True, kw_only=True):
    """How a model does on one part of the rows, such as a month.

    Attributes:
        label: the part.
        n: its rows.
        mean: of the label; of a condition how often it is true, of classes how often the chosen one came.
        mean_p: the mean prediction; of classes that of the chosen one.
        skill: area under the ROC curve, of classes the mean of theirs, or R squared; None where all labels are equal.
        loss: mean log loss in nats, or mean absolute error.
        value: what acting saves a row against doing nothing; None without costs.
    """

    label: str
    n: int
    mean: float
    mean_p: float
    skill: float | None
    loss: float
    value: float | None


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """How a model does on the parts of the rows by one column or part of the calendar, in the order of their labels.

    Attributes:
        by: the column or the part of the calendar.
        parts: one for each label.
        ordered: whether a label follows the one before it, as months do and shops do not.
    """

    by: str
    parts: tuple[PartLine, ...]
    ordered: bool = True


class BinLine(msgspec.Struct, frozen=True, kw_only=True):
    """One bin of predictions: their mean, that of the label, and how many there are."""

    mean_p: float
    mean: float
    n: int


class CurvePoint(msgspec.Struct, frozen=True, kw_only=True):
    """What acting above a threshold saves a row against doing nothing, and on which share of the rows one acts."""

    threshold: float
    saved: float
    share_acted: float


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One model on the rows of an assessment: the version, or one of its baselines.

    Attributes:
        name: what it is called.
        cuts: how it does by month, and by whatever else was asked for.
        calibration: bins of equal count, ascending.
        curve: what acting above each threshold saves; empty without costs.
        confusion: how good it is at each class and which it takes for which; None for other labels.
    """

    name: str
    cuts: tuple[Cut, ...]
    calibration: tuple[BinLine, ...]
    curve: tuple[CurvePoint, ...]
    confusion: Confusion | None = None


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """What a row costs on average, in the unit of the project's costs.

    Attributes:
        check: the check that states the costs.
        threshold: the prediction above which acting is the cheaper choice on average.
        model: acting above it.
        nothing: never acting.
        always: always acting.
        oracle: acting exactly where the label turns out true.
        share_acted: share of the rows acted on.
    """

    check: str
    threshold: float
    model: float
    nothing: float
    always: float
    oracle: float
    share_acted: float


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """A version measured beside its baselines on the rows of a period.

    Attributes:
        project: its name.
        owner: who answers for it.
        timezone: that instants are written in.
        version: `model@number`.
        label: what is predicted, as written.
        kind: of the label.
        cut: nothing known later was learned from, microseconds since 1970 UTC.
        period: from and to (exclusive), microseconds since 1970 UTC.
        cluster: what rows are grouped by for intervals.
        scored: rows predicted.
        rows: those with a label.
        mean: of the label; of a condition how often it is true, of classes how often the chosen one came.
        against: names of the baselines.
        scores: metrics and values.
        costs: what acting costs; None where no gate says so.
        sides: the version and then its baselines, for charts.
        details: slices, behaviour, rates of groups, change over time, and what the version listens to, as far as the
            gates before release ask.
        verdicts: what the gates before release say on these rows; they are told and not remembered.
        notes: what a reader should know before believing a number.
        checks: check to evidence id, as it was remembered.
    """

    project: str
    owner: str
    timezone: str
    version: str
    label: str
    kind: LabelKind
    cut: int
    period: tuple[int, int]
    cluster: str
    scored: int
    rows: int
    mean: float
    against: tuple[str, ...]
    scores: tuple[ScoreLine, ...]
    costs: Costs | None
    sides: tuple[Side, ...]
    details: Details
    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...]
    checks: dict[str, str]

    @property
    def labelled(self) -> str:
        """Return how many rows have a label and what they are on average, as one clause."""
        confusion = self.sides[0].confusion
        mean = f"{self.mean:.1%} of them true" if self.kind == "condition" else f"{self.mean:.4g} on average"
        if confusion is not None:
            mean = confusion.say_often()
        return f"{self.rows:,} of {self.scored:,} rows have a label{', ' if mean else ''}{mean}"


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What the task of an assessment keeps beside its evidence; fields as in `Assessment`."""

    scored: int
    rows: int
    mean: float
    scores: tuple[ScoreLine, ...]
    costs: Costs | None
    sides: tuple[Side, ...]
