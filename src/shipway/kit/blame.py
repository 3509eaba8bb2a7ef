"""Finding the line of a person's own code that an exception came through."""

import sys
import traceback
from collections.abc import Callable
from pathlib import Path


def blame_line(error: BaseException, is_own: Callable[[Path], bool]) -> str | None:
    """Return the innermost place an exception came through that is somebody's own, as `file.py:12`.

    Args:
        error: the exception, as it was caught.
        is_own: tells whether a file is the person's own.

    Returns:
        The file's name and the line, or None if no own file was involved.
    """
    own = [f for f in traceback.extract_tb(error.__traceback__) if is_own(Path(f.filename))]
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else None


def describe(error: BaseException) -> str:
    """Return `ValueError: what it said`, of a message of several lines the first."""
    said = str(error).strip().splitlines() or ["no message"]
    return f"{type(error).__name__}: {said[0].strip()}"


def blame_user(error: BaseException, package: str) -> str:
    """Return `at file.py:12` for the innermost line outside a package and outside installed libraries.

    Args:
        error: the exception, as it was caught.
        package: name of the imported package whose files are nobody's own here.

    Returns:
        `in a library` where no such line was involved.
    """
    # Where the package lies, and not what its folder is called: people call theirs so too.
    root = Path(str(sys.modules[package].__file__)).parent
    line = blame_line(error, lambda path: "site-packages" not in path.parts and not path.is_relative_to(root))
    return f"at {line}" if line else "in a library"
