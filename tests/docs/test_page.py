"""Every block of code in the docs runs: Python in one namespace a page, commands in one folder a page.

Most guides begin with the same project. What makes it runs once for all of them, and again for whoever changed a byte.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from shipway.core.registry import collecting
from shipway.kit.canonical import digest_bytes, digest_value
from shipway.kit.file import hold_lock

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUN_BY_CI = {"sh"}
"""Blocks of the commands that start everything (`make demo`, `make test`): .ci/run runs them."""
SHARED = {"shipway init shop", "shipway run"}
"""Commands that make the same of the same folder, wherever it lies, and read nothing else."""


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return a page's fenced blocks with their languages."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of what shared commands made, the same one in every process of this run of the tests."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "made"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_block_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    namespace: dict[str, object] = {"__name__": "__docs__"}
    with collecting():
        for language, code in blocks(page):
            match language:
                case "python":
                    exec(compile(code, str(page), "exec"), namespace)  # the page's own code is what is under test
                case "console":
                    run_commands(code, made)
                case "toml":
                    tomllib.loads(code)
                case "sh":
                    assert_run_by_ci(code)
                case "" | "text":
                    assert not code.startswith(("$ ", "import ", "from ")), f"mark the language of this block: {code}"
                case _:
                    pytest.fail(f"nothing runs blocks of language {language!r}")


def run_commands(code: str, made: Path) -> None:
    """Run each line that begins with `$ ` and see that it succeeds; `cd` lasts for the rest of the page."""
    for line in code.splitlines():
        if not line.startswith("$ "):
            continue
        command = line.removeprefix("$ ")
        if command.startswith("cd "):
            os.chdir(command.removeprefix("cd "))
            continue
        if command in SHARED:
            share(command, made)
        else:
            run(command)


def run(command: str) -> None:
    """Run a command and see that it succeeds."""
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def share(command: str, made: Path) -> None:
    """Run a command where none has run on a folder of the same content, and take what that made where one has."""
    here = Path.cwd()
    content = {
        str(path.relative_to(here)): digest_bytes(path.read_bytes()) for path in here.rglob("*") if path.is_file()
    }
    kept = made / digest_value([command, content])
    with hold_lock(kept.with_suffix(".lock"), wait=True):
        if not kept.exists():
            run(command)
            shutil.copytree(here, kept.with_suffix(".new"))
            kept.with_suffix(".new").rename(kept)
            return
    shutil.copytree(kept, here, dirs_exist_ok=True)


def test_what_is_shared_is_what_a_command_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "made").mkdir()
    said = {}
    for place, before in (("a", "x"), ("b", "x"), ("c", "y")):
        (tmp_path / place).mkdir()
        monkeypatch.chdir(tmp_path / place)
        Path("before").write_text(before)
        share(f"cat before > after; echo {before} >> {tmp_path}/runs", tmp_path / "made")
        said[place] = Path("after").read_text()
    assert said == {"a": "x", "b": "x", "c": "y"}
    assert (tmp_path / "runs").read_text() == "x\ny\n"


def assert_run_by_ci(code: str) -> None:
    """See that .ci/run runs these commands, since running them here would run the tests inside the tests."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for line in code.splitlines():
        assert line in script, f"{line!r} is in the docs and not in .ci/run"
