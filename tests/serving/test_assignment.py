"""Assignment where it happens: sticky, followed as experiments begin and end, and logged once a unit."""

import os
from pathlib import Path

import polars as pl
import pytest

import shipway as sw
from shipway.core.error import ShipwayError
from shipway.core.split import FILE, PLACES, VERSION, Split, SplitExperiment, SplitLayer
from shipway.kit.canonical import canonical_json
from shipway.kit.file import write_atomic


def run(number=1, decided="", places=((0, PLACES),)):
    weights = (("usual", 1.0), ("new", 1.0))
    return SplitExperiment(
        name="fares", number=number, layer="pricing", places=places, weights=weights, decided=decided
    )


def write(root, *runs, keys=("customer",), version=VERSION):
    layers = {"pricing": SplitLayer(name="pricing", keys=keys, holdout=0)}
    split = Split(version=version, layers=layers, experiments={each.name: each for each in runs})
    (root / ".shipway").mkdir(exist_ok=True)
    write_atomic(root / ".shipway" / FILE, canonical_json(split))


def logged(root):
    paths = sorted((root / ".shipway" / "exposures" / "fares").glob("*.parquet"))
    return pl.concat([pl.read_parquet(path) for path in paths]) if paths else pl.DataFrame()


def test_what_runs_is_followed(tmp_path):
    desk = sw.experiments(tmp_path)
    assert desk.running == []
    with pytest.raises(ShipwayError, match="SW-104"):
        desk.assign("fares", "c1")
    write(tmp_path, run())
    assert desk.running == ["fares"]
    met = [desk.assign("fares", f"c{n}") for n in range(200)]
    assert set(met) == {"usual", "new"}
    assert met == [sw.experiments(str(tmp_path)).assign("fares", {"customer": f"c{n}"}) for n in range(200)]
    write(tmp_path, run(decided="new"))
    assert {desk.assign("fares", f"c{n}") for n in range(200)} == {"new"}


def test_an_exposure_is_logged_once_a_unit_with_the_keys_it_has(tmp_path):
    write(tmp_path, run(), keys=("region", "slot"))
    with sw.experiments(tmp_path) as desk:
        for n in range(60):
            assert desk.expose("fares", ("north", n % 30), at=1_000 + n) == desk.assign("fares", ("north", n % 30))
        assert logged(tmp_path).height == 0
    rows = logged(tmp_path)
    assert rows.columns == ["exposure", "at", "unit", "variant", "run", "region", "slot"]
    assert rows["unit"].to_list() == [f"north/{n}" for n in range(30)]
    assert rows["at"].to_list() == [1_000 + n for n in range(30)]
    assert rows["slot"].to_list() == list(range(30))
    assert rows["exposure"].n_unique() == 30


def test_many_exposures_are_written_as_they_come(tmp_path):
    write(tmp_path, run())
    desk = sw.experiments(tmp_path)
    for n in range(1_500):
        desk.expose("fares", f"c{n}")
    assert logged(tmp_path).height == 1_000
    desk.flush()
    desk.flush()
    assert logged(tmp_path).height == 1_500


def test_a_decided_experiment_logs_nothing(tmp_path):
    write(tmp_path, run(decided="new"))
    with sw.experiments(tmp_path) as desk:
        assert desk.expose("fares", "c1") == "new"
    assert logged(tmp_path).height == 0


def test_a_stopped_experiment_is_met_by_nobody_and_its_exposures_keep_their_keys(tmp_path):
    write(tmp_path, run(), keys=("region", "slot"))
    with sw.experiments(tmp_path) as desk:
        desk.expose("fares", ("north", 1), at=7)
        write(tmp_path, run(places=()), keys=("shop",))
        assert (desk.expose("fares", "s1"), desk.explain("fares", "s2").why) == (None, "stopped")
        assert desk.running == []
    [row] = logged(tmp_path).drop("exposure").to_dicts()
    assert {key: row[key] for key in ("at", "unit", "region", "slot")} == {
        "at": 7, "unit": "north/1", "region": "north", "slot": 1,
    }  # fmt: skip


def test_exposures_that_cannot_be_written_are_kept_for_the_next_time(tmp_path):
    write(tmp_path, run())
    blocked = tmp_path / ".shipway" / "exposures"
    blocked.write_text("no folder")
    desk = sw.experiments(tmp_path)
    for n in range(1_000):
        desk.expose("fares", f"c{n}", at=n)
    for _ in range(2):
        with pytest.raises(ShipwayError, match="SW-60"):
            desk.expose("fares", "c1000", at=1_000)
        with pytest.raises(ShipwayError, match="SW-60"):
            desk.flush()
    blocked.unlink()
    assert desk.expose("fares", "c1000", at=1_000) is not None
    desk.close()
    rows = logged(tmp_path)
    assert sorted(rows["at"].to_list()) == list(range(1_001))
    assert rows["exposure"].n_unique() == 1_001


def test_a_damaged_file_and_one_of_a_newer_version_are_refused(tmp_path):
    write(tmp_path, run(), version=VERSION + 1)
    with pytest.raises(ShipwayError, match="SW-606"):
        sw.experiments(tmp_path).assign("fares", "c1")
    Path(tmp_path / ".shipway" / FILE).write_text("{")
    os.utime(tmp_path / ".shipway" / FILE)
    with pytest.raises(ShipwayError, match="SW-605"):
        sw.experiments(tmp_path).assign("fares", "c1")
