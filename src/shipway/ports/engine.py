"""The port of engines: independent pieces of work, done in processes elsewhere."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


class Engine(Protocol):
    """Processes that work for this one.

    Contract (the conformance suite `shipway.testing.engine` checks it):
        * Results come in the order of the tasks, whichever is done first.
        * Each task is done in another process, and what is shared travels there once, not once a task.
        * What a task raises comes out as it is, of several the first in the order of the tasks.
        * A process that dies takes no task with it: the task is done again elsewhere, `RETRIES` times at most; then it
            is SW-806.
        * After `close` no process is left.
    """

    def run(self, work: Callable[[Any, Task], Result], shared: Any, tasks: Sequence[Task]) -> Iterator[Result]:
        """Do all tasks and yield what each came to.

        Args:
            work: a function of a module, called with what is shared and a task; the same of both gives the same result.
            shared: what all tasks read; it and tasks and results must travel between processes.
            tasks: what is to be done.

        Raises:
            ShipwayError: SW-806 if a task kills whatever process it is given to; what the work refuses.
        """
        ...

    def close(self) -> None:
        """Let the processes go."""
        ...


RETRIES = 2
"""How often a task is done again whose process died."""
