"""How versions are shown: in a line, whole, side by side, and through time."""

from typing import TYPE_CHECKING, Final

from shipway.app.count import write_plural
from shipway.app.model import ExportedBundle, VersionDetail
from shipway.app.status import VersionLine
from shipway.cli.latency import show_latency
from shipway.cli.render import (
    Cell,
    Console,
    show_facts,
    show_overrides,
    show_table,
    show_text,
    show_title,
    word,
    write_instant,
    write_interval,
)
from shipway.cli.score import show_scores
from shipway.core.bundle import Manifest
from shipway.core.label import say_mean
from shipway.core.latency import LatencyProfile, are_alike, list_sizes
from shipway.core.metric import LED
from shipway.core.standing import write_tag

if TYPE_CHECKING:
    from shipway.app.comparison import Comparison, Composition
    from shipway.app.standing import AliasLine
    from shipway.app.tenure import History

_NONE_YET: Final = "no version yet: shipway run makes one"


def show_exported(console: Console, made: ExportedBundle) -> None:
    """Show a bundle that was written."""
    size = f"{write_plural(len(made.files), 'file')}, {made.size_bytes / 1e6:.1f} MB"
    console.print(f"bundle {made.bundle[:12]} in {made.path}: {size}, verified")


def show_versions(console: Console, lines: list[VersionLine], timezone: str, *, empty: str = _NONE_YET) -> None:
    """Show versions, one a line."""
    if not lines:
        console.print(empty)
    metrics = list(dict.fromkeys(name for line in lines for name in line.metrics if name in LED))
    rows = (
        (
            line.ref,
            write_standing(line),
            write_instant(line.cut, timezone),
            *(write_interval(*line.metrics[name]) if name in line.metrics else "" for name in metrics),
            word(line.outcome or "none"),
            (line.bundle or "none")[:12],
            write_instant(line.registered_at, timezone),
        )
        for line in lines
    )
    show_table(console, ("version", "", "cut", *metrics, "gates", "bundle", "registered"), rows)
    show_overrides(console, (given for line in lines for given in line.overrides))


def show_version(console: Console, detail: VersionDetail, timezone: str) -> None:
    """Show everything known of a version."""
    version, bundle = detail.version, detail.bundle
    facts: dict[str, Cell] = {
        "version": version.ref,
        "cut": write_instant(version.cut, timezone),
        "gates": word(version.outcome or "none"),
        "bundle": version.bundle or "none",
        **list_standing(version, timezone),
    }
    if bundle is not None:
        facts["parity"] = bundle.compared
        facts["inputs"] = write_plural(len(bundle.inputs), "column")
        facts["training"] = _say_training(bundle)
        if bundle.classes:
            facts["classes"] = bundle.told_apart
        facts["files"] = ", ".join(sorted(bundle.files))
    maturity = next((e for e in detail.evidence if e.check == "label_maturity"), None)
    if maturity is not None:
        facts["labels"] = str(maturity.facts["said"])
    show_facts(console, facts)
    show_overrides(console, version.overrides)
    for verdict in detail.verdicts:
        console.print()
        show_title(console, f"gate {verdict.gate}", verdict.outcome)
        show_table(console, (), ((word(f.outcome), f.rule, f.reason) for f in verdict.findings))
    console.print()
    show_table(
        console,
        ("check", "measured", "rows", "clusters"),
        ((e.check, write_interval(e.value, e.low, e.high), f"{e.n:,}", f"{e.clusters:,}") for e in detail.evidence),
    )
    if detail.latency is not None:
        console.print()
        show_latency(console, detail.latency)
    if detail.scores:
        console.print()
        show_scores(console, detail.scores, timezone)


def write_standing(line: VersionLine) -> Cell:
    """Return in a few words what a version is to people: its names, whom it answers for, and whether it is retired."""
    if line.retired is not None:
        return word("retired")
    serving = [f"{name} {_write_share(share)}" for name, share in line.serving.items()]
    return ", ".join([*line.aliases, *serving, *(["approved"] if line.approvals else [])])


def list_standing(line: VersionLine, timezone: str) -> dict[str, Cell]:
    """Return what people said of a version, by what it is called."""
    facts: dict[str, Cell] = {}
    if line.aliases:
        facts["aliases"] = ", ".join(line.aliases)
    if line.serving:
        facts["serving"] = ", ".join(f"{name} {_write_share(share)}" for name, share in line.serving.items())
    for approval in line.approvals:
        said = f"{write_instant(approval.word.at, timezone)}: {approval.word.said}"
        facts[f"approved by {approval.word.by}"] = said
    if line.retired is not None:
        said = f" by {line.retired.by} {write_instant(line.retired.at, timezone)}: {line.retired.said}"
        facts["use"] = word("retired").append(said, style="default")
    if line.tags:
        facts["tags"] = ", ".join(write_tag(name, value) for name, value in line.tags.items())
    for place, note in enumerate(line.notes, start=1):
        facts[f"note {place}"] = f"{note.said} ({note.by}, {write_instant(note.at, timezone)})"
    return facts


def show_standing(console: Console, line: VersionLine, timezone: str) -> None:
    """Show what people said of a version."""
    show_facts(console, {"version": line.ref, "bundle": line.bundle or "none", **list_standing(line, timezone)})


def show_aliases(console: Console, lines: "list[AliasLine]", timezone: str) -> None:
    """Show names and the versions they point at."""
    if not lines:
        console.print("no alias yet: shipway models alias MODEL@NAME MODEL@NUMBER --reason WHY makes one")
    rows = (
        (line.alias, line.ref or word("none"), write_instant(line.since, timezone), line.by, line.reason)
        for line in lines
    )
    show_table(console, ("alias", "version", "since", "by", "reason"), rows)


def show_history(console: Console, found: "History", timezone: str) -> None:
    """Show who served what since when, and what became of versions."""
    if not found.served and not found.events:
        console.print("nothing yet")
    served = (
        (
            each.service,
            f"version {each.number}",
            _write_share(each.weight),
            write_instant(each.since, timezone),
            "now" if each.ended_at is None else write_instant(each.ended_at, timezone),
            each.reason,
        )
        for each in found.served
    )
    show_table(console, ("service", "served", "share", "from", "to", "because"), served)
    if found.served and found.events:
        console.print()
    events = (
        (write_instant(event.at, timezone), event.ref, event.what, event.by, event.said) for event in found.events
    )
    show_table(console, ("at", "version", "what", "by", ""), events)


def show_comparison(console: Console, found: "Comparison", timezone: str) -> None:
    """Show versions side by side, and below in words how each differs from the first."""
    rows: list[tuple[Cell, ...]] = [
        ("cut", *(write_instant(line.cut, timezone) for line in found.versions)),
        ("standing", *(write_standing(line) for line in found.versions)),
    ]
    rows += [
        (name, *("" if value is None else write_interval(*value) for value in values))
        for name, values in found.metrics.items()
    ]
    rows += [(f"gate {name}", *(word(said or "none") for said in given)) for name, given in found.gates.items()]
    parts = [_list_parts(bundle) for bundle in found.bundles]
    names = dict.fromkeys(name for part in parts for name in part)
    rows += [(name, *(part.get(name, "") for part in parts)) for name in names]
    first = next((each for each in found.latencies if each is not None), None)
    rows += [
        (f"latency of {write_plural(size, 'row')}", *(_say_latency(each, first, size) for each in found.latencies))
        for size in list_sizes(found.latencies)
    ]
    show_table(console, ("", *(line.ref for line in found.versions)), rows)
    for difference in found.differences:
        console.print()
        show_title(console, f"{difference.ref} against {difference.against}")
        for said in difference.said:
            show_text(console, f"- {said}")
        show_table(console, (), ((each.change, each.name, each.said) for each in difference.inputs))


def _say_latency(profile: LatencyProfile | None, first: LatencyProfile | None, rows: int) -> Cell:
    """Return what calls of a size took, where that may stand beside the first that were measured."""
    if profile is None:
        return word("none")
    if profile is not first and not are_alike(first, profile):
        return word("not compared")
    found = profile.find(rows)
    return "" if found is None else found.said


def _list_parts(bundle: "Composition | None") -> dict[str, Cell]:
    if bundle is None:
        return {"bundle": word("none")}
    return {
        "bundle": bundle.bundle[:12],
        "library": bundle.format,
        "runtime": bundle.runtime,
        "parity": bundle.parity,
        "inputs": str(bundle.inputs),
        "training rows": "" if bundle.rows is None else f"{bundle.rows:,}",
        "frame": bundle.frame[:12],
        "size": f"{bundle.size_bytes / 1e6:.2f} MB",
    }


def _write_share(share: float) -> str:
    return "shadow" if share == 0 else f"{share * 100:.4g} %"


def _say_training(bundle: Manifest) -> str:
    if "imported" in bundle.training:
        return f"elsewhere, imported as {bundle.training['imported']}"
    rows = write_plural(bundle.training["rows"], "row")
    return f"{rows}, {say_mean(bundle.training)}, by {bundle.format}"
