"""`kill -9` at random moments of `shipway run`: the same command continues and ends as if nothing had happened."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench" / "crash.py"


@pytest.mark.slow
def test_a_killed_run_ends_like_one_that_was_not(fresh: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(BENCH), "8", "3", str(fresh)], capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ledger damage: none" in done.stdout
    assert "artifacts: identical" in done.stdout
    assert "versions: identical" in done.stdout
    assert "verdicts: identical" in done.stdout
    assert "branches: identical" in done.stdout
