"""`python -m shipway.app.control`: the controller as a child of whoever keeps a service alive."""

import argparse
import sys
import threading
from pathlib import Path

from shipway.app.control.process import run_controller, watch_input
from shipway.app.progress import Event
from shipway.app.project import find_project
from shipway.core.error import ShipwayError


def main() -> int:
    """Run the controller of a project and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m shipway.app.control", description=__doc__)
    parser.add_argument("--project", type=Path, required=True, help="folder of the project")
    parser.add_argument("--watch-stdin", action="store_true", help="end when standard input does, and wait for a lease")
    parser.add_argument("--once", action="store_true", help="reconcile the present instant, then end")
    words = parser.parse_args()
    stop = threading.Event()
    if words.watch_stdin:
        watch_input(stop)
    try:
        project = find_project(words.project, upward=False)
        run_controller(project, once=words.once, wait=words.watch_stdin, stop=stop, watch=_say)
    except ShipwayError as error:
        sys.stderr.write(f"error {error}\n")
        return 1
    return 0


def _say(event: Event) -> None:
    if event.stage in ("note", "verdict", "done"):
        sys.stderr.write(f"{event.outcome or event.stage}  {event.step}  {event.said}\n")


if __name__ == "__main__":
    sys.exit(main())
