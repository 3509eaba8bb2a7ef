"""Killed at any moment, a store goes on where it was, and nothing is applied twice or left out."""

import math
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

from shipway.adapters.lmdb.store import LmdbOnline
from shipway.data.frame import build_frame
from shipway.data.plan import AT
from shipway.data.upkeep import Upkeep
from shipway.serving.reader import FeatureReader

sys.path.insert(0, str(Path(__file__).parent))
import upkeep_world as world


def check_reads(online, batches):
    upkeep = Upkeep(world.LAYOUT, world.PLAN, online, lateness_us=world.LATENESS_US)
    mark = upkeep.watermarks["trips.done"]
    ats = [mark + hours * 3_600_000_000 for hours in (0, 1, 5, 9, 30, 100)]
    asks = pl.DataFrame(
        [(place, at, shop) for place, (at, shop) in enumerate((at, shop) for at in ats for shop in "abcz")],
        schema={"id": pl.Int64, "at": pl.Int64, "shop": pl.String},
        orient="row",
    ).cast({"at": world.DATED})
    frame = build_frame(world.PLAN, {"trips": world.make_table(batches), "asks": asks})
    rows = asks.with_columns(pl.col("at").to_physical()).to_dicts()
    found = FeatureReader(world.LAYOUT, online).read(rows, frame[AT].to_physical().to_list())
    wanted = np.stack([frame[name].cast(pl.Float64).fill_null(math.nan).to_numpy() for name in world.LAYOUT.columns], 1)
    got = np.array([one.values for one in found], dtype=np.float64)
    assert (got.view(np.int64) == wanted.view(np.int64)).all()
    assert upkeep.standing("trips").late == 0


def test_a_killed_writer_goes_on_where_the_store_is(tmp_path):
    folder, delays, done, kills = tmp_path / "online", random.Random(11), 0, 0
    program = [sys.executable, str(Path(world.__file__)), str(folder)]
    while done < world.BATCHES:
        with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            lines = [child.stdout.readline(), child.stdout.readline()]
            if kills < 6:
                time.sleep(delays.uniform(0.0, 0.15))
                child.kill()
                kills += 1
            lines.extend(child.stdout)
        told = [int(line) for line in lines if line.endswith("\n")]
        assert told[0] >= done, "what was told is in the store"
        done = told[-1]
        online = LmdbOnline(folder)
        position = Upkeep(world.LAYOUT, world.PLAN, online, lateness_us=world.LATENESS_US).standing("trips").position
        assert int(position or b"0") in (done, done + 1)
        check_reads(online, int(position or b"0"))
        online.close()
    assert kills == 6, "it was done before it was killed often enough"
