"""Real child processes, for suites that race, kill and starve them."""

import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager


@contextmanager
def start_child(source: str, *args: object, prefix: Sequence[str] = ()) -> Generator["subprocess.Popen[str]"]:
    """Run Python source as a child with arguments; its input and output are pipes, and it does not outlive the block.

    Args:
        source: the program.
        args: what it finds in `sys.argv`, from place 1 on.
        prefix: the command under which it runs; none where empty.
    """
    command = [*prefix, sys.executable, "-c", source, *map(str, args)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()
