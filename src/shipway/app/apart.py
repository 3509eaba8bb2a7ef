"""Work in a process of its own, so that the memory it took is given back when it is done."""

from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from shipway.app.progress import Event, Watch
from shipway.app.project import Project, find_project
from shipway.core.error import ShipwayError

Result = TypeVar("Result")


def call_apart(function: "Callable[[Project, Watch], Result]", root: Path, watch: Watch) -> Result:
    """Call a function on a project in another process, and return what it returns.

    Args:
        function: a module's function of a project and of who watches; what it returns must travel between processes.
        root: the project's folder.
        watch: told here what happens there.

    Raises:
        ShipwayError: what the function refuses; SW-806 if the process was killed.
    """
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_call, args=(sender, function, root))
    process.start()
    sender.close()
    try:
        return _listen(receiver, watch)
    except EOFError:
        process.join()
        raise ShipwayError(
            "SW-806", f"the process that worked on {root} ended with {process.exitcode}", "run it again: it goes on"
        ) from None
    finally:
        receiver.close()
        process.terminate()
        process.join()


def _listen(receiver: Connection, watch: Watch) -> Any:
    while True:
        said = receiver.recv()
        match said:
            case Event():
                watch(said)
            case ("refused", code, fact, hint):
                raise ShipwayError(code, fact, hint)
            case ("failed", error):
                raise error
            case _:
                return said[1]


def _call(sender: Connection, function: Callable[[Project, Watch], Any], root: Path) -> None:
    try:
        sender.send(("done", function(find_project(root, upward=False), sender.send)))
    except ShipwayError as error:
        sender.send(("refused", error.code, error.fact, error.hint))
    except Exception as error:  # noqa: BLE001 - it is raised again where the work was asked for
        sender.send(("failed", error))
