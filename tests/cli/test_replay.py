"""`shipway replay` says what a replay came to, and of which part of it its times are."""

import io

import msgspec

from shipway.app.replay import Latency, ReplayReport
from shipway.app.replay.clock import Tally
from shipway.cli.render import open_console, print_document
from shipway.cli.replay import show_replay

JULY, AUGUST = 1_372_636_800_000_000, 1_375_315_200_000_000
REPORT = ReplayReport(
    service="delay",
    started_at=JULY,
    ended_at=AUGUST,
    tally=Tally(requests=29_425, statuses={"200": 29_421, "503": 4}, events=95_108, updates=525_605, ticks=32),
    since=JULY,
    seconds=18.1,
    serving_s=13.8,
    deciding_s=1.25,
    requests_per_second=2136.8,
    latency=Latency(requests=29_425, p50_ms=0.749, p99_ms=2.373, p999_ms=5.574, max_ms=9.703),
    peak_mb={"driver": 438.6, "server": 217.4},
    together_mb=573.1,
)


def shown(report: ReplayReport) -> dict[str, str]:
    out = io.StringIO()
    show_replay(open_console(out), report, "UTC")
    return dict(line.split(maxsplit=1) for line in out.getvalue().splitlines())


def test_a_report_is_shown_fact_by_fact() -> None:
    assert shown(REPORT) == {
        "service": "delay",
        "period": "2013-07-01 to 2013-08-01, 32 ticks",
        "requests": "29,425, 4 of them failed",
        "events": "95,108 applied, 525,605 entries of series",
        "restarts": "none",
        "rate": "2,137 requests a second, events applied between them",
        "latency": "p50 0.75 ms, p99 2.37 ms, p99.9 5.57 ms, at most 9.7 ms",
        "seconds": "18.1, 13.8 serving and 1.2 deciding",
        "memory": "driver 439 MB, server 217 MB; together 573 MB at most",
    }


def test_a_resumed_replay_says_of_what_its_times_are() -> None:
    tally = msgspec.structs.replace(REPORT.tally, restarts={"driver": 1, "server": 2})
    facts = shown(msgspec.structs.replace(REPORT, since=AUGUST, tally=tally, latency=None, together_mb=None))
    assert facts["restarts"] == "driver 1, server 2"
    assert facts["times"] == "rate, latency, seconds and memory are from 2013-08-01 on, when it was last resumed"
    assert facts["memory"] == "driver 439 MB, server 217 MB"
    assert "latency" not in facts


def test_a_report_as_a_document_has_its_instants_as_text() -> None:
    out = io.StringIO()
    print_document(REPORT, out)
    document = msgspec.json.decode(out.getvalue())
    assert document["started_at"] == "2013-07-01T00:00:00Z"
    assert document["since"] == "2013-07-01T00:00:00Z"
    assert document["tally"]["requests"] == 29_425


def test_a_project_without_a_replay_is_told_how_to_have_one(shipway, new_shop) -> None:
    said = shipway("--json", "replay", cwd=new_shop)
    assert said.code == 1
    assert said.error["code"] == "SW-102"
    assert not (new_shop / ".shipway").exists()
