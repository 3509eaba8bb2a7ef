"""An exception is blamed on the person's own line and said in one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from shipway.kit.blame import blame_line, blame_user, describe


def fail() -> Exception:
    """Return an error that a library raised below this file."""
    try:
        json.loads("{")
    except ValueError as error:
        return error
    raise AssertionError


def test_the_innermost_own_line_is_named_by_the_name_of_its_file() -> None:
    here = Path(__file__)
    line = next(n for n, text in enumerate(here.read_text().splitlines(), 1) if "json.loads" in text)
    assert blame_line(fail(), lambda path: path == here) == f"{here.name}:{line}"
    assert blame_line(fail(), lambda path: False) is None
    assert blame_user(ValueError("raised nowhere"), "shipway") == "in a library"


def test_a_folder_with_the_name_of_the_package_is_the_persons_own(tmp_path: Path) -> None:
    module = tmp_path / "shipway" / "project.py"
    module.parent.mkdir()
    module.write_text("def fail():\n    raise ValueError('no')\n")
    namespace: dict[str, Callable[[], None]] = {}
    exec(compile(module.read_text(), str(module), "exec"), namespace)
    with pytest.raises(ValueError, match="no") as caught:
        namespace["fail"]()
    caught.value.__traceback__ = caught.value.__traceback__ and caught.value.__traceback__.tb_next
    assert blame_user(caught.value, "shipway") == "at project.py:2"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("too many\nor too few"), "ValueError: too many"),
        (KeyError("x"), "KeyError: 'x'"),
        (RuntimeError(), "RuntimeError: no message"),
        (RuntimeError("\n  told late \nand more"), "RuntimeError: told late"),
    ],
)
def test_an_error_is_said_in_one_line(error: Exception, said: str) -> None:
    assert describe(error) == said
