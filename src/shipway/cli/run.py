"""`shipway run`."""

from pathlib import Path

from cyclopts import App

from shipway.app.candidate import VersionReport
from shipway.app.report import write_report
from shipway.app.run import RunReport, run_project
from shipway.app.target import check_target
from shipway.cli.door import Flag, Given
from shipway.cli.failure import OUTCOMES
from shipway.cli.render import (
    Cell,
    Console,
    show_overrides,
    show_table,
    show_title,
    show_way_out,
    watch_run,
    word,
    write_interval,
)
from shipway.core.metric import LED
from shipway.ports.adapter import load_adapter

app = App(
    name="run",
    help_epilogue="""\
What has not changed since the last run is not made again. A run that was killed continues where it stopped

The exit code is 3 if a gate failed for the data or for the newest version of a model, 4 if one holds

Examples:
  shipway run
  shipway run --model delay --report report.html
  shipway run --json > run.json""",
)


@app.default
def run(
    *,
    model: str | None = None,
    force: Flag = False,
    no_leaks: Flag = False,
    report: Path | None = None,
    door: Given,
) -> int:
    """Make everything: data, checks, features, models, evaluation, bundles.

    Args:
        model: only this model
        force: make everything again, also what has not changed
        no_leaks: leave declared leaks alone
        report: write an HTML report to this file
        door: how to answer
    """
    project = door.project()
    if report is not None:
        check_target(report)
        load_adapter("charts.altair")  # says now, and not after the run, that it is not installed
    with watch_run(json=door.json) as watch:
        made = run_project(project, model=model, force=force, leaks=not no_leaks, watch=watch)
    if report is not None:
        write_report(project, made, report)
    door.answer(made, lambda console, found: show_run(console, found, report))
    return OUTCOMES[made.outcome]


def show_run(console: Console, made: RunReport, report: Path | None) -> None:
    """Show what a run came to."""
    versions = [version for version in made.versions if version.evidence]
    metrics = [name for name in (*LED, "decision_value") if any(name in v.evidence for v in versions)]
    heads = ("version", *metrics, "labels come", "gates", "bundle")
    show_table(console, heads, (_row(version, metrics) for version in versions))
    leaks = [
        (p.leak, *(write_interval(*side.skill) if side else "not built" for side in (p.claimed, p.served)))
        for p in made.leaks
    ]
    if leaks:
        console.print()
    show_table(console, ("leak refused", "skill claimed", "skill served"), leaks)
    if made.versions or made.leaks:
        console.print()
    for verdict in (*made.data, *(verdict for version in made.versions for verdict in version.verdicts)):
        if verdict.outcome != "pass":
            show_title(console, f"gate {verdict.gate} {verdict.outcome}", verdict.subject)
            rows = ((word(f.outcome), f.rule, f.reason) for f in verdict.findings if f.outcome != "pass")
            show_table(console, (), rows)
    show_overrides(console, made.overrides)
    show_way_out(console, made.data, made.overrides)
    if report is not None:
        console.print(f"report  {report}")
    said = f": {made.made} made, {made.unchanged} unchanged, {made.seconds:.1f} s, {made.peak_mb:,.0f} MB at most"
    console.print(word(made.outcome).append(said, style="default"))


def _row(version: VersionReport, metrics: list[str]) -> tuple[Cell, ...]:
    measured = [version.evidence.get(name) for name in (*metrics, "label_maturity")]
    outcomes = [verdict.outcome for verdict in version.verdicts]
    worst = next((outcome for outcome in ("fail", "hold", "pass") if outcome in outcomes), "none")
    return (
        f"{version.model}@{version.number}",
        *("" if e is None else write_interval(e.value, e.low, e.high) for e in measured),
        word(worst),
        (version.bundle or "none")[:12],
    )
