import json

import polars as pl
import pytest

from shipway.adapters.iceberg.place import FolderPlace
from shipway.adapters.iceberg.version import advance_hint, find_version, name_in, sweep_versions
from shipway.core.error import ShipwayError


@pytest.fixture
def grown(shop):
    """Publish five versions and return the shop and its place."""
    snapshot = shop.write({"id": [0], "kind": ["a"]}, schema_overrides={"kind": pl.Enum(["a"])})
    types = shop.files.types_of(snapshot)
    for number in range(1, 6):
        shop.publish(snapshot, commit=f"{number}")
        snapshot = shop.files.append(snapshot, pl.DataFrame({"id": [number], "kind": ["a"]}, schema=types))
    return shop, FolderPlace(shop.folder / "t")


def test_the_present_version_is_the_last_that_is_there(grown):
    shop, place = grown
    hint = shop.folder / "t" / "metadata" / "version-hint.text"
    for said in ("5", "3", "1", "", "no number"):
        hint.write_text(said)
        found = find_version(place)
        assert found.number == 5
        assert found.metadata["snapshots"][-1]["summary"]["shipway.commit"] == "5"
    hint.write_text("6")
    with pytest.raises(ShipwayError) as refusal:
        find_version(place)
    assert refusal.value.code == "SW-605"


def test_there_is_no_version_before_the_first(tmp_path):
    assert find_version(FolderPlace(tmp_path)) is None


def test_the_hint_is_moved_as_far_as_there_are_versions(grown):
    _, place = grown
    for number in (2, 5):
        advance_hint(place, number)
        assert place.read("metadata/version-hint.text") == b"5"


def test_a_sweep_takes_what_the_dead_left_and_leaves_what_may_be_in_the_making(grown):
    shop, place = grown
    before = set(shop.listing())
    dead = [
        "metadata/v5-0123456789abcdef-0.avro",
        "metadata/v2-0123456789abcdef-list.avro",
        "data/v4-0123456789abcdef-0.parquet",
    ]
    living = ["metadata/v6-0123456789abcdef-0.avro", "data/v6-0123456789abcdef-0.parquet", "metadata/of-others.txt"]
    for name in (*dead, *living):
        place.write(name, b"x")
    sweep_versions(place, find_version(place))
    assert set(shop.listing()) == before | set(living)
    assert shop.read("pyiceberg").height == 5


def test_whoever_sweeps_late_removes_nothing_that_later_versions_need(open_shop, tmp_path):
    shop = open_shop(tmp_path, keep=2, readable_us=0)
    place = FolderPlace(shop.folder / "t")
    snapshot = shop.write({"id": [0]})
    seen = []
    for number in range(1, 12):
        shop.publish(snapshot)
        seen.append(find_version(place))
        snapshot = shop.files.append(snapshot, pl.DataFrame({"id": [number]}))
    for version in seen:
        sweep_versions(place, version)
        assert shop.read("pyiceberg").height == 11


def test_a_sweep_reads_the_oldest_version_alone(grown, monkeypatch):
    shop, place = grown
    before = set(shop.listing())
    version, names = find_version(place), []
    read = FolderPlace.read
    monkeypatch.setattr(FolderPlace, "read", lambda self, name: names.append(name) or read(self, name))
    sweep_versions(place, version)
    assert len(names) == 2
    assert set(shop.listing()) == before


def test_a_damaged_version_is_not_swept_away(grown):
    _, place = grown
    version = find_version(place)
    name = name_in(place, version.metadata["snapshots"][0]["manifest-list"])
    place.remove([name])
    with pytest.raises(ShipwayError, match="missing or damaged"):
        sweep_versions(place, version)


def test_every_metadata_file_that_is_named_is_there(open_shop, tmp_path):
    shop = open_shop(tmp_path, keep=3, readable_us=0)
    snapshot = shop.write({"id": [0]})
    for number in range(1, 9):
        shop.publish(snapshot)
        snapshot = shop.files.append(snapshot, pl.DataFrame({"id": [number]}))
        metadata = json.loads((shop.folder / "t" / "metadata" / f"v{number}.metadata.json").read_text())
        named = [each["metadata-file"] for each in metadata["metadata-log"]]
        assert [uri.rpartition("/v")[2] for uri in named] == [
            f"{at}.metadata.json" for at in range(max(1, number - 2), number)
        ]
        assert all((shop.folder / "t" / "metadata" / uri.rpartition("/")[2]).exists() for uri in named)
