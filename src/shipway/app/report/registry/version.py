"""One version on the page of the registry: in the cells of a row, and whole."""

from collections.abc import Sequence

from shipway.app.count import write_plural
from shipway.app.model import VersionDetail
from shipway.app.report.element import Child, Markup, badge, code, element, join, table, words
from shipway.app.report.gate import Measured
from shipway.app.report.number import write_instant
from shipway.app.report.whisker import draw_whisker, span_of
from shipway.app.status import VersionLine
from shipway.core.bundle import Manifest
from shipway.core.gate import Outcome
from shipway.core.label import say_mean
from shipway.core.latency import LatencyProfile, Machine, write_time
from shipway.core.standing import write_tag

Figure = tuple[float, float, float]
"""A value with both ends of its interval."""


def show_names(line: VersionLine) -> Markup:
    """Return what a version is to people: its names, whom it answers for, and whether it is approved or retired."""
    parts: list[Markup] = [element("span", name, class_="tag") for name in line.aliases]
    parts += [
        element("span", f"{name} {write_weight(share)}", class_="badge pass") for name, share in line.serving.items()
    ]
    if line.approvals:
        by = ", ".join(each.word.by for each in line.approvals)
        parts.append(element("span", f"approved by {by}", class_="soft"))
    if line.retired is not None:
        parts.append(element("span", "retired", class_="badge none"))
    return join(child for part in parts for child in (part, " "))


def show_outcome(outcome: Outcome | None) -> Markup:
    """Return what the gates came to."""
    return badge(outcome)


def show_figure(figure: Figure | None, all_of_them: Sequence[Figure]) -> Markup:
    """Return a number with its interval, drawn on the span of all versions.

    Args:
        figure: value, low and high; None where it was not measured.
        all_of_them: those of every version.
    """
    if figure is None:
        return element("span", "not measured", class_="soft")
    measured = Measured(*figure)
    span = span_of(Measured(*each) for each in all_of_them)
    return join((f"{measured.value:.4f}", draw_whisker(measured, span, tone="main"), _interval(measured)))


def show_speed(profile: LatencyProfile | None, machines: Sequence[Machine]) -> Markup:
    """Return how long a call of one row takes, with the letter of the machine where there are several.

    Args:
        profile: what was measured; None where nothing was.
        machines: all that any version was measured on.
    """
    if profile is None:
        return element("span", "not measured", class_="soft")
    found = profile.find(1) or profile.batches[0]
    rows = "" if found.rows == 1 else f" for {found.rows:,} rows"
    mark = f" {name_machine(machines.index(profile.machine))}" if len(machines) > 1 else ""
    return join((f"{write_time(found.p50_us)}{rows}", element("span", mark, class_="soft") if mark else None))


def name_machine(place: int) -> str:
    """Return what a machine is called beside others: A, B, and so on; by its number where letters end."""
    return chr(ord("A") + place) if place < 26 else str(place + 1)


def show_version(detail: VersionDetail, timezone: str) -> Markup:
    """Return everything known of a version."""
    line = detail.version
    facts = [(name, fact) for name, fact in [*_say_made(detail), *_say_standing(line, timezone)] if fact]
    parts = [
        element("dl", *(join((element("dt", name), element("dd", fact))) for name, fact in facts), class_="facts"),
        *_show_gates(detail),
        _show_evidence(detail),
        None if detail.latency is None else _show_latency(detail.latency),
    ]
    return element("div", *parts, class_="version")


def write_weight(share: float) -> str:
    """Return a share of a service's requests; that of a version that only looks on is `shadow`."""
    return "shadow" if share == 0 else f"{share * 100:.4g}%"


def _say_made(detail: VersionDetail) -> list[tuple[str, Child]]:
    bundle = detail.bundle
    if bundle is None:
        return [("Bundle", f"none: its gates said {detail.version.outcome or 'nothing yet'}")]
    form = f"{bundle.format}, served by {bundle.runtime} as {bundle.served}"
    return [
        ("Bundle", code(bundle.digest)),
        ("Model", f"{form}; {bundle.compared}"),
        ("Reads", f"{write_plural(len(bundle.inputs), 'column')}: {', '.join(each.name for each in bundle.inputs)}"),
        ("Trained", _say_training(bundle)),
        ("Classes", bundle.told_apart or None),
        ("Frame", code(str(bundle.training["frame"])) if "frame" in bundle.training else None),
    ]


def _say_training(bundle: Manifest) -> str:
    if "imported" in bundle.training:
        return f"elsewhere, imported as {bundle.training['imported']}"
    rows, mean = bundle.training.get("rows"), say_mean(bundle.training)
    said = "" if rows is None else f"on {write_plural(int(rows), 'row')}"
    return f"{said}, {mean}" if mean else said


def _say_standing(line: VersionLine, timezone: str) -> list[tuple[str, Child]]:
    def said(by: str, at: int, text: str) -> str:
        return f"{by}, {write_instant(at, timezone)}: {text}"

    facts: list[tuple[str, Child]] = []
    if line.registered_at is not None:
        facts.append(("Registered", write_instant(line.registered_at, timezone)))
    facts += [("Approved by", said(each.word.by, each.word.at, each.word.said)) for each in line.approvals]
    if line.retired is not None:
        facts.append(("Retired by", said(line.retired.by, line.retired.at, line.retired.said)))
    tags = [element("span", write_tag(name, value), class_="tag") for name, value in line.tags.items()]
    facts.append(("Tags", join(tags) if tags else None))
    facts += [("Note", said(note.by, note.at, note.said)) for note in line.notes]
    return facts + [("Override", each.said) for each in line.overrides]


def _show_gates(detail: VersionDetail) -> list[Markup]:
    return [
        join(
            (
                element("h4", f"Gate {verdict.gate} ", badge(verdict.outcome)),
                table(
                    ("", "Rule", "Because"),
                    [(badge(each.outcome), code(each.rule), each.reason) for each in verdict.findings],
                    class_="tight",
                ),
            )
        )
        for verdict in detail.verdicts
    ]


def _show_evidence(detail: VersionDetail) -> Markup | None:
    measured = [each for each in detail.evidence if each.n]
    if not measured:
        return None
    rows = [
        (each.check, f"{each.value:.6g}", _interval(Measured(each.value, each.low, each.high)), f"{each.n:,}")
        for each in measured
    ]
    head = ("Check", "Measured", "95 % interval", "Rows")
    return join((element("h4", "What was measured"), table(head, rows, numbers=(1, 3), class_="tight narrow")))


def _show_latency(profile: LatencyProfile) -> Markup:
    rows = [
        (f"{each.rows:,}", write_time(each.p50_us), write_time(each.p99_us), write_time(each.cpu_us))
        for each in profile.batches
    ]
    head = ("Rows of a call", "Median", "p99", "Processor")
    return join(
        (
            element("h4", "How long a call takes, without a server"),
            table(head, rows, numbers=(0, 1, 2, 3), class_="tight narrow"),
            words(element("span", f"On {profile.machine.said}.", class_="soft")),
        )
    )


def _interval(measured: Measured) -> Markup | None:
    if measured.low == measured.high:
        return None
    return element("span", f"{measured.low:.4f} to {measured.high:.4f}", class_="soft")
