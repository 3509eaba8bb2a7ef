"""What every command is given: which project, and how to answer."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO, TypeVar

from cyclopts import Parameter

from shipway.app.instant import read_instant
from shipway.cli.failure import UsageError
from shipway.cli.render import Console, open_console, print_document, print_note
from shipway.kit.duration import parse_duration

if TYPE_CHECKING:
    from shipway.app.project import Project

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Door:
    """The options that come with every command.

    Attributes:
        folder: the project's folder; None for the one the working folder belongs to.
        json: whether the answer is a JSON document.
        out: where answers go.
    """

    folder: Path | None = None
    json: bool = False
    out: TextIO = field(default_factory=lambda: sys.stdout)

    def project(self) -> "Project":
        """Return the project, SW-101 if there is none."""
        # Here and not above, because pages of help need no project and are to come at once.
        from shipway.app.project import find_project

        return find_project(Path.cwd()) if self.folder is None else find_project(self.folder, upward=False)

    def answer(self, value: Answer, show: Callable[[Console, Answer], None]) -> None:
        """Print an answer: as a JSON document, or as a person reads it."""
        if self.json:
            print_document(value, self.out)
        else:
            show(open_console(self.out), value)

    def note(self, step: str, said: str) -> None:
        """Tell something beside the answer, on standard error."""
        print_note(step, said, json=self.json)


Given = Annotated[Door, Parameter(parse=False)]
"""The type of a command's last parameter: it is filled in here, not from the command line."""
Flag = Annotated[bool, Parameter(show_default=False)]
"""The type of a switch that is off unless it is given."""


def read_time(text: str | None, option: str, project: "Project") -> int | None:
    """Return an option's instant in microseconds since 1970 UTC, in the project's zone where it names none.

    Raises:
        UsageError: if it is no ISO date or time.
    """
    if text is None:
        return None
    try:
        return read_instant(text, project.config.project.timezone)
    except ValueError as error:
        raise UsageError(f"{option}: {error}", "write it as 2013-06-01 or 2013-06-01T18:30") from error


def read_width(text: str, option: str) -> int:
    """Return an option's duration in microseconds; UsageError if it is none above zero."""
    try:
        width = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}", "write it as 30m, 24h or 7d") from error
    if width <= 0:
        raise UsageError(f"{option} of {text!r} is empty", "write it as 30m, 24h or 7d")
    return width
