"""What is measured on slices of a candidate's rows: regressions that are searched for, fairness, and change over time.

The words that build them are in `shipway.core.slice_check`.
"""

from typing import Final, Literal, TypeAlias

import msgspec

ROW: Final = "row"
"""The cluster of rows that are independent of each other."""


class FoundRegression(msgspec.Struct, frozen=True, tag="found_regression"):
    """Search all slices by one and by two columns for those where a candidate is worse than its baseline.

    What is found is controlled for how many slices were searched, and explained by a few lines. Under `bh` slices that
    look better are set aside first, and p of the others is that of such a difference given that they look worse.

    Attributes:
        by: columns of the source, calendar parts, and features as `view.name`; numbers are cut at their quantiles.
        baseline: as for `Improvement`.
        threshold: None to compare log losses; else from which probability on one acts, to compare wrong decisions.
        cluster: what rows are grouped by; `row` where they are independent (decisions are then compared by McNemar's
            exact test).
        rate: the false discovery rate that is held.
        control: `bh` (Benjamini-Hochberg, over the slices that look worse), or `by` (Benjamini-Yekutieli, over all of
            them), which holds under any dependence.
        support_rows: fewest rows a slice needs to be tested.
        support_clusters: fewest clusters it needs, unless rows are independent.
        bins: parts that a number is cut into.
        lines: most lines of the explanation.
    """

    by: tuple[str, ...]
    baseline: str = "current"
    threshold: float | None = None
    cluster: str = "day"
    rate: float = 0.05
    control: Literal["bh", "by"] = "bh"
    support_rows: int = 500
    support_clusters: int = 20
    bins: int = 10
    lines: int = 20


class Fairness(msgspec.Struct, frozen=True, tag="fairness"):
    """Measure how differently a candidate treats groups of rows, as the greatest difference between two of them.

    Attributes:
        metric: `demographic_parity` (how often it decides to act), `demographic_parity_ratio` (the least of these
            shares over the greatest), `equal_opportunity` (how often where the label is true), `equalised_odds` (the
            greater of the differences where it is true and where it is false), `equal_accuracy` (how often the
            decision, or the most probable class, is right), `group_calibration` (mean prediction less rate observed).
        by: columns or calendar parts whose combinations are the groups.
        threshold: from which probability on one acts.
        cluster: what rows are grouped by because they are not independent; `row` where they are.
        support_rows: fewest rows that each rate of a group needs.
        support_clusters: fewest clusters it needs, unless rows are independent.
        bins: parts that a number is cut into at its quantiles.
        of: of a label of classes, the one whose prediction is acting.
    """

    metric: Literal[
        "demographic_parity",
        "demographic_parity_ratio",
        "equal_opportunity",
        "equalised_odds",
        "equal_accuracy",
        "group_calibration",
    ]
    by: tuple[str, ...]
    threshold: float = 0.5
    cluster: str = "day"
    support_rows: int = 100
    support_clusters: int = 10
    bins: int = 10
    of: str = ""


class AdvantageTrend(msgspec.Struct, frozen=True, tag="advantage_trend"):
    """Measure how a candidate's advantage over its baseline changes over the test period; below 0 it fades.

    Attributes:
        baseline: as for `Improvement`.
        per_days: the change is given per so many days.
        window_days: length of the windows whose advantage is listed; each begins half a window after the one before.
    """

    baseline: str = "current"
    per_days: int = 30
    window_days: int = 28


SliceMeasure: TypeAlias = FoundRegression | Fairness | AdvantageTrend
