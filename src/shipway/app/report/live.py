"""What a report shows of a service's life, not yet rendered; days are of the project's zone."""

from typing import Literal, TypeAlias

import msgspec

from shipway.app.live.data import Audit, Comparison, DriftSummary, Week
from shipway.app.report.gate import GateData
from shipway.core.gate import Outcome
from shipway.core.label import LabelKind
from shipway.core.maturity import Maturity
from shipway.core.release import ReleaseOutcome

Lane: TypeAlias = Literal["in service", "releases", "retrains", "incidents"]
Mark: TypeAlias = Literal["main", "plain", "pass", "hold", "fail"]


class StepData(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a walk.

    Attributes:
        name: `shadow`, or its percentage.
        since: the day it began; empty for a step that was not come to.
        until: the day it ended; empty while it lasts.
        lasted: how long, in words; empty where it did not begin or lasts.
        outcome: the worst that its gates said the last time; None before the first verdict.
        held: verdicts before that one that held.
        gates: what each gate said the last time, rule by rule.
    """

    name: str
    since: str = ""
    until: str = ""
    lasted: str = ""
    outcome: Outcome | None = None
    held: int = 0
    gates: tuple[GateData, ...] = ()


class ReleaseData(msgspec.Struct, frozen=True, kw_only=True):
    """One release: its id, the versions, when it began and ended, how and why, and its steps."""

    id: str
    candidate: int
    stable: int
    online: str | None
    started: str
    ended: str
    outcome: ReleaseOutcome
    reason: str
    steps: tuple[StepData, ...]


class SpanData(msgspec.Struct, frozen=True, kw_only=True):
    """Something that lasts on the timeline.

    Attributes:
        lane: where it is drawn.
        name: what it is, in a few words.
        said: what stands beside it in the list.
        since: when it began, microseconds since 1970 UTC.
        until: when it ended; the same for what only happened.
        began: the day it began.
        ended: the day it ended; empty while it lasts, and for what only happened.
        mark: what it was to the reader.
    """

    lane: Lane
    name: str
    said: str
    since: int
    until: int
    began: str
    ended: str
    mark: Mark


class TimelineData(msgspec.Struct, frozen=True, kw_only=True):
    """A service's life: from and to in microseconds since 1970 UTC, the months in it, and all that happened."""

    start: int
    end: int
    months: tuple[tuple[int, str], ...]
    spans: tuple[SpanData, ...]
    asked: dict[str, int]


class RetrainData(msgspec.Struct, frozen=True, kw_only=True):
    """One retrain: the day it was asked for, why, the version it made, whether it was released, and this in words."""

    asked: str
    reason: str
    number: int | None
    released: ReleaseOutcome | None
    came: str


class ServerData(msgspec.Struct, frozen=True, kw_only=True):
    """How the server did in real time.

    Attributes:
        requests: answered in the whole replay.
        refused: answers that were not 200.
        measured: requests whose latency was measured; None where nothing was.
        per_second: requests answered in a second of serving.
        p50_ms: half of the answers took no longer.
        p99_ms: 99 % took no longer.
        p999_ms: 99.9 % took no longer.
        max_ms: none took longer.
        seconds: real time of the replay, or of its last part.
        serving_s: of that, serving.
        deciding_s: of that, waiting for decisions.
        restarts: process to how often it was started again.
        peak_mb: process to the most memory it held, in 10^6 bytes.
        together_mb: the most that all held at once when it was looked at; None where nobody knows.
        since: the day from which real time was taken, where that was not the first; else empty.
    """

    requests: int
    refused: int
    measured: int | None
    per_second: float
    p50_ms: float | None
    p99_ms: float | None
    p999_ms: float | None
    max_ms: float | None
    seconds: float
    serving_s: float
    deciding_s: float
    restarts: dict[str, int]
    peak_mb: dict[str, float]
    together_mb: float | None
    since: str


class LiveData(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the page shows of a service's life.

    Attributes:
        service: its name.
        period: first and last day of what was asked.
        known: the day by which labels are known.
        opened: number of the version it opened with.
        stable: number of the version that answers in the end.
        answered: requests answered.
        failed: those on which the version failed.
        labelled: answers whose label is known.
        releases: every release.
        timeline: the life in one picture.
        retrains: every retrain.
        weeks: performance by week.
        comparison: policies side by side.
        served_audit: the skew audit of what was served.
        shadow_audit: that of candidates that read a store of their own.
        drift: of the newest window.
        drift_window: its first and last day.
        server: how the server did; None where no replay was timed.
        maturity: how many labels of all that was answered have come; None where it was not measured.
        predicts: which kind of label its versions predict.
        unlabelled: why no answer can have a label; empty where it can.
    """

    service: str
    period: tuple[str, str]
    known: str
    opened: int
    stable: int
    answered: int
    failed: int
    labelled: int
    releases: tuple[ReleaseData, ...]
    timeline: TimelineData
    retrains: tuple[RetrainData, ...]
    weeks: tuple[Week, ...]
    comparison: Comparison | None
    served_audit: tuple[Audit, ...]
    shadow_audit: tuple[Audit, ...]
    drift: DriftSummary | None
    drift_window: tuple[str, str]
    server: ServerData | None
    maturity: Maturity | None = None
    predicts: LabelKind = "condition"
    unlabelled: str = ""
