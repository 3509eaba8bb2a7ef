"""Everything a report shows, not yet rendered; a section without data is None or empty and is left out."""

from typing import Literal

import msgspec

from shipway.app.confusion import Confusion
from shipway.app.detail import Details
from shipway.app.report.gate import GateData, Measured
from shipway.app.report.live import LiveData
from shipway.app.report.override import OverrideData
from shipway.core.gate import Outcome
from shipway.core.label import LabelKind
from shipway.core.maturity import Maturity


class TaskData(msgspec.Struct, frozen=True, kw_only=True):
    """One task: real seconds and peak memory in 10^6 bytes when it was made, and whether this run found it made."""

    name: str
    seconds: float
    peak_mb: float
    unchanged: bool


class StageData(msgspec.Struct, frozen=True, kw_only=True):
    """A step of the path: its tasks, and what the gates after it decided, by gate and subject."""

    name: str
    tasks: tuple[TaskData, ...]
    outcomes: tuple[tuple[str, Outcome], ...] = ()


class PartData(msgspec.Struct, frozen=True, kw_only=True):
    """How predictions did in one month.

    Attributes:
        label: the month.
        n: rows.
        mean: of the label; of a condition how often it was true, of classes how often the chosen one came.
        mean_p: mean prediction, of classes that of the chosen one.
        skill: area under the ROC curve, of classes the mean of theirs, or R squared; None where all labels are equal.
        loss: mean log loss in nats, or mean absolute error.
        value: what acting saved a row against never acting; None without costs.
    """

    label: str
    n: int
    mean: float
    mean_p: float
    skill: float | None
    loss: float
    value: float | None = None


class LineData(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the chart by month.

    Attributes:
        name: what it is called.
        role: `newest` version, `earlier` version, `baseline`, or a leak as `claimed` and as `served`.
        parts: month by month.
    """

    name: str
    role: Literal["newest", "earlier", "baseline", "claimed", "served"]
    parts: tuple[PartData, ...]


class RefusalData(msgspec.Struct, frozen=True, kw_only=True):
    """What was refused: the column, how many features and rows would have read it too early, and one of the rows."""

    column: str
    features: int
    rows: int
    of: int
    example: str


class SideData(msgspec.Struct, frozen=True, kw_only=True):
    """How one model did on one frame: skill, mean loss, mean prediction and mean of the label."""

    skill: Measured
    loss: Measured
    mean_p: float
    mean: float


class LeakData(msgspec.Struct, frozen=True, kw_only=True):
    """A declared leak: what was refused, what it would have claimed and got, and what the honest model gets."""

    name: str
    doc: str
    refusals: tuple[RefusalData, ...]
    honest: SideData | None = None
    claimed: SideData | None = None
    served: SideData | None = None


class CostData(msgspec.Struct, frozen=True, kw_only=True):
    """Cost of a row in one month: acting never, on the predictions, and exactly where the label turns out true."""

    label: str
    nothing: float
    model: float
    oracle: float


class ValueData(msgspec.Struct, frozen=True, kw_only=True):
    """What acting on the predictions is worth.

    Attributes:
        check: the check as written.
        saved: what a row saves against never acting.
        nothing: cost of a row where one never acts.
        model: cost of a row where one acts on the predictions.
        oracle: cost of a row where one acts exactly where the label turns out true.
        threshold: probability above which one acts.
        share_acted: share of rows acted on.
        months: the three costs by month.
    """

    check: str
    saved: Measured
    nothing: float
    model: float
    oracle: float
    threshold: float
    share_acted: float
    months: tuple[CostData, ...]


class CurveData(msgspec.Struct, frozen=True, kw_only=True):
    """Bins of equal count in order: mean prediction and observed rate of each."""

    name: str
    newest: bool
    bins: tuple[tuple[float, float], ...]


class BundleData(msgspec.Struct, frozen=True, kw_only=True):
    """A registered bundle: its digest, and how its portable form compares with the native one."""

    digest: str
    parity: str


class VersionData(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a model.

    Attributes:
        name: such as `version 2`.
        cut: nothing known later was learned from, as a date and time of the project's zone.
        format: native form of the model.
        rows: rows trained on.
        mean: of their label; of a condition the share that came true, of classes how often the chosen one came in the
            test period, None where that was not measured.
        scored: rows of the test period that were predicted.
        evaluated: those among them whose label became known.
        skill: area under the ROC curve, or R squared; this and each of the following is None where it was not measured.
        loss: mean log loss in nats, or mean absolute error.
        squared: mean squared error of the probability, or the root of that of the number.
        calibration_gap: mean prediction less mean label.
        saved: what acting on a row saves against never acting, in the unit of the costs.
        gains: metric, baseline and by how much the version is better on the same rows (above 0 is better).
        outcome: what the gates before release came to; None where there is none.
        bundle: the bundle; None if the version may not be released.
    """

    name: str
    cut: str
    format: str
    rows: int
    mean: float | None
    scored: int
    evaluated: int
    skill: Measured | None
    loss: Measured | None
    squared: Measured | None
    calibration_gap: Measured | None
    saved: Measured | None
    gains: tuple[tuple[str, str, Measured], ...]
    outcome: Outcome | None
    bundle: BundleData | None


class ModelData(msgspec.Struct, frozen=True, kw_only=True):
    """One model: what it answers, its versions (oldest first) and everything that is known of the newest.

    Attributes:
        name: the model's name.
        purpose: first sentence of what its author says about it.
        label: what is predicted, as written.
        kind: of the label.
        at: when it is asked, as written.
        period: first and last day of the test period, in the project's zone.
        versions: what was made of each cut.
        lines: metrics by month.
        leaks: prices of declared leaks.
        value: what acting on it is worth.
        calibration: predicted against observed.
        confusion: how good it is at each class and which it takes for which; None for other labels.
        details: slices, behaviour, rates of groups, change over time, and what it listens to.
        maturity: how many labels of the test period had come when the newest version was judged.
    """

    name: str
    purpose: str
    label: str
    kind: LabelKind
    at: str
    period: tuple[str, str]
    versions: tuple[VersionData, ...]
    lines: tuple[LineData, ...] = ()
    leaks: tuple[LeakData, ...] = ()
    value: ValueData | None = None
    calibration: tuple[CurveData, ...] = ()
    confusion: Confusion | None = None
    details: Details = Details()
    maturity: Maturity | None = None


class OriginData(msgspec.Struct, frozen=True, kw_only=True):
    """How a run came about.

    Attributes:
        entries: entries of the ledger.
        head: digest of the newest.
        data: the commit of data judged.
        tables: rows of each table admitted.
        code: digest of the shipway that reports.
        project_code: digest of the project's Python files.
        at: when the newest task ended, in UTC; empty where none has.
        seconds: real time the run took.
        peak_mb: peak memory in 10^6 bytes.
        made: tasks run.
        unchanged: tasks whose result was there already.
    """

    entries: int
    head: str
    data: str
    tables: dict[str, int]
    code: str
    project_code: str
    at: str
    seconds: float
    peak_mb: float
    made: int
    unchanged: int


class ReportData(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the page shows; `live` is the life of a service, None where there is none to tell of.

    `overrides` are those that the data or a version of the run owes its way through a gate to.
    """

    project: str
    owner: str
    outcome: Outcome
    stages: tuple[StageData, ...]
    gates: tuple[GateData, ...]
    models: tuple[ModelData, ...]
    origin: OriginData
    live: LiveData | None = None
    overrides: tuple[OverrideData, ...] = ()
