"""`shipway status`."""

from collections.abc import Sequence

from cyclopts import App

from shipway.app.count import write_plural
from shipway.app.service import ServiceLine
from shipway.app.status import Status, TaskLine, VersionLine, read_status
from shipway.cli.door import Given
from shipway.cli.render import (
    Cell,
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
from shipway.cli.stream import show_streams
from shipway.core.gate import Verdict
from shipway.core.metric import SKILLS

app = App(
    name="status",
    help_epilogue="""\
Reads only, also while a run is going on

Examples:
  shipway status
  shipway --project shop status
  shipway status --json | jq '.models'""",
)


@app.default
def status(*, door: Given) -> None:
    """Show where the project stands."""
    project = door.project()
    timezone = project.config.project.timezone
    door.answer(read_status(project), lambda console, found: _show(console, found, timezone))


def _show(console: Console, found: Status, timezone: str) -> None:
    rows = ", ".join(f"{name} {count:,}" for name, count in found.rows.items())
    facts = {
        "project": found.project,
        "owner": found.owner or "nobody yet",
        "folder": found.root,
        "running": "no" if found.holder is None else f"process {found.holder}",
        "ledger": _ledger(found),
        "data": f"{found.commit[:12]}: {rows}" if found.commit else "none admitted yet",
    }
    show_facts(console, facts)
    for verdict in found.data:
        _show_verdict(console, verdict)
    for refusal in found.refusals:
        show_facts(console, {"training": word("refused").append(f"  {refusal.fact}", style="default")})
    if found.waiting is not None:
        show_facts(console, {"waiting": f"data {found.waiting[:12]} was checked and is not admitted"})
        for verdict in found.held:
            _show_verdict(console, verdict)
    show_overrides(console, found.overrides)
    for name, versions in found.models.items():
        console.print()
        show_title(console, name, "" if versions else "no version yet: shipway run makes one")
        skills = [name for name in SKILLS if any(name in line.metrics for line in versions)] or ["auc"]
        heads = ("version", "cut", *skills, "gates", "bundle")
        show_table(console, heads, (_row(line, skills, timezone) for line in versions))
        show_overrides(console, (given for line in versions for given in line.overrides))
    if found.services:
        console.print()
        columns = ("service", "version", "since", "walks", "step", "share")
        show_table(console, columns, (_service(line, timezone) for line in found.services))
    if found.scores:
        console.print()
        show_scores(console, found.scores, timezone)
    if found.streams:
        console.print()
        show_streams(console, found.streams, timezone)
    if found.tasks:
        console.print()
        show_title(console, "not finished")
        show_table(console, ("task", "state", "since", "error"), (_task(task, timezone) for task in found.tasks))


def _ledger(found: Status) -> Cell:
    if found.lost:
        return word("bad").append(f"  {found.lost}; restore .shipway from a backup", style="default")
    return write_plural(found.entries, "entry", "entries") if found.entries else "empty: shipway run makes everything"


def _show_verdict(console: Console, verdict: Verdict) -> None:
    show_facts(console, {f"gate {verdict.gate}": word(verdict.outcome).append(f"  {verdict.reason}", style="default")})


def _row(line: VersionLine, skills: Sequence[str], timezone: str) -> tuple[Cell, ...]:
    return (
        line.ref,
        write_instant(line.cut, timezone),
        *(write_interval(*line.metrics[name]) if name in line.metrics else "" for name in skills),
        word(line.outcome or "none"),
        (line.bundle or "none")[:12],
    )


def _service(line: ServiceLine, timezone: str) -> tuple[Cell, ...]:
    version = "none yet" if line.version is None else f"{line.model}@{line.version}"
    walks = "" if line.candidate is None else f"{line.model}@{line.candidate}"
    share = "" if line.candidate is None else f"{line.weight:.4g}"
    return line.service, version, write_instant(line.since, timezone), walks, line.step, share


def _task(task: TaskLine, timezone: str) -> tuple[Cell, ...]:
    return task.task, word(task.state), write_instant(task.since, timezone), task.error
