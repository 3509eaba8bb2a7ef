"""Standard streams whose reader may go away at any moment, which must not stop the work that is told there."""

import os
import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, TextIO, cast


class Stream:
    """A text stream that goes on quietly, into nothing, once nobody reads it any more.

    Attributes:
        gone: whether its reader has gone.
    """

    def __init__(self, file: TextIO) -> None:
        """Stand before a stream with a file descriptor."""
        self._file = file
        self.gone = False

    def write(self, text: str) -> int:
        """Write text, or drop it if nobody reads it."""
        self._attempt(lambda: self._file.write(text))
        return len(text)

    def flush(self) -> None:
        """Pass on what was written so far."""
        self._attempt(self._file.flush)

    def __getattr__(self, name: str) -> Any:
        """Return whatever else the stream has."""
        return getattr(self._file, name)

    def _attempt(self, act: Callable[[], object]) -> None:
        try:
            act()
        except BrokenPipeError:
            # What is buffered, and what libraries write past Python, goes the same way.
            self.gone = True
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self._file.fileno())
            os.close(nothing)


@contextmanager
def guard_streams() -> Generator[Stream]:
    """Put a `Stream` before standard output and standard error for the time of the block and yield that of output.

    A standard stream that was closed before the process began is nothing to write to, and no error either.
    """
    with ExitStack() as stack:
        nothing = stack.enter_context(Path(os.devnull).open("w"))
        out, err = Stream(sys.stdout or nothing), Stream(sys.stderr or nothing)
        stack.enter_context(redirect_stdout(cast("TextIO", out)))
        stack.enter_context(redirect_stderr(cast("TextIO", err)))
        try:
            yield out
        finally:
            out.flush()
            err.flush()
