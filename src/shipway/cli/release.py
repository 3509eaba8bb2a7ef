"""`shipway release`."""

from typing import Annotated

from cyclopts import App, Parameter

from shipway.app.service import ReleaseLine, ServiceDetail, StepLine, read_services
from shipway.cli.door import Given
from shipway.cli.render import Cell, Console, show_table, show_title, word, write_instant, write_interval

app = App(
    name="release",
    help_epilogue="""\
A release walks in steps, each gated on what was measured of it; shipway control does the walking

Examples:
  shipway release
  shipway release delay
  shipway release start delay@3
  shipway release stop delay --because "the desk reports nonsense\"""",
)


@app.default
def show(service: str | None = None, /, *, door: Given) -> None:
    """Show where services and their releases stand.

    Args:
        service: only this one, with all its releases
        door: how to answer
    """
    project = door.project()
    timezone = project.config.project.timezone
    found = read_services(project, service)
    door.answer(found, lambda console, details: _show(console, details, timezone, whole=service is not None))


@app.command(name="start", help="Let a version begin its walk")
def start(ref: str, /, *, door: Given) -> None:
    """Let a version begin its walk.

    Args:
        ref: the service with the version, such as delay@3; a service alone is its newest version not yet tried
        door: how to answer
    """
    from shipway.app.control.command import ask_release

    _answer(door, ask_release(door.project(), ref))


@app.command(name="stop", help="Take back the version that walks")
def stop(service: str, /, *, because: Annotated[str, Parameter(required=True)], door: Given) -> None:
    """Take back the version that walks.

    Args:
        service: whose release
        because: why, which is remembered with who said so
        door: how to answer
    """
    from shipway.app.control.command import ask_stop

    _answer(door, ask_stop(door.project(), service, because))


def _answer(door: Given, detail: ServiceDetail) -> None:
    timezone = door.project().config.project.timezone
    door.answer(detail, lambda console, found: _show(console, [found], timezone, whole=False))
    if detail.holder is None:
        door.note("release", "no controller runs, so nothing is routed yet: shipway control")


def _show(console: Console, details: list[ServiceDetail], timezone: str, *, whole: bool) -> None:
    if not details:
        console.print("no service yet: add a [services.NAME] section to shipway.toml")
    for place, detail in enumerate(details):
        if place:
            console.print()
        line = detail.line
        said = "not open yet: shipway control opens it"
        if line.version is not None:
            said = f"{line.model}@{line.version} since {write_instant(line.since, timezone)}"
        show_title(console, line.service, said)
        for release in detail.releases if whole else detail.releases[-1:]:
            console.print()
            _show_release(console, release, timezone)


def _show_release(console: Console, release: ReleaseLine, timezone: str) -> None:
    ended = f" {write_instant(release.ended_at, timezone)}: {release.reason}" if release.ended_at is not None else ""
    versions = f"version {release.candidate.version} against {release.stable.version}"
    show_title(console, f"release {release.release}", f"{versions}, {release.outcome}{ended}")
    columns = ("step", "since", "verdict", "reason", "evidence")
    show_table(console, columns, (_row(step, timezone) for step in release.steps))


def _row(step: StepLine, timezone: str) -> tuple[Cell, ...]:
    measured = [e for e in step.evidence if e.n]
    evidence = "; ".join(f"{e.check} {write_interval(e.value, e.low, e.high)}, n {e.n:,}" for e in measured)
    by = "" if step.by in ("", "gate") else f" ({step.by})"
    verdict = word(step.outcome).append(by, style="default") if step.outcome else ""
    return step.step, write_instant(step.since, timezone), verdict, step.reason, evidence
