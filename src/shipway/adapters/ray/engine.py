"""Ray as an engine: a Ray of its own on this machine, or a cluster by its address."""

import os
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any, Final, TypeVar

from shipway.core.error import ShipwayError
from shipway.ports.engine import RETRIES

Task = TypeVar("Task")
Result = TypeVar("Result")

LOCAL: Final = "local"
_SETTINGS: Final = {
    # Nothing is told to anybody.
    "RAY_USAGE_STATS_ENABLED": "0",
    # By this name, Ray keeps one of its own on 127.0.0.1 rather than on every address of the machine.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}

# Ray reads these once, as it is imported; where the project has imported it before, they are the project's own affair.
for _name, _value in _SETTINGS.items():
    os.environ.setdefault(_name, _value)
_ray: Any = import_module("ray")
_faults: Any = import_module("ray.exceptions")


class RayEngine:
    """Tasks on Ray; it answers the port `Engine`.

    Ray is one for a process: it is started here unless the process has one already, and then it is left running.
    """

    def __init__(self, workers: int, address: str = "") -> None:
        """Connect to Ray.

        Args:
            workers: how many tasks are done at once on a Ray of its own; a cluster has its own number.
            address: of a cluster, such as `ray://head:10001`; empty for a Ray of its own, which listens on 127.0.0.1.

        Raises:
            ShipwayError: SW-201 if there is no cluster at the address.
        """
        self._own = not _ray.is_initialized()
        if not self._own:
            return
        quiet: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
        if address:
            try:
                _ray.init(address=address, **quiet)
            except (ConnectionError, RuntimeError, ValueError) as error:
                said = (str(error).splitlines() or [type(error).__name__])[0]
                fact = f"Ray at {address} cannot be reached: {said}"
                raise ShipwayError("SW-201", fact, "check the address, or leave it out for one of its own") from error
            return
        _ray.init(address=LOCAL, num_cpus=workers, include_dashboard=False, **quiet)

    def run(self, work: Callable[[Any, Task], Result], shared: Any, tasks: Sequence[Task]) -> Iterator[Result]:
        """Do all tasks, and yield what each came to in their order."""
        there = _ray.put(shared)
        remote = _ray.remote(num_cpus=1, max_retries=RETRIES)(work)
        futures = [remote.remote(there, task) for task in tasks]
        try:
            for place, future in enumerate(futures):
                try:
                    yield _ray.get(future)
                except _faults.RayTaskError as error:
                    raise _cause(error) from None
                except _faults.WorkerCrashedError:
                    raise ShipwayError(
                        "SW-806",
                        f"a process that worked on task {place + 1} of {len(tasks)} died, {RETRIES + 1} times in a row",
                        "give it more memory, or fewer workers",
                    ) from None
        except BaseException:
            # Ray 2.60 aborts this process where a task is cancelled that is done, so only those that are not.
            _, left = _ray.wait(futures, num_returns=len(futures), timeout=0)
            for future in left:
                _ray.cancel(future)
            raise

    def close(self) -> None:
        """Stop the Ray that was started here, and leave one that was there before."""
        if self._own:
            _ray.shutdown()


def _cause(error: Any) -> BaseException:
    """Return what a task raised, without what Ray wraps around it."""
    cause = error.cause
    if isinstance(cause, ShipwayError):
        return ShipwayError(cause.code, cause.fact, cause.hint)
    return cause if isinstance(cause, BaseException) else error
