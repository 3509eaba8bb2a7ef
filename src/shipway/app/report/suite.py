"""The page of a suite: what each test came to, and the simplest case in which the model does not behave."""

from pathlib import Path
from typing import Final

from shipway.app.count import write_plural
from shipway.app.report.counterexample import show_counterexample
from shipway.app.report.element import Child, Markup, badge, code, element, join, table, tile, words
from shipway.app.report.file import write_page
from shipway.app.report.gate import Measured
from shipway.app.report.number import write_number, write_share
from shipway.app.report.sheet import Section, make_sheet
from shipway.app.report.whisker import draw_whisker, span_of
from shipway.app.suite import Tested, TestLine
from shipway.core.probe import Style
from shipway.validation.counterexample import Counterexample

_STYLES: Final[dict[Style, tuple[str, str]]] = {
    "minimum functionality": ("Minimum functionality", "What the model must say of cases like these."),
    "invariance": ("Invariance", "A change that should not matter, and the answers that moved all the same."),
    "direction": ("Direction", "A change that may move the answer one way only, and the answers that went the other."),
}
_HEAD: Final = ("Test", "", "Fail", "Cases", "Share", "", "95 % interval", "Left out", "Mean change")


def write_suite_page(tested: Tested, path: Path) -> Path:
    """Write the page of what a suite came to to a file, over what was there, and return where it is.

    Raises:
        ShipwayError: SW-601 if the disk is full, SW-602 if the file cannot be written.
    """
    return write_page(path, render_suite(tested))


def render_suite(tested: Tested) -> str:
    """Return what a suite came to as one HTML page that needs nothing else and runs nothing."""
    sections: list[Section] = [
        (style.split()[0], title, _show_tests([line for line in tested.tests if line.style == style], why))
        for style, (title, why) in _STYLES.items()
    ]
    sections.append(("examples", "Counterexamples", _show_examples(tested.tests)))
    footer = element(
        "footer",
        words(f"Seed {tested.seed}. The same suite, model and seed give this page again."),
        words(
            "Intervals are Wilson's at 95 %; where cases come in groups they are those of as many independent cases as "
            "tell the same. Left out are changed rows that would leave the ranges and categories of the training data."
        ),
    )
    return make_sheet(f"{tested.suite}: {tested.outcome}", _header(tested), sections, footer)


def _header(tested: Tested) -> Markup:
    failing = [line for line in tested.tests if line.outcome == "fail"]
    holding = [line for line in tested.tests if line.outcome == "hold"]
    cases = sum(line.cases for line in tested.tests)
    worst = max(tested.tests, key=lambda line: line.share)
    said = f"{len(failing)} of {write_plural(len(tested.tests), 'test')} fail" if failing else "No test fails"
    held = f", and {len(holding)} cannot be judged for want of cases" if holding else ""
    return element(
        "header",
        element("p", "shipway test", class_="brow"),
        element("h1", tested.suite, " ", badge(tested.outcome)),
        element("p", f"{said}{held}.", class_="lede"),
        element(
            "p", f"{tested.about} " if tested.about else None, "Asked of ", code(_model(tested)), ".", class_="soft"
        ),
        element(
            "div",
            tile("Tests", f"{len(tested.tests):,}", f"{len(failing):,} fail, {len(holding):,} hold"),
            tile("Cases", f"{cases:,}", f"{sum(line.failed for line in tested.tests):,} fail"),
            tile("Worst test", write_share(worst.share), worst.test),
            class_="tiles",
        ),
    )


def _model(tested: Tested) -> str:
    return tested.subject.removeprefix("model:")


def _show_tests(lines: list[TestLine], why: str) -> Markup | None:
    """Return the table of the tests of one kind; None where there is none."""
    if not lines:
        return None
    shares = [Measured(line.share, line.low, line.high) for line in lines]
    span = span_of([*shares, Measured(0.0, 0.0, 0.0)])
    rows: list[tuple[Child, ...]] = [
        (
            code(line.test) if line.counterexample is None else element("a", code(line.test), href=f"#{_anchor(line)}"),
            badge(line.outcome),
            f"{line.failed:,}",
            f"{line.cases:,}" if line.cases else "no case",
            element("b", write_share(line.share)) if line.cases else None,
            draw_whisker(share, span, tone=line.outcome) if line.cases else None,
            f"{write_share(line.low)} to {write_share(line.high)}" if line.cases else None,
            f"{line.left_out:,}" if line.left_out else None,
            None if line.mean_change is None else write_number(line.mean_change, "loss", sign=True),
        )
        for line, share in zip(lines, shares, strict=True)
    ]
    return join((element("p", why, class_="why"), table(_HEAD, rows, numbers=(2, 3, 4, 7, 8), class_="tight")))


def _show_examples(lines: list[TestLine]) -> Markup | None:
    found = [(line, line.counterexample) for line in lines if line.counterexample is not None]
    if not found:
        return None
    why = "Each is the simplest that was found: as little changed as will do, in the roundest numbers."
    return join((element("p", why, class_="why"), *(_show_example(line, example) for line, example in found)))


def _show_example(line: TestLine, example: Counterexample) -> Markup:
    title = element("h3", code(line.test), " ", badge(line.outcome), id=_anchor(line))
    return join((title, show_counterexample(example)))


def _anchor(line: TestLine) -> str:
    return f"example-{'-'.join(''.join(c if c.isalnum() else ' ' for c in line.test.lower()).split())}"
