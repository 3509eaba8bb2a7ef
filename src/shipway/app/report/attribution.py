"""The section on what a candidate listens to: sizes of contributions, and whether its reasons are another version's."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from shipway.app.detail import AgreementData, AttributionData, Details, FeatureSize
from shipway.app.report.element import Child, Markup, code, element, fold, join, table, words
from shipway.app.report.gate import Measured
from shipway.app.report.name import name_bars
from shipway.app.report.number import write_number
from shipway.app.report.whisker import draw_whisker, span_of
from shipway.ports.chart import Bar, Charts

_BARS: Final = 12
"""Features that have a bar."""
_STARTS: Final = {
    "tree": "the mean over the rows of training as they lie in the leaves of its trees (path-dependent TreeSHAP)",
    "linear": "the mean over held-out rows (interventional; exact, for the model is linear)",
    "exact": "the mean over held-out rows (interventional; exact, over all coalitions of features)",
    "sampled": "the mean over held-out rows (interventional; orders of features are drawn)",
}
"""Method to what the baseline is the mean over."""


def show_reasons(details: Details, charts: Charts) -> Markup | None:
    """Return what was asked about features, every feature's size beside the baseline it is counted from, and agreement.

    Args:
        details: what is known of the candidate.
        charts: draws the sizes.
    """
    parts = [*_attributions(details.attributions, charts), *(_agreement(each) for each in details.agreements)]
    return join(parts) if parts else None


def _attributions(asked: Sequence[AttributionData], charts: Charts) -> Iterator[Markup]:
    for each in asked:
        yield join((element("p", code(each.check), class_="why"), words(element("b", _sentence(each.said)))))
    listed = next((each for each in asked if each.sizes), None)
    if listed is None:
        return
    # Every check explains the same rows, so their sizes differ only in which features are listed beside the greatest.
    named = {size.feature for each in asked for size in each.sizes if size.asked}
    sizes = sorted({size.feature: size for each in asked for size in each.sizes}.values(), key=lambda each: -each.size)
    start = write_number(listed.baseline, "loss", sign=True)
    said = f"Contributions are in {listed.unit} and start from {start}: {_STARTS[listed.method]}. "
    yield element("p", f"{said}What the gates ask about is blue.", class_="soft")
    yield _draw_sizes([each for at, each in enumerate(sizes) if at < _BARS or each.feature in named], named, charts)
    yield fold(f"The {len(sizes)} greatest in numbers", _list_sizes(sizes, named))


def _draw_sizes(sizes: Sequence[FeatureSize], named: Collection[str], charts: Charts) -> Markup:
    bars = [
        Bar(
            name,
            0.0,
            each.size,
            f"{each.size:.4f}",
            "main" if each.feature in named else "plain",
            None if each.low is None or each.high is None else (each.low, each.high),
        )
        for name, each in zip(name_bars(each.feature for each in sizes), sizes, strict=True)
    ]
    return element("figure", Markup(charts.bars(bars, title="Mean absolute contribution, with 95 % intervals")))


def _list_sizes(sizes: Sequence[FeatureSize], named: Collection[str]) -> Markup:
    rows = [
        (
            code(each.feature),
            f"{each.size:.4f}",
            "" if each.low is None or each.high is None else f"{each.low:.4f} to {each.high:.4f}",
            "asked about" if each.feature in named else "",
        )
        for each in sizes
    ]
    return table(("Feature", "Mean size", "95 % interval", ""), rows, numbers=(1, 2), class_="tight narrow")


def _agreement(agreement: AgreementData) -> Markup:
    said = join((element("p", code(agreement.check), class_="why"), words(element("b", _sentence(agreement.said)))))
    if not agreement.pairs:
        return said
    differences = [each.candidate_size - each.baseline_size for each in agreement.pairs]
    span = span_of((Measured(each, each, each) for each in differences), 0.0)
    rows: list[Sequence[Child]] = [
        (
            code(each.feature),
            f"{each.candidate_size:.4f}",
            f"{each.baseline_size:.4f}",
            write_number(difference, "loss", sign=True),
            draw_whisker(Measured(difference, difference, difference), span, tone="main", bound=0.0),
        )
        for each, difference in zip(agreement.pairs, differences, strict=True)
    ]
    head = ("Feature", f"Mean size, {agreement.unit}", agreement.baseline, "Difference", "")
    return join((said, fold("Both versions, feature by feature", table(head, rows, numbers=(1, 2, 3), class_="tight"))))


def _sentence(said: str) -> str:
    return f"{said[:1].upper()}{said[1:]}."
