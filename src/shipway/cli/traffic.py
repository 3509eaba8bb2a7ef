"""What the commands of a load take: what is sent and to whom, on which servers, and how requests come."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from shipway.cli.door import read_width
from shipway.cli.failure import UsageError
from shipway.core.capacity import Setting
from shipway.core.load import Pattern, make_pattern

if TYPE_CHECKING:
    from shipway.app.load.aim import Aim


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


def make_aim(what: str, asked: Asked, setting: Setting) -> "Aim":
    """Return what is put under load; a usage error for a header or a time that cannot be read."""
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
        timeout_s=read_seconds(asked.timeout, "--timeout"),
    )


def make_setting(run: Run) -> Setting:
    """Return how servers are run; a usage error for a wait that cannot be read."""
    return Setting(workers=run.workers, threads=run.threads, wait=read_wait(run.wait))


def shape_pattern(shape: Shape) -> Pattern:
    """Return the pattern of requests over time; a usage error without a rate."""
    if shape.rate is None:
        raise UsageError("a load has no rate", "say how many requests a second: --rate 100")
    seconds = read_seconds(shape.lasting, "--for")
    return make_pattern(shape.pattern, shape.rate, seconds, peak=shape.peak, arrivals=shape.arrivals, seed=shape.seed)


def read_seconds(text: str, option: str, *, empty: bool = False) -> float:
    """Return a duration in seconds; `0s` is one where `empty` is true."""
    return 0.0 if empty and text == "0s" else read_width(text, option) / 1e6


def read_wait(text: str) -> str:
    """Return how long a request may wait for others, as it was written; a usage error for no duration."""
    text = text.strip()
    if text != "0s":
        read_width(text, "--wait")
    return text


def _read_header(text: str) -> tuple[str, str]:
    name, found, value = text.partition(":")
    if not found:
        raise UsageError(f"--header {text!r} has no colon", "write --header 'authorization: Bearer KEY'")
    return name.strip(), value.strip()


def read_numbers(text: str, option: str) -> list[int]:
    """Return numbers of at least 1 that stand between commas; a usage error for others."""
    try:
        numbers = [int(each) for each in text.split(",")]
    except ValueError as error:
        raise UsageError(f"{option} of {text!r} are no numbers", f"write {option} 1,2,4") from error
    if min(numbers) < 1:
        raise UsageError(f"{option} of {text!r} has one below 1", f"write {option} 1,2,4")
    return numbers
