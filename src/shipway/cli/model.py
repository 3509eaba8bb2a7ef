"""`shipway models`."""

from pathlib import Path

from cyclopts import App

from shipway.app.count import write_plural
from shipway.app.model import ExportedBundle, VersionDetail, export_bundle, list_models, show_model
from shipway.app.status import VersionLine
from shipway.cli.door import Given
from shipway.cli.render import (
    Console,
    show_facts,
    show_overrides,
    show_table,
    show_title,
    word,
    write_instant,
    write_interval,
)
from shipway.cli.score import show_scores

app = App(
    name="models",
    help_epilogue="""\
Examples:
  shipway models
  shipway models show delay@2
  shipway models export delay@2 bundle""",
)


@app.default
@app.command(name="list", help="Show every version of every model")
def show_versions(*, door: Given) -> None:
    """Show every version of every model."""
    project = door.project()
    timezone = project.config.project.timezone
    door.answer(list_models(project), lambda console, lines: _show_lines(console, lines, timezone))


@app.command(name="show", help="Show everything known of a version")
def show_version(ref: str, /, *, door: Given) -> None:
    """Show everything known of a version.

    Args:
        ref: the version, such as delay@2; a model's name alone is its newest
        door: how to answer
    """
    project = door.project()
    timezone = project.config.project.timezone
    door.answer(show_model(project, ref), lambda console, detail: _show(console, detail, timezone))


@app.command(name="export", help="Write a version's bundle into a folder, and read it back")
def export(ref: str, folder: Path, /, *, door: Given) -> None:
    """Write a version's bundle into a folder, and read it back.

    Args:
        ref: the version, such as delay@2; a model's name alone is its newest
        folder: where to; it must be empty or absent
        door: how to answer
    """
    door.answer(export_bundle(door.project(), ref, folder), _show_exported)


def _show_exported(console: Console, made: ExportedBundle) -> None:
    size = f"{write_plural(len(made.files), 'file')}, {made.size_bytes / 1e6:.1f} MB"
    console.print(f"bundle {made.bundle[:12]} in {made.path}: {size}, verified")


def _show_lines(console: Console, lines: list[VersionLine], timezone: str) -> None:
    if not lines:
        console.print("no version yet: shipway run makes one")
    metrics = list(dict.fromkeys(name for line in lines for name in line.metrics if name in ("auc", "log_loss")))
    rows = (
        (
            line.ref,
            write_instant(line.cut, timezone),
            *(write_interval(*line.metrics[name]) if name in line.metrics else "" for name in metrics),
            word(line.outcome or "none"),
            (line.bundle or "none")[:12],
            write_instant(line.registered_at, timezone),
        )
        for line in lines
    )
    show_table(console, ("version", "cut", *metrics, "gates", "bundle", "registered"), rows)
    show_overrides(console, (given for line in lines for given in line.overrides))


def _show(console: Console, detail: VersionDetail, timezone: str) -> None:
    version, bundle = detail.version, detail.bundle
    facts = {
        "version": version.ref,
        "cut": write_instant(version.cut, timezone),
        "gates": word(version.outcome or "none"),
        "bundle": version.bundle or "none",
    }
    if bundle is not None:
        facts["parity"] = bundle.compared
        facts["inputs"] = write_plural(len(bundle.inputs), "column")
        rows = write_plural(bundle.training["rows"], "row")
        facts["training"] = f"{rows}, {bundle.training['rate']:.1%} true, by {bundle.format}"
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
    if detail.scores:
        console.print()
        show_scores(console, detail.scores, timezone)
