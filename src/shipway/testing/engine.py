"""The conformance suite of the port Engine."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import polars as pl

from shipway.core.error import ShipwayError
from shipway.ports.engine import RETRIES, Engine
from shipway.testing.refusal import expect_refusal

Make = Callable[[], Engine]
"""Makes an engine of at least two workers."""

Case = Callable[[Make, Path], None]


def check_results_come_in_order(make: Make, folder: Path) -> None:
    """What is done first does not come first."""
    del folder
    engine = make()
    frame = pl.DataFrame({"n": [1, 2, 3, None]})
    assert list(engine.run(_pick, frame, [3, 0, 2, 1])) == [None, 1, 3, 2]
    assert list(engine.run(_pick, frame, [])) == []
    engine.close()


def check_what_a_task_raises_comes_out(make: Make, folder: Path) -> None:
    """A refusal is the same there and here, of several the first; what came before it is there."""
    del folder
    engine = make()
    found = engine.run(_refuse, "no", [1, 0, -1])
    assert next(found) == 1
    with expect_refusal("SW-203") as refused:
        next(found)
    assert refused[0].fact == "task 0 says no"
    try:
        list(engine.run(_refuse, "no", [7]))
    except ZeroDivisionError:
        pass
    else:
        raise AssertionError("an error of a task is lost")
    engine.close()


def check_work_is_done_elsewhere(make: Make, folder: Path) -> None:
    """A task runs in another process, so that what it does to itself is not done to this one."""
    del folder
    engine = make()
    assert os.getpid() not in set(engine.run(_tell, None, [0, 1]))
    engine.close()


def check_a_task_outlives_its_process(make: Make, folder: Path) -> None:
    """A process that dies is replaced, and its task done again, unless each one dies of it."""
    engine = make()
    assert list(engine.run(_die_once, str(folder), [0, 1, 2])) == [0, 1, 2]
    with expect_refusal("SW-806") as refused:
        list(engine.run(_die, None, [0]))
    assert f"{RETRIES + 1} times" in refused[0].fact
    assert list(engine.run(_pick, pl.DataFrame({"n": [5]}), [0])) == [5]
    engine.close()


def _pick(shared: pl.DataFrame, task: int) -> int | None:
    time.sleep(0.02 * task)
    return shared["n"][task]


def _refuse(shared: str, task: int) -> int:
    if task == 7:
        raise ZeroDivisionError
    if task < 1:
        raise ShipwayError("SW-203", f"task {task} says {shared}", "ask another")
    return task


def _tell(shared: None, task: int) -> int:
    del shared, task
    return os.getpid()


def _die_once(shared: str, task: int) -> int:
    died = Path(shared) / f"died-{task}"
    if task == 1 and not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def _die(shared: None, task: int) -> None:
    del shared, task
    os.kill(os.getpid(), signal.SIGKILL)


CASES: Final[tuple[Case, ...]] = (
    check_results_come_in_order,
    check_what_a_task_raises_comes_out,
    check_work_is_done_elsewhere,
    check_a_task_outlives_its_process,
)
"""Every case of the suite."""
