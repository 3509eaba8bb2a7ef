"""`shipway load`."""

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from shipway.app.target import check_target
from shipway.cli.capacity import say_probe, show_advice, show_capacity, show_judged, show_ran
from shipway.cli.door import Door, Given
from shipway.cli.failure import DONE, FAILED, HELD, OUTCOMES
from shipway.cli.render import show_facts
from shipway.cli.traffic import (
    Asked,
    Run,
    Shape,
    make_aim,
    make_setting,
    read_numbers,
    read_seconds,
    read_wait,
    shape_pattern,
)
from shipway.core.capacity import Setting, make_objective
from shipway.core.error import ShipwayError
from shipway.core.gate import worst_of
from shipway.kit.file import write_atomic

if TYPE_CHECKING:
    from shipway.app.load.aim import Aim
    from shipway.app.project import Project
    from shipway.core.capacity import Advice, Capacity
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
    pattern = None if asked.log else shape_pattern(shape)
    warm_s = None if warm_up is None else read_seconds(warm_up, "--warm-up", empty=True)
    aim = make_aim(what, asked, make_setting(run))
    ran = run_load(_project(door, aim), aim, pattern, rate=shape.rate, warm_s=warm_s, objective=objective)
    door.answer(ran, show_ran)
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
    objective, aim = make_objective(p95_ms, failed=failed), make_aim(what, asked, make_setting(run))
    found = search_capacity(
        _project(door, aim),
        aim,
        objective,
        start=start,
        most=most,
        probe_s=read_seconds(lasting, "--for"),
        arrivals=arrivals,
        tell=lambda probe: door.note("probe", say_probe(probe)),
    )
    door.answer(found, show_capacity)
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
        Setting(workers=w, threads=t, wait=read_wait(each))
        for w, t, each in product(
            read_numbers(workers, "--workers"), read_numbers(threads, "--threads"), wait.split(",")
        )
    ]
    aim = make_aim(what, Asked(rows=rows), Setting())
    found = find_setting(
        _project(door, aim),
        aim,
        make_objective(p95_ms, failed=failed),
        settings,
        rate=rate,
        spare=spare,
        price=price,
        probe_s=read_seconds(lasting, "--for"),
        tell=lambda said: door.note("measured", said),
    )
    door.answer(found, show_advice)
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
    pattern, aim = shape_pattern(shape), make_aim(what, asked, Setting())
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
    door.answer(judged, show_judged)
    return OUTCOMES[worst_of(verdict.outcome for verdict in judged.verdicts)]


def _check_page(page: Path | None) -> None:
    if page is not None:
        check_target(page)


def _write_page(door: Door, found: "Load | Capacity | Advice", page: Path | None) -> None:
    if page is not None:
        from shipway.app.report.load import write_load_page

        door.note("page", str(write_load_page(found, page)))


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
