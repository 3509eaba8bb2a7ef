"""`shipway replay`."""

from cyclopts import App

from shipway.app.count import write_plural
from shipway.app.replay import ReplayReport, run_replay
from shipway.cli.door import Given
from shipway.cli.render import Cell, Console, show_facts, watch_run, write_instant

app = App(
    name="replay",
    help_epilogue="""\
Every row of the period that [replay] in shipway.toml names is sent to a server as a request at its instant; every event
is applied when it became known; releases, live gates and retrains follow by themselves, day by day

One that was stopped, or killed, continues from its last day. The ledger forgets nothing, so a replay takes place once:
for another, copy the project without .shipway

Examples:
  shipway replay
  shipway replay --json > replay.json""",
)


@app.default
def replay(*, door: Given) -> None:
    """Let a service live through recorded history.

    Args:
        door: which project, and how to answer
    """
    project = door.project()
    with watch_run(json=door.json) as watch:
        report = run_replay(project, watch=watch)
    timezone = project.config.project.timezone
    door.answer(report, lambda console, found: show_replay(console, found, timezone))


def show_replay(console: Console, report: ReplayReport, timezone: str) -> None:
    """Show what a replay came to."""
    start, end = (write_instant(instant, timezone) for instant in (report.started_at, report.ended_at))
    tally, latency = report.tally, report.latency
    failed = sum(count for status, count in tally.statuses.items() if status != "200")
    restarts = ", ".join(f"{name} {count}" for name, count in tally.restarts.items())
    facts: dict[str, Cell] = {
        "service": report.service,
        "period": f"{start} to {end}, {write_plural(tally.ticks, 'tick')}",
        "requests": f"{tally.requests:,}, {failed:,} of them failed",
        "events": f"{tally.events:,} applied, {tally.updates:,} entries of series",
        "restarts": restarts or "none",
        "rate": f"{report.requests_per_second:,.0f} requests a second, events applied between them",
    }
    if latency is not None:
        facts["latency"] = (
            f"p50 {latency.p50_ms:.2f} ms, p99 {latency.p99_ms:.2f} ms, p99.9 {latency.p999_ms:.2f} ms, "
            f"at most {latency.max_ms:.1f} ms"
        )
    facts["seconds"] = f"{report.seconds:.1f}, {report.serving_s:.1f} serving and {report.deciding_s:.1f} deciding"
    peaks = ", ".join(f"{name} {peak:,.0f} MB" for name, peak in report.peak_mb.items())
    facts["memory"] = peaks if report.together_mb is None else f"{peaks}; together {report.together_mb:,.0f} MB at most"
    if report.resumed:
        since = write_instant(report.since, timezone)
        facts["times"] = f"rate, latency, seconds and memory are from {since} on, when it was last resumed"
    show_facts(console, facts)
