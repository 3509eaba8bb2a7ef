"""A fake of the port Engine."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


class HereEngine:
    """An engine that does every task in this process, one after the other; a task that kills its process kills it."""

    def run(self, work: Callable[[Any, Task], Result], shared: Any, tasks: Sequence[Task]) -> Iterator[Result]:
        """Do all tasks and yield what each came to."""
        for task in tasks:
            yield work(shared, task)

    def close(self) -> None:
        """Leave nothing, as there is nothing."""
