"""The section of a server says what one is started with, and refuses what none could keep to."""

import tomllib
from pathlib import Path

import pytest

from shipway.core.config import read_config
from shipway.core.error import ShipwayError
from shipway.core.serving import ServingSection, list_words

PROJECT = '[project]\nname = "flights"\n[serving]\n'


def read(text: str) -> ServingSection:
    """Read the section out of a project file."""
    return read_config(tomllib.loads(PROJECT + text)).serving


def test_what_is_usual_needs_no_words() -> None:
    assert list_words(read(""), Path("/p")) == []


def test_words_name_files_from_the_project_and_values_as_written() -> None:
    section = read('keys = "keys.toml"\nsocket = "/run/s.sock"\nqueue = 10\ntimeout = "500ms"\nbody = "1MB"\n')
    said = "--keys /p/keys.toml --socket /run/s.sock --queue 10 --timeout 500ms --body 1MB"
    assert list_words(section, Path("/p")) == said.split()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('timeout = "soon"', "serving.timeout"),
        ('timeout = "-1s"', "serving.timeout"),
        ('timeout = "10us"', "whole milliseconds"),
        ('grace = "5"', "serving.grace"),
        ('body = "much"', "serving.body"),
        ("queue = 0", "serving.queue"),
        ('certificate = "a.pem"', "private_key"),
        ('clients = "a.pem"', "without TLS"),
        ('quue = "1"', "did you mean 'queue'?"),
    ],
)
def test_what_no_server_keeps_to_is_refused(text: str, said: str) -> None:
    with pytest.raises(ShipwayError) as refused:
        read(text)
    assert refused.value.code == "SW-102"
    assert said in str(refused.value)
