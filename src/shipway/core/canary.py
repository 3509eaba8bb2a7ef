"""The words for checks on a canary and on a live window: what is measured while a version is tried, and in service."""

import math

import msgspec

from shipway.core.argument import take_each, take_event, take_width
from shipway.core.check import Check, Rule, write_number
from shipway.core.error import ShipwayError
from shipway.core.feature import Event, flatten
from shipway.core.measure import (
    Drift,
    FailedAnswers,
    FeatureLag,
    FeatureSkew,
    NewestSeen,
    PairedLoss,
    PredictionShift,
    Skew,
    SlowAnswers,
)
from shipway.kit.suggestion import did_you_mean
from shipway.maths.expression import Feature, quote

_LOSSES = ("log_loss", "brier", "mean_absolute_error")


def failed_answers(*, alpha: float = 0.01, detect: float = 10.0, base: float = 0.01) -> Rule:
    """Ask that a canary fails no more of its answers than the stable version, by an e-process that may be watched.

    Args:
        alpha: probability of taking back a version that fails no more often, however often one looks.
        detect: by how many times as many failures the plan wants to find out; with `base`, this says how many answers
            it takes before the rule may pass.
        base: the share of failures that the plan assumes of the stable version.
    """
    _require_plan("failed_answers", alpha, detect, base)
    usual = FailedAnswers()
    words = _changed(alpha=(alpha, usual.alpha), detect=(detect, usual.detect), base=(base, usual.base))
    text = f"failed_answers({', '.join(words)})"
    check = Check("failed answers", FailedAnswers(alpha, detect, base), "canary", text)
    return Rule(check=check, op="<", bound=1 / alpha, text=text)


def slow_answers(*, over_ms: float, alpha: float = 0.01, detect: float = 10.0, base: float = 0.01) -> Rule:
    """Ask that a canary gives no more slow answers than the stable version; otherwise as `failed_answers`.

    Args:
        over_ms: from how many milliseconds of real time on an answer is slow.
        alpha: as for `failed_answers`.
        detect: as for `failed_answers`.
        base: as for `failed_answers`.
    """
    _require_plan("slow_answers", alpha, detect, base)
    if not (math.isfinite(over_ms) and over_ms > 0):
        raise ShipwayError("SW-106", f"slow_answers has over_ms={over_ms!r}", "write milliseconds above 0")
    usual = SlowAnswers(over_ms)
    words = _changed(alpha=(alpha, usual.alpha), detect=(detect, usual.detect), base=(base, usual.base))
    text = f"slow_answers({', '.join([f'over_ms={write_number(over_ms)}', *words])})"
    check = Check("slow answers", SlowAnswers(over_ms, alpha, detect, base), "canary", text)
    return Rule(check=check, op="<", bound=1 / alpha, text=text)


prediction_shift = Check("prediction shift", PredictionShift(), "canary", "prediction_shift")


def feature_lag(*, over: str) -> Check:
    """Measure the share of requests on which a canary's newest event was older than the stable's by more than this.

    Raises:
        ShipwayError: SW-106 if `over` is no duration longer than zero.
    """
    text = f"feature_lag(over={quote(over)})"
    return Check(text, FeatureLag(take_width(over, "`over` of sw.feature_lag")), "canary", text)


def paired_loss(metric: str = "log_loss", *, days: int = 2, relative: bool = False) -> Check:
    """Measure by how much a canary's loss is greater than the stable version's on the same requests, labels landed.

    Args:
        metric: `log_loss` or `brier` of a condition or a class, `mean_absolute_error` of a number.
        days: fewest days with labels that the plan asks for.
        relative: whether the difference is a share of the stable version's loss, such as 0.02, and not in its unit.

    Raises:
        ShipwayError: SW-104 for another metric, SW-106 for less than two days.
    """
    if metric not in _LOSSES:
        raise ShipwayError("SW-104", f"there is no loss {metric!r}", did_you_mean(str(metric), _LOSSES))
    if days < 2:
        raise ShipwayError("SW-106", f"paired_loss asks for {days} days", "an interval needs at least two")
    words = [quote(metric)] if metric != "log_loss" else []
    words += [] if days == PairedLoss().clusters else [f"days={days}"]
    words += ["relative=True"] if relative else []
    text = f"paired_loss({', '.join(words)})"
    name = f"paired {metric}, relative" if relative else f"paired {metric}"
    return Check(name, PairedLoss(metric, clusters=days, relative=relative), "canary", text)


def shown_loss(metric: str = "log_loss", *, days: int = 2, relative: bool = False) -> Check:
    """Measure by how much a canary's loss is shown to be greater: the lower end of the interval of `paired_loss`.

    A rule on it fails when harm beyond its bound is shown, and passes where it is not and the plan's days are over.
    That is the watch for surprises on a walk; that a version is no worse is for the gate before release to show.

    Args:
        metric: as for `paired_loss`.
        days: fewest days with labels that the plan asks for.
        relative: as for `paired_loss`.

    Raises:
        ShipwayError: as `paired_loss`.
    """
    check = paired_loss(metric, days=days, relative=relative)
    assert isinstance(check.measure, PairedLoss)
    text = check.text.replace("paired_loss", "shown_loss")
    measure = msgspec.structs.replace(check.measure, shown=True)
    return Check(check.name.replace("paired", "shown"), measure, "canary", text)


def drift(*features: Feature, last: str) -> Check:
    """Measure the greatest effect size among the features of a live window against the version's training rows.

    Args:
        features: only these, such as `plane.seats`: how far what is served is from what was trained on; all without.
        last: length of the window that ends now.
    """
    taken = take_each(features, Feature, "the features of sw.drift", "name a feature of a view, such as plane.seats")
    words = [*(str(feature) for feature in taken), f"last={quote(last)}"]
    text = f"drift({', '.join(words)})"
    names = tuple(flatten(feature.view, feature.name) for feature in taken)
    return Check(text, Drift(take_width(last, "`last` of sw.drift"), names), "live", text)


def newest_seen(event: Event, *, within: str, last: str = "1d") -> Rule:
    """Ask that every prediction of a live window read an event of a stream that was no older than this.

    Args:
        event: whose events.
        within: how old the newest may be.
        last: length of the window that ends now.
    """
    stream = take_event(event, "sw.newest_seen").name
    bound = take_width(within, "`within` of sw.newest_seen")
    words = [stream, f"within={quote(within)}", *([] if last == "1d" else [f"last={quote(last)}"])]
    text = f"newest_seen({', '.join(words)})"
    measure = NewestSeen(stream, take_width(last, "`last` of sw.newest_seen"))
    return Rule(check=Check(f"newest {stream}", measure, "live", text), op="<=", bound=float(bound), text=text)


def skew(*, last: str) -> Check:
    """Count the feature vectors of a live window that differ from the offline frame in any bit."""
    text = f"skew(last={quote(last)})"
    return Check(text, Skew(take_width(last, "`last` of sw.skew")), "live", text)


def feature_skew(*, last: str, sample: int = 10_000, seed: int = 0) -> Check:
    """Measure the share of the feature vectors of a live window that differ from those recomputed offline in any bit.

    A sample of the requests is asked again, each at its own instant, from the data of the main branch.

    Args:
        last: length of the window that ends now.
        sample: how many vectors are drawn.
        seed: another one draws others.

    Raises:
        ShipwayError: SW-106 if the window is no duration above zero, or the sample no number above 0.
    """
    if type(sample) is not int or sample < 1:
        raise ShipwayError("SW-106", f"feature_skew has sample={sample!r}", "write a whole number above 0")
    if type(seed) is not int or seed < 0:
        raise ShipwayError("SW-106", f"feature_skew has seed={seed!r}", "write a whole number from 0 on")
    measure = FeatureSkew(take_width(last, "`last` of sw.feature_skew"), sample, seed)
    words = [f"last={quote(last)}"]
    words += [] if sample == 10_000 else [f"sample={sample}"]
    words += [f"seed={seed}"] if seed else []
    text = f"feature_skew({', '.join(words)})"
    return Check(text, measure, "live", text)


def _require_plan(word: str, alpha: float, detect: float, base: float) -> None:
    if not (0 < alpha < 1 and 0 < base < 1 and detect > 1 and math.isfinite(detect)):
        raise ShipwayError(
            "SW-106",
            f"{word} has alpha={alpha!r}, detect={detect!r}, base={base!r}",
            "alpha and base lie between 0 and 1, and detect is greater than 1",
        )


def _changed(**words: tuple[float, float]) -> list[str]:
    return [f"{name}={write_number(given)}" for name, (given, usual) in words.items() if given != usual]
