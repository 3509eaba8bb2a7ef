"""shipway takes a model from a prototype to production and keeps it there.

The words of a project file are loaded on first use, so that `import shipway` stays light.
"""

from typing import TYPE_CHECKING

from shipway.kit.version import VERSION

__version__ = VERSION

_WORDS = {
    **dict.fromkeys(
        ("entity", "feature", "feature_view", "gate", "label", "leak", "model", "source", "system"), "shipway.core.word"
    ),
    **dict.fromkeys(
        (
            "auc", "brier", "calibration_gap", "decision_value", "label_maturity", "log_loss", "never_lowers",
            "never_matters", "slice_regression",
        ),
        "shipway.core.candidate",
    ),
    **dict.fromkeys(("attribution", "reason_agreement"), "shipway.core.attribution"),
    **dict.fromkeys(
        (
            "accuracy", "action", "action_value", "average_precision", "calibration_slope",
            "expected_calibration_error", "f_score", "macro_auc", "macro_f1", "mcc", "mean_absolute_error",
            "mean_absolute_percentage_error",
            "mean_average_precision", "mean_reciprocal_rank", "ndcg", "pinball_loss", "precision", "r_squared",
            "recall", "root_mean_squared_error", "share_below", "specificity", "top_accuracy",
            "top_recall", "weighted_f1", "weighted_percentage_error",
        ),
        "shipway.core.performance",
    ),
    **dict.fromkeys(
        (
            "correlation", "distinct", "fresh", "fullest_day", "gaps", "has_columns", "has_rows", "holds", "label_rate",
            "mean", "past", "present", "quantile", "readable", "refers", "rule", "share", "shift", "thinnest_day",
            "timely", "unique", "unseen", "vanished",
        ),
        "shipway.core.data_check",
    ),
    **dict.fromkeys(
        (
            "drift", "failed_answers", "feature_lag", "feature_skew", "newest_seen", "paired_loss", "prediction_shift",
            "shown_loss", "skew", "slow_answers",
        ),
        "shipway.core.canary",
    ),
    **dict.fromkeys(
        (
            "advantage_trend", "demographic_parity", "equal_accuracy", "equal_opportunity", "equalised_odds",
            "found_regressions", "group_calibration",
        ),
        "shipway.core.slice_check",
    ),
    **dict.fromkeys(("load_failures", "load_latency_ms"), "shipway.core.promise"),
    "effect": "shipway.core.effect_check",
    **dict.fromkeys(("experiment", "layer"), "shipway.core.experimentation"),
    **dict.fromkeys(("answers", "switchback"), "shipway.core.assignment"),
    **dict.fromkeys(("always_valid", "group_sequential"), "shipway.core.design"),
    "AsyncClient": "shipway.client.awaiting",
    "Client": "shipway.client.blocking",
    "ShipwayError": "shipway.core.error",
    "TrainFrame": "shipway.training.frame",
    "experiments": "shipway.serving.assignment",
    "features": "shipway.app.asking",
    **dict.fromkeys(("load_suite", "run_suite", "save_suite"), "shipway.app.suite"),
    "online": "shipway.serving.lookup",
}  # fmt: skip
_MODULES = {"behaviours": "shipway.core.behaviour", "windows": "shipway.core.window"}
"""What holds words of its own: `from shipway import windows as w`."""

if TYPE_CHECKING:
    from shipway.app.asking import features
    from shipway.app.suite import load_suite, run_suite, save_suite
    from shipway.client.awaiting import AsyncClient
    from shipway.client.blocking import Client
    from shipway.core import behaviour as behaviours
    from shipway.core import window as windows
    from shipway.core.assignment import answers, switchback
    from shipway.core.attribution import attribution, reason_agreement
    from shipway.core.canary import (
        drift,
        failed_answers,
        feature_lag,
        feature_skew,
        newest_seen,
        paired_loss,
        prediction_shift,
        shown_loss,
        skew,
        slow_answers,
    )
    from shipway.core.candidate import (
        auc,
        brier,
        calibration_gap,
        decision_value,
        label_maturity,
        log_loss,
        never_lowers,
        never_matters,
        slice_regression,
    )
    from shipway.core.data_check import (
        correlation,
        distinct,
        fresh,
        fullest_day,
        gaps,
        has_columns,
        has_rows,
        holds,
        label_rate,
        mean,
        past,
        present,
        quantile,
        readable,
        refers,
        rule,
        share,
        shift,
        thinnest_day,
        timely,
        unique,
        unseen,
        vanished,
    )
    from shipway.core.design import always_valid, group_sequential
    from shipway.core.effect_check import effect
    from shipway.core.error import ShipwayError
    from shipway.core.experimentation import experiment, layer
    from shipway.core.performance import (
        accuracy,
        action,
        action_value,
        average_precision,
        calibration_slope,
        expected_calibration_error,
        f_score,
        macro_auc,
        macro_f1,
        mcc,
        mean_absolute_error,
        mean_absolute_percentage_error,
        mean_average_precision,
        mean_reciprocal_rank,
        ndcg,
        pinball_loss,
        precision,
        r_squared,
        recall,
        root_mean_squared_error,
        share_below,
        specificity,
        top_accuracy,
        top_recall,
        weighted_f1,
        weighted_percentage_error,
    )
    from shipway.core.promise import load_failures, load_latency_ms
    from shipway.core.slice_check import (
        advantage_trend,
        demographic_parity,
        equal_accuracy,
        equal_opportunity,
        equalised_odds,
        found_regressions,
        group_calibration,
    )
    from shipway.core.word import entity, feature, feature_view, gate, label, leak, model, source, system
    from shipway.serving.assignment import experiments
    from shipway.serving.lookup import online
    from shipway.training.frame import TrainFrame

__all__ = [
    "AsyncClient",
    "Client",
    "ShipwayError",
    "TrainFrame",
    "accuracy",
    "action",
    "action_value",
    "advantage_trend",
    "always_valid",
    "answers",
    "attribution",
    "auc",
    "average_precision",
    "behaviours",
    "brier",
    "calibration_gap",
    "calibration_slope",
    "correlation",
    "decision_value",
    "demographic_parity",
    "distinct",
    "drift",
    "effect",
    "entity",
    "equal_accuracy",
    "equal_opportunity",
    "equalised_odds",
    "expected_calibration_error",
    "experiment",
    "experiments",
    "f_score",
    "failed_answers",
    "feature",
    "feature_lag",
    "feature_skew",
    "feature_view",
    "features",
    "found_regressions",
    "fresh",
    "fullest_day",
    "gaps",
    "gate",
    "group_calibration",
    "group_sequential",
    "has_columns",
    "has_rows",
    "holds",
    "label",
    "label_maturity",
    "label_rate",
    "layer",
    "leak",
    "load_failures",
    "load_latency_ms",
    "load_suite",
    "log_loss",
    "macro_auc",
    "macro_f1",
    "mcc",
    "mean",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_average_precision",
    "mean_reciprocal_rank",
    "model",
    "ndcg",
    "never_lowers",
    "never_matters",
    "newest_seen",
    "online",
    "paired_loss",
    "past",
    "pinball_loss",
    "precision",
    "prediction_shift",
    "present",
    "quantile",
    "r_squared",
    "readable",
    "reason_agreement",
    "recall",
    "refers",
    "root_mean_squared_error",
    "rule",
    "run_suite",
    "save_suite",
    "share",
    "share_below",
    "shift",
    "shown_loss",
    "skew",
    "slice_regression",
    "slow_answers",
    "source",
    "specificity",
    "switchback",
    "system",
    "thinnest_day",
    "timely",
    "top_accuracy",
    "top_recall",
    "unique",
    "unseen",
    "vanished",
    "weighted_f1",
    "weighted_percentage_error",
    "windows",
]


def __getattr__(name: str) -> object:
    """Load a word of the project file when it is first used."""
    from importlib import import_module

    if name in _MODULES:
        return import_module(_MODULES[name])
    if name in _WORDS:
        return getattr(import_module(_WORDS[name]), name)
    if name.startswith("__"):
        raise AttributeError(name)
    did_you_mean = import_module("shipway.kit.suggestion").did_you_mean
    raise AttributeError(f"shipway has no word {name!r}: {did_you_mean(name, __all__)}")
