"""Every block of code in the docs runs: Python in one namespace a page, commands in one folder a page."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from shipway.core.registry import collecting

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN_BY_CI = {"sh"}
"""Blocks of the commands that start everything (`make demo`, `make test`): .ci/run runs them."""


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return a page's fenced blocks with their languages."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_block_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    namespace: dict[str, object] = {"__name__": "__docs__"}
    with collecting():
        for language, code in blocks(page):
            match language:
                case "python":
                    exec(compile(code, str(page), "exec"), namespace)  # the page's own code is what is under test
                case "console":
                    run_commands(code)
                case "toml":
                    tomllib.loads(code)
                case "sh":
                    assert_run_by_ci(code)
                case "" | "text":
                    assert not code.startswith(("$ ", "import ", "from ")), f"mark the language of this block: {code}"
                case _:
                    pytest.fail(f"nothing runs blocks of language {language!r}")


def run_commands(code: str) -> None:
    """Run each line that begins with `$ ` and see that it succeeds; `cd` lasts for the rest of the page."""
    for line in code.splitlines():
        if not line.startswith("$ "):
            continue
        command = line.removeprefix("$ ")
        if command.startswith("cd "):
            os.chdir(command.removeprefix("cd "))
            continue
        done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, timeout=240)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def assert_run_by_ci(code: str) -> None:
    """See that .ci/run runs these commands, since running them here would run the tests inside the tests."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for line in code.splitlines():
        assert line in script, f"{line!r} is in the docs and not in .ci/run"
