"""The reference pages name everything there is."""

from pathlib import Path

import msgspec
import pytest

import shipway
from shipway.core import window
from shipway.core.compute import ComputeSection
from shipway.core.config import (
    ModelSection,
    ProjectSection,
    ReplaySection,
    ResourceSection,
    ServiceSection,
)
from shipway.core.error import CODES
from shipway.core.raw import RawSection
from shipway.core.security import SecuritySection
from shipway.core.serving import ServingSection
from shipway.core.storage import OnlineSection, StorageSection

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def page(name: str) -> str:
    """Return a page's text."""
    return (REFERENCE / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_explained(code: str) -> None:
    assert f"| {code} | {CODES[code]} |" in page("errors")


@pytest.mark.parametrize("word", [word for word in shipway.__all__ if word != "windows"])
def test_every_word_is_listed(word: str) -> None:
    assert f"sw.{word}" in page("words")


@pytest.mark.parametrize(
    "word",
    [
        name
        for name in vars(window)
        if name.islower()
        and getattr(getattr(window, name), "__module__", "") == window.__name__
        and not name.startswith("_")
    ],
)
def test_every_window_is_listed(word: str) -> None:
    assert f"`w.{word}(" in page("words")


@pytest.mark.parametrize(
    ("section", "shape"),
    [
        ("project", ProjectSection),
        ("raw.NAME", RawSection),
        ("models.NAME", ModelSection),
        ("services.NAME", ServiceSection),
        ("replay", ReplaySection),
        ("compute", ComputeSection),
        ("resources", ResourceSection),
        ("security", SecuritySection),
        ("storage", StorageSection),
        ("online", OnlineSection),
        ("serving", ServingSection),
    ],
)
def test_every_field_of_the_project_file_is_listed(section: str, shape: type[msgspec.Struct]) -> None:
    for field in msgspec.structs.fields(shape):
        assert f"| `{section}.{field.name}` |" in page("project-file")
