"""What a check measures and how, as frozen values; what is measured on data is in `shipway.core.data_measure`.

The words that build them are in `shipway.core.candidate` and `shipway.core.canary`.
"""

from typing import Literal, TypeAlias

import msgspec

from shipway.core.data_measure import DataMeasure
from shipway.core.effect import Effect


class Score(msgspec.Struct, frozen=True, tag="score"):
    """Measure a candidate's predictions with a metric, its interval clustered.

    Attributes:
        metric: `auc`, `log_loss`, `brier`, or `calibration_gap` (how far the mean prediction is from the rate
            observed, either way).
        cluster: what rows are grouped by because they are not independent.
    """

    metric: Literal["auc", "log_loss", "brier", "calibration_gap"]
    cluster: str = "day"


class Improvement(msgspec.Struct, frozen=True, tag="improvement"):
    """Measure by how much a candidate beats a baseline on the same rows; positive is better, whatever the metric.

    Attributes:
        metric: what both are measured by.
        baseline: `current`, the registered version it would replace, or where there is none `base rate`.
        cluster: what rows are grouped by.
    """

    metric: Literal["auc", "log_loss", "brier"]
    baseline: str = "current"
    cluster: str = "day"


class DecisionValue(msgspec.Struct, frozen=True, tag="decision_value"):
    """Measure what acting on the predictions saves a row, against never acting, in units of the costs.

    Attributes:
        act_if_true: cost of acting where the label turns out true.
        act_if_false: cost of acting where it turns out false.
        skip_if_true: cost of not acting where it turns out true.
        skip_if_false: cost of not acting where it turns out false.
        cluster: what rows are grouped by.
    """

    act_if_true: float
    act_if_false: float
    skip_if_true: float
    skip_if_false: float = 0.0
    cluster: str = "day"

    @property
    def threshold(self) -> float:
        """Return the probability above which acting is cheaper on average."""
        harm = self.act_if_false - self.skip_if_false
        gain = self.skip_if_true - self.act_if_true
        return harm / (harm + gain)


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


class Directional(msgspec.Struct, frozen=True, tag="directional"):
    """Measure the share of rows whose prediction falls when features change as stated, where it must not fall.

    Attributes:
        changes: frame column to what is added (a number), one test for each; or all together when `together`.
        tolerance: how far a prediction may fall before it counts.
        together: whether the changes are made at once.
    """

    changes: dict[str, float]
    tolerance: float = 0.005
    together: bool = False


class Invariance(msgspec.Struct, frozen=True, tag="invariance"):
    """Measure the share of rows whose prediction moves when features change that should not matter.

    Attributes:
        changes: frame column to what is added, one test for each.
        tolerance: how far a prediction may move before it counts.
    """

    changes: dict[str, float]
    tolerance: float = 0.02


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
        metric: which loss.
        alpha: as for `PredictionShift`.
        cluster: what requests are grouped by because they are not independent.
        clusters: fewest groups that the plan asks for.
        shown: whether the value is what is shown of the difference, the lower end of its interval.
    """

    metric: Literal["log_loss", "brier"] = "log_loss"
    alpha: float = 0.05
    cluster: str = "day"
    clusters: int = 2
    shown: bool = False


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


CanaryMeasure: TypeAlias = FailedAnswers | SlowAnswers | PredictionShift | FeatureLag | PairedLoss | LabelMaturity
LiveMeasure: TypeAlias = Windowed | Drift | NewestSeen | Skew | FeatureSkew | LabelMaturity
CandidateMeasure: TypeAlias = (
    Score | Improvement | DecisionValue | SliceRegression | Directional | Invariance | LabelMaturity
)
Labelled: TypeAlias = Score | Improvement | DecisionValue | SliceRegression | PairedLoss | Windowed
"""What rests on labels, and so on how many of them have come."""
Measure: TypeAlias = DataMeasure | CandidateMeasure | CanaryMeasure | LiveMeasure | Effect
