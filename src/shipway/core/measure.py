"""What a check measures and how, as frozen values; what is measured on data is in `shipway.core.data_measure`.

The words that build them are in `shipway.core.candidate` and `shipway.core.canary`.
"""

import math
from typing import Literal, TypeAlias

import msgspec

from shipway.core.data_measure import DataMeasure
from shipway.core.effect import Effect
from shipway.core.metric import Name
from shipway.core.probe import Behaviour, Probe
from shipway.core.slice_measure import Fairness, SliceMeasure


class Score(msgspec.Struct, frozen=True, tag="score"):
    """Measure a candidate's predictions with a metric, its interval clustered.

    Attributes:
        metric: such as `auc`, or `calibration_gap` (how far the mean prediction is from the rate observed, either way).
        cluster: what rows are grouped by because they are not independent: a part of the calendar, or a column.
        at: the threshold of a metric that acts above one, how many places of one that ranks, or how many classes of one
            that looks at the most probable; None for the others.
        beta: of an F-score, how many times as much recall counts as precision.
        query: of a metric that ranks, the column whose equal values are ranked among each other.
        of: of a label of classes, the one that is measured against the rest; it is acted on above `at`, or without
            that where it is the most probable one.
    """

    metric: Name
    cluster: str = "day"
    at: float | None = None
    beta: float = 1.0
    query: str = ""
    of: str = ""


class Improvement(msgspec.Struct, frozen=True, tag="improvement"):
    """Measure by how much a candidate beats a baseline on the same rows; positive is better, whatever the metric.

    Attributes:
        metric: what both are measured by.
        baseline: `current`, the registered version it would replace, or where there is none `base rate`.
        cluster: what rows are grouped by.
        at: as for `Score`.
        beta: as for `Score`.
        query: as for `Score`.
        of: as for `Score`.
    """

    metric: Name
    baseline: str = "current"
    cluster: str = "day"
    at: float | None = None
    beta: float = 1.0
    query: str = ""
    of: str = ""


class DecisionValue(msgspec.Struct, frozen=True, tag="decision_value"):
    """Measure what acting on the predictions saves a row, against never acting, in units of the costs.

    Attributes:
        act_if_true: cost of acting where the label turns out true.
        act_if_false: cost of acting where it turns out false.
        skip_if_true: cost of not acting where it turns out true.
        skip_if_false: cost of not acting where it turns out false.
        cluster: what rows are grouped by.
        of: of a label of classes, the one of which it is decided whether it is true.
    """

    act_if_true: float
    act_if_false: float
    skip_if_true: float
    skip_if_false: float = 0.0
    cluster: str = "day"
    of: str = ""

    @property
    def threshold(self) -> float:
        """Return the probability above which acting is cheaper on average."""
        harm = self.act_if_false - self.skip_if_false
        gain = self.skip_if_true - self.act_if_true
        return harm / (harm + gain)


class Action(msgspec.Struct, frozen=True):
    """What can be done about a prediction, and what it costs; a gain is negative.

    Attributes:
        name: what it is called.
        if_true: its cost where the label turns out true.
        if_false: its cost where it turns out false.
    """

    name: str
    if_true: float
    if_false: float


class ActionValue(msgspec.Struct, frozen=True, tag="action_value"):
    """Measure what the action of least expected cost saves a row, against doing nothing, in units of the costs.

    Attributes:
        actions: what can be done; the first is doing nothing.
        cluster: what rows are grouped by.
    """

    actions: tuple[Action, ...]
    cluster: str = "day"


class ClassAction(msgspec.Struct, frozen=True):
    """What can be done about a prediction of a class, and what it costs by what turns out; a gain is negative.

    Attributes:
        name: what it is called.
        costs: class to cost.
        otherwise: what it costs where another class turns out; None where all are named.
    """

    name: str
    costs: dict[str, float]
    otherwise: float | None = None


class ClassValue(msgspec.Struct, frozen=True, tag="class_value"):
    """Measure what the action of least expected cost over the classes saves a row, against doing nothing.

    Attributes:
        actions: what can be done; the first is doing nothing.
        cluster: what rows are grouped by.
    """

    actions: tuple[ClassAction, ...]
    cluster: str = "day"


Value: TypeAlias = DecisionValue | ActionValue | ClassValue
"""What acting on predictions saves a row, in the unit of the costs that it states."""


class ValueImprovement(msgspec.Struct, frozen=True, tag="value_improvement"):
    """Measure what acting on a candidate's predictions saves a row, against acting on a baseline's of the same rows.

    Attributes:
        value: what acting costs.
        baseline: as for `Improvement`.
    """

    value: Value
    baseline: str = "current"


class SliceRegression(msgspec.Struct, frozen=True, tag="slice_regression"):
    """Count the slices where a candidate is worse than its baseline, false discoveries controlled.

    Each slice with enough support is tested one-sided on the paired difference in log loss with clustered errors; the
    Benjamini-Yekutieli procedure holds the false discovery rate under any dependence between slices (Ann. Statist. 29,
    2001, theorem 1.3). Slices under support are listed and never decide.

    Attributes:
        by: columns or calendar parts that cut the rows into slices.
        baseline: as for `Improvement`.
        cluster: what rows are grouped by.
        rate: the false discovery rate that is held.
        support_rows: fewest rows a slice needs to be tested.
        support_clusters: fewest clusters a slice needs to be tested.
    """

    by: tuple[str, ...]
    baseline: str = "current"
    cluster: str = "day"
    rate: float = 0.05
    support_rows: int = 500
    support_clusters: int = 20


class FailedAnswers(msgspec.Struct, frozen=True, tag="failed-answers"):
    """Measure the evidence that a canary fails more of its answers than the stable version does.

    Attributes:
        alpha: probability of taking back a version that fails no more often, however often one looks.
        detect: by how many times as many failures the plan wants to find out.
        base: the share of failures that the plan assumes of the stable version.
    """

    alpha: float = 0.01
    detect: float = 10.0
    base: float = 0.01


class SlowAnswers(msgspec.Struct, frozen=True, tag="slow-answers"):
    """Measure the evidence that a canary gives more slow answers than the stable version does.

    Attributes:
        over_ms: from how many milliseconds on an answer is slow; real time.
        alpha: as for `FailedAnswers`.
        detect: as for `FailedAnswers`.
        base: as for `FailedAnswers`.
    """

    over_ms: float
    alpha: float = 0.01
    detect: float = 10.0
    base: float = 0.01


class PredictionShift(msgspec.Struct, frozen=True, tag="prediction-shift"):
    """Measure how far a canary's predictions are distributed from the stable version's, as the Wasserstein-1 distance.

    It is in units of probability. A predicted number counts as the share of the stable version's that are below it.

    Attributes:
        alpha: probability that the interval misses, however often one looks.
    """

    alpha: float = 0.05


class FeatureLag(msgspec.Struct, frozen=True, tag="feature-lag"):
    """Measure the share of requests on which a canary read features older than the stable version did.

    Attributes:
        over_us: how much older the newest event it read may be.
        alpha: as for `PredictionShift`.
    """

    over_us: int
    alpha: float = 0.05


class PairedLoss(msgspec.Struct, frozen=True, tag="paired-loss"):
    """Measure by how much a canary's loss is greater than the stable version's on the same requests, labels landed.

    Attributes:
        metric: which loss, of a condition or of a number.
        alpha: as for `PredictionShift`.
        cluster: what requests are grouped by because they are not independent.
        clusters: fewest groups that the plan asks for.
        shown: whether the value is what is shown of the difference, the lower end of its interval.
        relative: whether the difference is a share of the stable version's loss, and not in the loss's own unit.
    """

    metric: Literal["log_loss", "brier", "mean_absolute_error"] = "log_loss"
    alpha: float = 0.05
    cluster: str = "day"
    clusters: int = 2
    shown: bool = False
    relative: bool = False


class Attribution(msgspec.Struct, frozen=True, tag="attribution"):
    """Measure which share of all absolute contributions to a candidate's predictions is that of some features.

    Attributes:
        columns: the features, as columns of the frame.
        cluster: what rows are grouped by because they are not independent.
        of: of a label of classes, the one whose predictions they are.
    """

    columns: tuple[str, ...]
    cluster: str = "day"
    of: str = ""


class ReasonAgreement(msgspec.Struct, frozen=True, tag="reason-agreement"):
    """Measure how far a candidate gives the same greatest reasons as a version, row by row (`overlap_at`).

    Attributes:
        top: how many of the greatest contributions of a row are compared.
        baseline: `current`, the registered version it would replace; where there is none, nothing disagrees.
        cluster: as for `Attribution`.
        of: likewise.
    """

    top: int = 5
    baseline: str = "current"
    cluster: str = "day"
    of: str = ""


class Windowed(msgspec.Struct, frozen=True, tag="windowed"):
    """Measure what a service answered in a live window, on the labels that have landed.

    Attributes:
        score: which metric.
        last_us: length of the window that ends now, over the instants asked about.
    """

    score: Score
    last_us: int


class Drift(msgspec.Struct, frozen=True, tag="drift"):
    """Measure how far the features of a live window are from those the version was trained on, as the greatest effect.

    Attributes:
        last_us: length of the window that ends now.
        features: the columns of the frame that count; none for all.
    """

    last_us: int
    features: tuple[str, ...] = ()


class NewestSeen(msgspec.Struct, frozen=True, tag="newest-seen"):
    """Measure how old the newest event was that predictions of a live window read, at worst, in microseconds.

    Attributes:
        stream: whose events.
        last_us: length of the window that ends now.
    """

    stream: str
    last_us: int


class Skew(msgspec.Struct, frozen=True, tag="skew"):
    """Count the feature vectors of a live window that differ from the offline frame in any bit.

    Attributes:
        last_us: length of the window that ends now.
    """

    last_us: int


class FeatureSkew(msgspec.Struct, frozen=True, tag="feature-skew"):
    """Measure the share of the feature vectors of a live window that differ from those recomputed offline in any bit.

    Attributes:
        last_us: length of the window that ends now.
        sample: how many vectors are drawn and recomputed.
        seed: another one draws others.
    """

    last_us: int
    sample: int = 10_000
    seed: int = 0


class LabelMaturity(msgspec.Struct, frozen=True, tag="label-maturity"):
    """Measure which share of the labels that will ever come has come by the moment of judging.

    Attributes:
        last_us: length of the live window that ends now; 0 for the test period of a candidate and the release of a
            canary.
    """

    last_us: int = 0


class LoadLatency(msgspec.Struct, frozen=True, tag="load-latency"):
    """Measure a quantile of a bundle's answers under an open load, milliseconds; a failure is slower than any answer.

    Attributes:
        rate: requests a second, as a Poisson process.
        last_us: for how long, after a warm-up.
        share: which quantile.
        rows: of a request.
    """

    rate: float
    last_us: int
    share: float = 0.95
    rows: int = 1


class LoadFailures(msgspec.Struct, frozen=True, tag="load-failures"):
    """Measure the share of the requests of an open load that a bundle does not answer well.

    Attributes:
        rate: as for `LoadLatency`.
        last_us: as for `LoadLatency`.
        rows: as for `LoadLatency`.
    """

    rate: float
    last_us: int
    rows: int = 1


def count_needed(share: float) -> float:
    """Return about how many requests, of which none fails, it takes to show that at most a share of them does.

    The upper end of the exact 95 % interval (Clopper and Pearson 1934) is 1 - .025^(1/n); twenty batches of time take
    the place of n requests, which widens it by (2.093 / 1.960)^2, and requests come by chance, for which 3 % is spare.
    """
    return 1.17 * math.log(0.025) / math.log1p(-share)


def example_share(measure: LoadFailures) -> float:
    """Return a share of failures that a load is long enough to show, where none fails; 0.5 where it shows none."""
    sent = measure.rate * measure.last_us / 1e6
    return next((each for each in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2) if sent >= count_needed(each)), 0.5)


BundleMeasure: TypeAlias = LoadLatency | LoadFailures
CanaryMeasure: TypeAlias = FailedAnswers | SlowAnswers | PredictionShift | FeatureLag | PairedLoss | LabelMaturity
LiveMeasure: TypeAlias = Windowed | Drift | NewestSeen | Skew | FeatureSkew | LabelMaturity
PerformanceMeasure: TypeAlias = Score | Improvement | Value | ValueImprovement | SliceRegression | SliceMeasure
CandidateMeasure: TypeAlias = PerformanceMeasure | Behaviour | Probe | LabelMaturity | Attribution | ReasonAgreement
Labelled: TypeAlias = PerformanceMeasure | PairedLoss | Windowed
"""What rests on labels, and so on how many of them have come."""
Measure: TypeAlias = DataMeasure | CandidateMeasure | CanaryMeasure | LiveMeasure | BundleMeasure | Effect


_OfClass: TypeAlias = Score | Improvement | DecisionValue | Fairness | Probe | Attribution | ReasonAgreement


def class_of(measure: Measure) -> str:
    """Return the class that is measured against the rest; empty where a measure is of no single class."""
    if isinstance(measure, Windowed):
        return measure.score.of
    if isinstance(measure, ValueImprovement):
        return class_of(measure.value)
    if isinstance(measure, Behaviour):
        return measure.probes[0].of if measure.probes else ""
    return measure.of if isinstance(measure, _OfClass) else ""
