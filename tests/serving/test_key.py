"""Callers are known by the digests of their keys, and may ask for what the file says."""

import subprocess
import sys
import tomllib

import pytest

from shipway.core.error import ShipwayError
from shipway.serving.key import Keys, main, make_key, require
from shipway.serving.refusal import RefusedError

FIRST, FIRST_DIGEST = make_key()
SECOND, SECOND_DIGEST = make_key()
FILE = f"""
[keys.shop]
sha256 = "{FIRST_DIGEST}"
services = ["fraud"]
in_flight = 3

[keys."who runs it"]
sha256 = "{SECOND_DIGEST.upper()}"
services = ["*"]
operator = true
"""


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "keys.toml"
    path.write_text(FILE)
    return Keys(path)


@pytest.mark.parametrize(
    "headers", [{"authorization": f"Bearer {FIRST}"}, {"authorization": f"bearer  {FIRST}"}, {"x-api-key": FIRST}]
)
def test_a_caller_is_known_by_its_key(keys, headers):
    name, key = keys.identify(headers)
    assert (name, key.services, key.operator, key.in_flight) == ("shop", ("fraud",), False, 3)


@pytest.mark.parametrize(
    ("headers", "challenge"),
    [
        ({}, 'Bearer realm="shipway"'),
        ({"authorization": f"Basic {FIRST}"}, 'Bearer realm="shipway"'),
        ({"authorization": "Bearer"}, 'Bearer realm="shipway"'),
        ({"authorization": f"Bearer {FIRST}x"}, 'Bearer realm="shipway", error="invalid_token"'),
        ({"x-api-key": FIRST_DIGEST}, 'Bearer realm="shipway", error="invalid_token"'),
        ({"x-api-key": "ä\udcff"}, 'Bearer realm="shipway", error="invalid_token"'),
    ],
)
def test_nobody_else_is(keys, headers, challenge):
    with pytest.raises(RefusedError) as refused:
        keys.identify(headers)
    assert refused.value.status == 401
    assert dict(refused.value.headers) == {"www-authenticate": challenge}
    assert FIRST not in refused.value.error.fact


def test_callers_may_ask_for_what_the_file_says(keys):
    shop, operator = (keys.identify({"x-api-key": key}) for key in (FIRST, SECOND))
    require(shop, "fraud")
    for service in ("returns", None):
        require(operator, service)
        with pytest.raises(RefusedError) as refused:
            require(shop, service)
        assert refused.value.status == 403
        assert "insufficient_scope" in dict(refused.value.headers)["www-authenticate"]


def test_the_file_is_read_again(keys, tmp_path):
    third, digest = make_key()
    (tmp_path / "keys.toml").write_text(f'[keys.new]\nsha256 = "{digest}"\n')
    keys.reload()
    assert keys.identify({"x-api-key": third})[0] == "new"
    with pytest.raises(RefusedError):
        keys.identify({"x-api-key": FIRST})


@pytest.mark.parametrize(
    "wrong",
    [
        "[keys",
        "[keys.a]\nservices = []",
        '[keys.a]\nsha256 = "12"',
        f'[keys.a]\nsha256 = "{"x" * 64}"',
        f'[keys.a]\nsha256 = "{FIRST_DIGEST}"\nservice = ["a"]',
        f'[keys.a]\nsha256 = "{FIRST_DIGEST}"\n[keys.b]\nsha256 = "{FIRST_DIGEST}"',
        "keys = 1",
    ],
    ids=("no TOML", "no digest", "short", "no hexadecimal", "unknown field", "twice", "no table"),
)
def test_a_file_that_is_not_valid_leaves_the_callers_before(keys, tmp_path, wrong):
    (tmp_path / "keys.toml").write_text(wrong)
    with pytest.raises(ShipwayError) as refused:
        keys.reload()
    assert refused.value.code == "SW-102"
    assert keys.identify({"x-api-key": FIRST})[0] == "shop"


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ShipwayError) as refused:
        Keys(tmp_path / "none.toml")
    assert refused.value.code == "SW-102"


def test_a_key_is_made_with_the_lines_that_let_it_in(tmp_path, capsys):
    assert main(["front end", "--service", "fraud", "--operator"]) == 0
    said = capsys.readouterr()
    (tmp_path / "keys.toml").write_text(said.out)
    key = said.err.split()[-1]
    name, found = Keys(tmp_path / "keys.toml").identify({"x-api-key": key})
    assert (name, found.services, found.operator) == ("front end", ("fraud",), True)
    assert key not in said.out
    assert set(tomllib.loads(said.out)) == {"keys"}


def test_the_command_is_there():
    said = subprocess.run(
        [sys.executable, "-m", "shipway.serving.key", "shop"], capture_output=True, text=True, check=True
    )
    assert said.stdout.startswith("[keys.")
