"""The section on labels: how many have come, how many will, and how the early ones lean."""

from shipway.app.report.element import Child, Markup, element, join, table, words
from shipway.app.report.gate import Unit
from shipway.app.report.number import write_number, write_share
from shipway.core.maturity import OF_NUMBER, Bias, Maturity
from shipway.kit.duration import format_duration

_MINUTE_US = 60_000_000


def show_maturity(maturity: Maturity | None) -> Markup | None:
    """Return what is known of the labels of a window at the moment of judging; None where nothing was asked."""
    if maturity is None or not maturity.asked:
        return None
    come = f"{write_share(maturity.share)} ({write_share(maturity.low)} to {write_share(maturity.high)})"
    said = words(
        element("b", come),
        f" of the labels that will ever come had come when it was judged: {maturity.labelled:,} of"
        f" {maturity.expected:,.0f} expected among {maturity.asked:,} predictions."
        f" {write_share(maturity.never)} of what is asked about never gets a label, and nothing here speaks of those.",
    )
    doubt = None
    if not maturity.identified:
        doubt = words("Rows were not followed for long enough to tell labels that are late from those that never come.")
    took = None
    if maturity.median_us is not None and maturity.p99_us is not None:
        median, late = _write(maturity.median_us), _write(maturity.p99_us)
        spread = f"Half of the labels take no longer than {median}, 99 % of them {late}."
        took = words(f"{spread} Learned from {maturity.rows:,} predictions.")
    head = ("", "Labels that have come", "Weighted for those to come", "Early less all", "")
    leans = table(head, [_lean(bias) for bias in maturity.bias], numbers=(1, 2, 3)) if maturity.bias else None
    return join((said, doubt, took, leans))


def _lean(bias: Bias) -> tuple[Child, ...]:
    unit: Unit = "number" if bias.of in OF_NUMBER else "loss"
    weighted = None if bias.corrected is None else _with_ends(bias.corrected, bias.low, bias.high, unit)
    early = None
    if bias.difference is not None:
        early = _with_ends(bias.difference, bias.difference_low, bias.difference_high, unit, sign=True)
    why = bias.why or f"early: within {_write(bias.within_us)}"
    return bias.of, write_number(bias.seen, unit), weighted, early, element("span", why, class_="soft")


def _with_ends(value: float, low: float | None, high: float | None, unit: Unit, *, sign: bool = False) -> Markup:
    ends = None
    if low is not None and high is not None:
        both = f"{write_number(low, unit, sign=sign)} to {write_number(high, unit, sign=sign)}"
        ends = element("div", both, class_="soft")
    return join((element("b", write_number(value, unit, sign=sign)), ends))


def _write(us: int) -> str:
    return format_duration(max(us // _MINUTE_US, 1) * _MINUTE_US)
