"""Processes of this machine as an engine."""

import pickle
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from shipway.core.error import ShipwayError
from shipway.ports.engine import RETRIES

Task = TypeVar("Task")
Result = TypeVar("Result")

_shared: Any = None


class LocalEngine:
    """So many processes of this machine; it answers the port `Engine`."""

    def __init__(self, workers: int, address: str = "") -> None:
        """Start nothing yet.

        Args:
            workers: how many tasks are done at once.
            address: of no use here.
        """
        del address
        self._workers = workers

    def run(self, work: Callable[[Any, Task], Result], shared: Any, tasks: Sequence[Task]) -> Iterator[Result]:
        """Do all tasks, and yield what each came to in their order; the processes end with the last."""
        results: dict[int, Result] = {}
        deaths = 0
        with tempfile.TemporaryDirectory() as folder:
            # What is shared is written once and read by each process once.
            path = Path(folder) / "shared"
            path.write_bytes(pickle.dumps(shared, protocol=pickle.HIGHEST_PROTOCOL))
            while len(results) < len(tasks):
                before = len(results)
                try:
                    for place, result in self._try(work, path, tasks, done=results):
                        results[place] = result
                        yield result
                except BrokenProcessPool:
                    deaths = deaths + 1 if len(results) == before else 0
                    if deaths > RETRIES:
                        raise ShipwayError(
                            "SW-806",
                            f"a process that worked on task {len(results) + 1} of {len(tasks)} died, "
                            f"{deaths} times in a row",
                            "give it more memory, or fewer workers",
                        ) from None

    def close(self) -> None:
        """Leave nothing, as there is nothing between two runs."""

    def _try(
        self, work: Callable[[Any, Task], Result], path: Path, tasks: Sequence[Task], done: dict[int, Result]
    ) -> Iterator[tuple[int, Result]]:
        """Do what is not done yet, and yield it in order until a process dies."""
        left = [place for place in range(len(tasks)) if place not in done]
        pool = ProcessPoolExecutor(
            min(self._workers, len(left)), mp_context=get_context("spawn"), initializer=_take, initargs=(path,)
        )
        try:
            futures: dict[int, Future[Result]] = {place: pool.submit(_work, work, tasks[place]) for place in left}
            for place, future in futures.items():
                yield place, future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _take(path: Path) -> None:
    global _shared
    _shared = pickle.loads(path.read_bytes())


def _work(work: Callable[[Any, Task], Result], task: Task) -> Result:
    return work(_shared, task)
