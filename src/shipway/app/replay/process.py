"""The processes that a replay drives: children that end with it and are started again when they die."""

import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from shipway.core.error import ShipwayError

MOST_RESTARTS: Final = 8
"""How often a process is started again while nothing moves on."""
FIRST_WAIT_S: Final = 0.1
LONGEST_WAIT_S: Final = 2.0
GRACE_S: Final = 10.0
"""How long a process may take to end when it is asked to."""
LAST_LINES: Final = 12


@dataclass(slots=True)
class Child:
    """A process that ends when this one does: it watches its standard input, which this one holds open.

    Attributes:
        name: what people call it.
        command: the program and its arguments.
        said: file in which what it prints is kept, from its last start on.
        restarts: how often it was started again in all.
        fruitless: how often since anything moved on.
    """

    name: str
    command: Sequence[str]
    said: Path
    restarts: int = 0
    fruitless: int = 0
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def pid(self) -> int:
        """Return its process number; 0 before the first start."""
        return self._process.pid if self._process else 0

    @property
    def alive(self) -> bool:
        """Tell whether it runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, in a session of its own: what a terminal sends to all is for this process to pass on."""
        with self.said.open("wb") as said:
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=said, stderr=said, start_new_session=True
            )

    def restart(self) -> None:
        """End it if it still runs, wait, the longer the more often nothing has moved on since, and start it again.

        Raises:
            ShipwayError: SW-805 with the last that it said, if it was started again too often.
        """
        self.kill()
        if self.fruitless >= MOST_RESTARTS:
            raise ShipwayError(
                "SW-805",
                f"the {self.name} has ended {self.fruitless + 1} times without getting on, at last "
                f"{self._write_end()}{self._write_last_words()}",
                f"mend what it says (all of it is in {self.said}), then run the same command again: it goes on",
            )
        time.sleep(min(FIRST_WAIT_S * 2**self.fruitless, LONGEST_WAIT_S))
        self.fruitless += 1
        self.restarts += 1
        self.start()

    def settle(self) -> None:
        """Note that something has moved on."""
        self.fruitless = 0

    def kill(self) -> None:
        """End it at once, if it runs."""
        self._let_go()
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """Let it end by itself, and end it if it takes too long."""
        self._let_go()
        if self._process is not None:
            try:
                self._process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def _let_go(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def _write_end(self) -> str:
        code = self._process.returncode if self._process else 0
        return f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"

    def _write_last_words(self) -> str:
        lines = self.said.read_text(encoding="utf-8", errors="replace").split("\n")
        said = [line.rstrip() for line in lines if line.strip()][-LAST_LINES:]
        return ", and said nothing" if not said else ", and said:\n" + "\n".join(said)
