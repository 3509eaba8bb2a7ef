"""Sections that go into depth on one model: its slices, its behaviour, and its versions with their bundles."""

from collections.abc import Iterable, Sequence
from typing import Final

from shipway.app.count import write_plural
from shipway.app.depth import BehaviourData, SliceData, SlicesData
from shipway.app.report.counterexample import show_counterexample
from shipway.app.report.data import VersionData
from shipway.app.report.element import Child, Markup, badge, code, element, fold, join, table, words
from shipway.app.report.gate import Measured, Unit
from shipway.app.report.number import write_interval, write_number, write_p, write_share
from shipway.app.report.scale import SCALES
from shipway.app.report.whisker import draw_whisker, span_of
from shipway.core.label import LOSS, LabelKind

_METRICS: Final = {"auc": "AUC", "brier": "Brier score", "macro_auc": "macro AUC", "macro_f1": "macro F1"}
SHOWN: Final = 6
"""How many slices are shown from each end before the reader asks for all."""


def show_slices(slices: Sequence[SlicesData]) -> Markup | None:
    """Return the slices most and least likely to be worse than the baseline, all others, and those under support."""
    return join(_slices(each) for each in slices) if slices else None


def show_behaviours(behaviours: Sequence[BehaviourData]) -> Markup | None:
    """Return what each change of features did to the predictions."""
    return join(_behaviour(each) for each in behaviours) if behaviours else None


def show_versions(versions: Sequence[VersionData], kind: LabelKind) -> Markup:
    """Return what each version learned from, what it gets, and its bundle where it may be released."""
    scale = SCALES[kind]
    head = (
        "Version",
        "Learned until",
        "Rows",
        scale.mean,
        scale.skill,
        scale.loss.partition(",")[0],
        scale.squared.removesuffix(" score"),
        scale.gap,
        "Saved per row",
        "Gates",
    )
    rows = [
        (
            join((element("b", version.name), element("div", version.format, class_="soft"))),
            version.cut,
            f"{version.rows:,}",
            None if version.mean is None else scale.write(version.mean),
            _cell(version.skill, "auc"),
            _cell(version.loss, scale.loss_unit),
            _cell(version.squared, scale.loss_unit),
            _cell(version.calibration_gap, scale.loss_unit, sign=True),
            _cell(version.saved, "cost"),
            badge(version.outcome),
        )
        for version in reversed(versions)
    ]
    kept = [at for at in range(len(head)) if any(row[at] is not None for row in rows)]
    metrics = table(
        [head[at] for at in kept], ([row[at] for at in kept] for row in rows), numbers=range(1, len(kept) - 1)
    )
    return join((metrics, _gains(versions[-1]), _bundles(versions)))


def _slices(slices: SlicesData) -> Markup:
    tested, under = slices.tested, slices.under_support
    ends = [*tested[:SHOWN], *tested[max(SHOWN, len(tested) - SHOWN) :]]
    regressed = sum(each.regressed for each in tested)
    found = f"{regressed:,} of {len(tested):,}" if regressed else f"None of {len(tested):,}"
    said = words(
        element("b", found if tested else "No slice"),
        f" tested slices found worse than {slices.baseline}" if tested else f" has enough rows: {slices.said}",
        ", false discoveries controlled over all of them. A difference above nought is worse." if tested else ".",
    )
    between = len(tested) - len(ends)
    listed = f"{write_plural(len(under), 'slice')} under support, listed and never decided on"
    cut = "The slices most likely to be worse, and the least likely." if between else "All slices tested."
    return join(
        (
            element("p", code(slices.check), class_="why"),
            said,
            join((element("p", cut, class_="soft"), _slice_table(ends, slices.loss))) if ends else None,
            fold(f"All {len(tested):,} slices tested", _slice_table(tested, slices.loss)) if between else None,
            fold(listed, _slice_table(under, slices.loss)) if under else None,
        )
    )


def _slice_table(slices: Sequence[SliceData], loss: str) -> Markup:
    unit: Unit = "loss" if loss == LOSS["condition"] else "number"
    measured = [Measured(each.difference, *(each.interval or (each.difference, each.difference))) for each in slices]
    span = span_of((number for number, each in zip(measured, slices, strict=True) if each.interval), 0.0)
    rows: list[Sequence[Child]] = []
    for each, number in zip(slices, measured, strict=True):
        worse = element("span", "✕ worse", class_="badge fail") if each.regressed else None
        drawn = draw_whisker(number, span, tone="fail" if each.regressed else "main", bound=0.0)
        rows.append(
            (
                join((f"{each.name} ", worse)),
                f"{each.n:,}",
                f"{each.clusters:,}",
                write_number(each.candidate, unit),
                write_number(each.baseline, unit),
                element("b", write_number(each.difference, unit, sign=True)),
                element("span", write_interval(number, unit, sign=True), class_="soft"),
                drawn if each.interval else None,
                None if each.p is None else write_p(each.p),
            )
        )
    head = ("Slice", "Rows", "Clusters", loss.capitalize(), "Baseline", "Difference", "95 % interval", "", "p")
    return table(head, rows, numbers=(1, 2, 3, 4, 5, 6, 8), class_="tight")


def _behaviour(behaviour: BehaviourData) -> Markup:
    rows = [
        (
            code(trial.change),
            f"{trial.n:,}" if trial.n else trial.said,
            None if trial.mean_change is None else write_number(trial.mean_change, "loss", sign=True),
            None if trial.share_violating is None else write_share(trial.share_violating),
        )
        for trial in behaviour.trials
    ]
    head = ("Change", "Rows", "Mean change of the prediction", "Share that does otherwise")
    title = element("h3", code(behaviour.name))
    return join(
        (
            title,
            element("p", f"Expected: {behaviour.expects}.", class_="why"),
            table(head, rows, numbers=(1, 2, 3), class_="tight narrow"),
            *(
                join(
                    (
                        element("p", "The simplest case that fails ", code(trial.change), ":", class_="why"),
                        show_counterexample(trial.counterexample),
                    )
                )
                for trial in behaviour.trials
                if trial.counterexample is not None
            ),
        )
    )


def _cell(measured: Measured | None, unit: Unit, *, sign: bool = False) -> Markup | None:
    if measured is None:
        return None
    interval = element("div", write_interval(measured, unit, sign=sign), class_="soft")
    return join((element("b", write_number(measured.value, unit, sign=sign)), interval))


def _gains(version: VersionData) -> Markup | None:
    if not version.gains:
        return None
    rows = [
        (
            _METRICS.get(metric, metric.replace("_", " ")),
            baseline,
            write_number(gain.value, "loss", sign=True),
            write_interval(gain, "loss", sign=True),
        )
        for metric, baseline, gain in version.gains
    ]
    head = ("Metric", "Against", f"{version.name.capitalize()} is better by", "95 % interval")
    return join((element("h3", "On the same rows"), table(head, rows, numbers=(2, 3), class_="tight narrow")))


def _bundles(versions: Iterable[VersionData]) -> Markup | None:
    rows = [
        (
            version.name,
            code(version.bundle.digest),
            version.bundle.parity,
        )
        for version in versions
        if version.bundle is not None
    ]
    if not rows:
        return None
    head = ("Registered", "Bundle", "ONNX form against the native one")
    return join((element("h3", "Bundles"), table(head, list(reversed(rows)))))
