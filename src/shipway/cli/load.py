"""`shipway load`."""

import math
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from shipway.app.target import check_target
from shipway.cli.door import Door, Given, read_width
from shipway.cli.failure import DONE, FAILED, HELD, OUTCOMES, UsageError
from shipway.cli.render import Cell, Console, show_facts, show_table, show_text, show_title, word
from shipway.core.capacity import Setting, make_objective
from shipway.core.error import ShipwayError
from shipway.core.gate import worst_of
from shipway.core.load import Pattern, make_pattern
from shipway.kit.file import write_atomic

if TYPE_CHECKING:
    from shipway.app.load import Judged, Ran
    from shipway.app.load.aim import Aim
    from shipway.app.project import Project
    from shipway.core.capacity import Advice, Capacity, Probe
    from shipway.core.load import Load

app = App(
    name="load",
    help_epilogue="""\
What is put under load is an address, or a bundle: a version such as delay@2, or the folder that one was exported to,
for which a server is started on this machine. Latency counts from when each request was due. What is measured of a
version is remembered in the ledger

The exit code is 3 where an objective does not hold, and 4 where it cannot be told, or the generator fell behind

Examples:
  shipway load delay@2 --rate 500 --for 30s --p95-ms 20
  shipway load http://127.0.0.1:8080/score --bodies asked.jsonl --pattern ramp --rate 50 --peak 500 --page load.html
  shipway load delay@2 --log delay
  shipway load search delay@2 --p95-ms 20
  shipway load recommend delay@2 --rate 2000 --p95-ms 20 --workers 1,2 --threads 1,2 --wait 0s,2ms --price 0.04
  shipway load export delay@2 load.js --as k6 --rate 500
  shipway load gate delay@2""",
)


@Parameter(name="*")
@dataclass(frozen=True)
class Asked:
    """What is sent, and to whom.

    Attributes:
        of: for an address, the version or the folder whose golden rows are sent
        log: the service whose logged requests are sent again
        rows: golden rows of a request
        method: of a request; POST where something is sent, else GET
        header: a further header as 'name: value'; may be given more than once
        body: a file with the body of every request
        bodies: a file with a body a line, sent in turn
        in_process: ask the model in this process, without a server
        connections: how many requests may be open at a time
        timeout: after what time a request is given up
    """

    of: Annotated[str, Parameter(show_default=False)] = ""
    log: Annotated[str, Parameter(show_default=False)] = ""
    rows: int = 1
    method: Annotated[str, Parameter(show_default=False)] = ""
    header: Annotated[tuple[str, ...], Parameter(show_default=False)] = ()
    body: Path | None = None
    bodies: Path | None = None
    in_process: Annotated[bool, Parameter(show_default=False)] = False
    connections: int = 256
    timeout: str = "30s"


@Parameter(name="*")
@dataclass(frozen=True)
class Run:
    """How servers are run that are started for a load.

    Attributes:
        workers: servers that are started, or threads in this process
        threads: of one prediction
        wait: how long a request may wait for others to be predicted with it
    """

    workers: int = 1
    threads: int = 1
    wait: str = "0s"


@Parameter(name="*")
@dataclass(frozen=True)
class Shape:
    """Requests over time.

    Attributes:
        rate: requests a second
        lasting: how long
        pattern: steady, ramp, spike, steps or soak
        peak: the rate that a pattern goes to; ten times the rate without it
        arrivals: poisson or constant
        seed: another one gives other instants
    """

    rate: float | None = None
    lasting: Annotated[str, Parameter(name="--for")] = "10s"
    pattern: str = "steady"
    peak: float | None = None
    arrivals: str = "poisson"
    seed: int = 1


@app.default
def load(
    what: str,
    /,
    *,
    shape: Shape = Shape(),
    asked: Asked = Asked(),
    run: Run = Run(),
    warm_up: str | None = None,
    p95_ms: float | None = None,
    failed: float = 0.01,
    page: Path | None = None,
    door: Given,
) -> int:
    """Put a load on an address or a bundle, and tell what it came to.

    Args:
        what: an address, a version such as delay@2, or the folder of an exported bundle
        shape: requests over time
        asked: what is sent
        run: how servers are run
        warm_up: how much of the begin does not count; a tenth without it, at most 5s
        p95_ms: in what time 95 % of the requests have to be answered
        failed: which share of the requests may fail then
        page: write all of it as an HTML page to this file
        door: how to answer
    """
    from shipway.app.load import run_load

    _check_page(page)
    objective = None if p95_ms is None else make_objective(p95_ms, failed=failed)
    pattern = None if asked.log else _make_pattern(shape)
    warm_s = None if warm_up is None else _read_seconds(warm_up, "--warm-up", empty=True)
    aim = _aim(what, asked, _setting(run))
    ran = run_load(_project(door, aim), aim, pattern, rate=shape.rate, warm_s=warm_s, objective=objective)
    door.answer(ran, _show_ran)
    _write_page(door, ran.load, page)
    return OUTCOMES[ran.judged.outcome] if ran.judged else HELD if ran.load.doubt else DONE


@app.command(name="search", help="Find the largest rate at which an objective holds")
def search(
    what: str,
    /,
    *,
    p95_ms: float,
    failed: float = 0.01,
    start: float = 100.0,
    most: float = 50_000.0,
    lasting: Annotated[str, Parameter(name="--for")] = "5s",
    arrivals: str = "poisson",
    asked: Asked = Asked(),
    run: Run = Run(),
    page: Path | None = None,
    door: Given,
) -> int:
    """Find the largest rate at which an objective holds.

    Args:
        what: an address, a version such as delay@2, or the folder of an exported bundle
        p95_ms: in what time 95 % of the requests have to be answered
        failed: which share of the requests may fail
        start: the rate that is tried first, requests a second
        most: the largest rate that is tried
        lasting: how long each rate is tried at least
        arrivals: poisson or constant
        asked: what is sent
        run: how servers are run
        page: write all of it as an HTML page to this file
        door: how to answer
    """
    from shipway.app.load import search_capacity

    _check_page(page)
    objective, aim = make_objective(p95_ms, failed=failed), _aim(what, asked, _setting(run))
    found = search_capacity(
        _project(door, aim),
        aim,
        objective,
        start=start,
        most=most,
        probe_s=_read_seconds(lasting, "--for"),
        arrivals=arrivals,
        tell=lambda probe: door.note("probe", _say_probe(probe)),
    )
    door.answer(found, _show_capacity)
    _write_page(door, found, page)
    return DONE if found.rate else HELD if found.short else FAILED


@app.command(name="recommend", help="Find the setting of servers that holds an objective at the least cost")
def recommend(
    what: str,
    /,
    *,
    rate: float,
    p95_ms: float,
    failed: float = 0.01,
    workers: str = "1",
    threads: str = "1",
    wait: str = "0s,2ms",
    spare: float = 0.2,
    price: float = 1.0,
    rows: int = 1,
    lasting: Annotated[str, Parameter(name="--for")] = "5s",
    page: Path | None = None,
    door: Given,
) -> int:
    """Find the setting of servers that holds an objective at the least cost; every combination is measured.

    Args:
        what: a version such as delay@2, or the folder of an exported bundle
        rate: requests a second that have to be answered
        p95_ms: in what time 95 % of them
        failed: which share of them may fail
        workers: numbers of processes, separated by commas
        threads: numbers of threads of one prediction (serving.threads)
        wait: how long requests may wait to be predicted together (services.NAME.wait)
        spare: which share of what servers can take is left free
        price: of a core an hour
        rows: golden rows of a request
        lasting: how long each rate is tried at least
        page: write all of it as an HTML page to this file
        door: how to answer
    """
    from shipway.app.load import recommend as find_setting

    _check_page(page)
    settings = [
        Setting(workers=w, threads=t, wait=_read_wait(each))
        for w, t, each in product(_numbers(workers, "--workers"), _numbers(threads, "--threads"), wait.split(","))
    ]
    aim = _aim(what, Asked(rows=rows), Setting())
    found = find_setting(
        _project(door, aim),
        aim,
        make_objective(p95_ms, failed=failed),
        settings,
        rate=rate,
        spare=spare,
        price=price,
        probe_s=_read_seconds(lasting, "--for"),
        tell=lambda said: door.note("measured", said),
    )
    door.answer(found, _show_advice)
    _write_page(door, found, page)
    if found.trials[0].copies:
        return DONE
    return HELD if any(each.short for each in found.trials) else FAILED


@app.command(name="export", help="Write a load as a script of k6 or Locust")
def export(
    what: str,
    file: Path,
    /,
    *,
    form: Annotated[str, Parameter(name="--as")] = "k6",
    shape: Shape = Shape(),
    asked: Asked = Asked(),
    p95_ms: float | None = None,
    failed: float = 0.01,
    door: Given,
) -> None:
    """Write a load as a script of k6 or Locust, which puts it on the same address.

    Args:
        what: an address, a version such as delay@2, or the folder of an exported bundle
        file: where to
        form: k6 or locust
        shape: requests over time
        asked: what is sent
        p95_ms: in what time 95 % of the requests have to be answered; the tool judges it
        failed: which share of the requests may fail then
        door: how to answer
    """
    from shipway.app.load.aim import open_question
    from shipway.app.load.script import check_script, write_script

    chosen = check_script(form)
    check_target(file)
    objective = None if p95_ms is None else make_objective(p95_ms, failed=failed)
    pattern, aim = _make_pattern(shape), _aim(what, asked, Setting())
    with open_question(_project(door, aim), aim) as question:
        write_atomic(file, write_script(chosen, question, pattern, objective).encode())
    door.answer({"path": str(file), "form": chosen}, lambda console, said: show_facts(console, said))


@app.command(name="gate", help="Put a version under the loads of the gates before traffic, and ask them")
def gate(ref: str, /, *, door: Given) -> int:
    """Put a version under the loads of the gates before traffic, let them decide, and remember it.

    Args:
        ref: the version, such as delay@2; a model's name alone is its newest
        door: how to answer
    """
    from shipway.app.load import ask_gates

    judged = ask_gates(door.project(), ref, tell=lambda said: door.note("load", said))
    door.answer(judged, _show_judged)
    return OUTCOMES[worst_of(verdict.outcome for verdict in judged.verdicts)]


def _aim(what: str, asked: Asked, setting: Setting) -> "Aim":
    from shipway.app.load.aim import Aim

    return Aim(
        what=what,
        of=asked.of,
        log=asked.log,
        rows=asked.rows,
        method=asked.method.upper(),
        headers=tuple(_read_header(each) for each in asked.header),
        body=asked.body,
        bodies=asked.bodies,
        process=asked.in_process,
        setting=setting,
        connections=asked.connections,
        timeout_s=_read_seconds(asked.timeout, "--timeout"),
    )


def _setting(run: Run) -> Setting:
    return Setting(workers=run.workers, threads=run.threads, wait=_read_wait(run.wait))


def _project(door: Door, aim: "Aim") -> "Project | None":
    """Return the project, None where there is none: whether one is needed is for the target to say."""
    if aim.is_address and not (aim.of or aim.log):
        return None
    try:
        return door.project()
    except ShipwayError as error:
        if error.code != "SW-101" or door.folder is not None:
            raise
        return None


def _make_pattern(shape: Shape) -> Pattern:
    if shape.rate is None:
        raise UsageError("a load has no rate", "say how many requests a second: --rate 100")
    seconds = _read_seconds(shape.lasting, "--for")
    return make_pattern(shape.pattern, shape.rate, seconds, peak=shape.peak, arrivals=shape.arrivals, seed=shape.seed)


def _read_seconds(text: str, option: str, *, empty: bool = False) -> float:
    return 0.0 if empty and text == "0s" else read_width(text, option) / 1e6


def _read_wait(text: str) -> str:
    text = text.strip()
    if text != "0s":
        read_width(text, "--wait")
    return text


def _read_header(text: str) -> tuple[str, str]:
    name, found, value = text.partition(":")
    if not found:
        raise UsageError(f"--header {text!r} has no colon", "write --header 'authorization: Bearer KEY'")
    return name.strip(), value.strip()


def _numbers(text: str, option: str) -> list[int]:
    try:
        numbers = [int(each) for each in text.split(",")]
    except ValueError as error:
        raise UsageError(f"{option} of {text!r} are no numbers", f"write {option} 1,2,4") from error
    if min(numbers) < 1:
        raise UsageError(f"{option} of {text!r} has one below 1", f"write {option} 1,2,4")
    return numbers


def _check_page(page: Path | None) -> None:
    if page is not None:
        check_target(page)


def _write_page(door: Door, found: "Load | Capacity | Advice", page: Path | None) -> None:
    if page is not None:
        from shipway.app.report.load import write_load_page

        door.note("page", str(write_load_page(found, page)))


def _show_ran(console: Console, ran: "Ran") -> None:
    _show_load(console, ran.load)
    if ran.judged is not None:
        console.print()
        console.print(word(ran.judged.outcome).append(f"  {ran.judged.reason}", style="default"))


def _show_load(console: Console, load: "Load") -> None:
    show_title(console, load.target, load.pattern.said)
    if load.doubt:
        console.print(word("hold").append(f"  not to be trusted: {load.doubt}", style="default"))
    timing = load.timing
    facts: dict[str, Cell] = {
        "requests": f"{load.requests:,} in {load.seconds:.4g} s, after {load.warm_s:.3g} s of warm-up",
        "rate": f"{load.intended:,.5g} a second due, {load.achieved:,.5g} sent, {load.answered:,.5g} answered well",
        "failed": f"{load.failed:,}, {load.failed_share:.3%} (at most {load.failed_high:.3%})" if load.requests else "",
        "timing error": f"p50 {timing.p50_ms:.3g} ms, p99 {timing.p99_ms:.3g} ms, worst {timing.worst_ms:.3g} ms",
        "measured on": load.machine.said,
    }
    if load.waited:
        facts["waited"] = f"{load.waited:,} for one of {load.connections:,} connections"
    show_facts(console, facts)
    console.print()
    rows = (
        (f"p{each.share * 100:g}", f"{each.ms:.4g}", _span(each.low_ms, each.high_ms), f"{each.sent_ms:.4g}")
        for each in load.quantiles
    )
    show_table(console, ("", "ms from due", "interval", "ms from sent"), rows)
    if load.errors:
        console.print()
        show_table(console, ("failed", "requests"), ((kind, f"{count:,}") for kind, count in load.errors.items()))


def _show_capacity(console: Console, found: "Capacity") -> None:
    show_title(console, found.target, found.objective.said)
    limit = "not found" if found.limit is None else f"about {found.limit:,.5g} requests/s"
    nowhere = "not shown of any rate" if found.short else "at no rate that was tried"
    facts: dict[str, Cell] = {
        "holds": f"{found.rate:,.5g} requests/s" if found.rate else nowhere,
        "limit": limit,
        "because": found.reason,
        "measured on": found.machine.said,
    }
    show_facts(console, facts)
    console.print()
    rows = (
        (
            word(each.outcome),
            f"{each.rate:,.5g}",
            f"{each.requests:,}",
            "" if math.isnan(each.quantile_ms) else f"{each.quantile_ms:.3g}",
            f"{each.slow:.2%}",
            f"{each.slow_low:.2%} to {each.slow_high:.2%}",
            f"{each.failed:.2%}",
        )
        for each in found.probes
    )
    percentile = f"p{found.objective.share * 100:g}, ms"
    show_table(console, ("", "requests/s", "requests", percentile, "late", "interval", "failed"), rows)


def _show_advice(console: Console, advice: "Advice") -> None:
    show_title(console, advice.target, f"{advice.rate:,.5g} requests/s, {advice.objective.said}")
    rows = (each.cells for each in advice.trials)
    show_table(console, ("setting", "holds, requests/s", "together", "copies", "cores", "cost an hour"), rows)
    console.print()
    show_text(console, advice.said)


def _show_judged(console: Console, judged: "Judged") -> None:
    for verdict in judged.verdicts:
        show_title(console, f"gate {verdict.gate}", judged.version)
        show_table(console, ("", "rule", ""), ((word(f.outcome), f.rule, f.reason) for f in verdict.findings))


def _say_probe(probe: "Probe") -> str:
    return f"{probe.outcome} at {probe.rate:,.5g} requests/s: {probe.reason}"


def _span(low: float, high: float | None) -> str:
    return f"{low:.4g} or more" if high is None else f"{low:.4g} to {high:.4g}"
