import errno
import json
import math
import os
import signal
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.adapters.log import parquet
from shipway.adapters.log.parquet import ParquetLog
from shipway.core.error import ShipwayError
from shipway.kit.canonical import digest_bytes
from shipway.ports.adapter import load_adapter
from shipway.testing.fake import MemoryLog

OPEN = """
import json, os, signal, sys
from pathlib import Path
import numpy as np
from shipway.adapters.log.parquet import ParquetLog
from shipway.core.error import ShipwayError
folder = Path(sys.argv[1])
def append(log, number, rows=3):
    noise = np.random.default_rng(number).random(rows)
    log.append("s", {"at": np.full(rows, number), "x": noise})
"""

DIE_AT = """
from shipway.adapters.log import parquet
from shipway.kit import file
log = ParquetLog(folder / "log")
append(log, 1)
def die(*args):
    os.kill(os.getpid(), signal.SIGKILL)
place = {"write": file.StagedFile, "sync": file.StagedFile, "publish": file.StagedFile, "sync_folder": file}
setattr(place[sys.argv[2]], sys.argv[2], die)
append(log, 2)
"""

FILL = """
ballast = folder / "ballast"
ballast.write_bytes(b"x" * 200_000)
log, kept, codes = ParquetLog(folder / "log"), [], []
for number in range(100):
    try:
        append(log, number, 10_000)
        kept.append(number)
    except ShipwayError as refusal:
        codes.append(refusal.code)
        if len(codes) == 3:
            break
ballast.unlink()
append(log, 100)
found = log.read("s")["at"].unique(maintain_order=True).to_list()
left = sorted(p.name for p in (folder / "log" / "s").iterdir() if p.name.startswith("."))
print(json.dumps({"codes": codes, "kept": [*kept, 100], "found": found, "left": left}))
"""

READ_ONLY = """
import subprocess
log = ParquetLog(folder / "log")
append(log, 1)
(folder / "log" / "s" / ".dead.staged").touch()
subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
log = ParquetLog(folder / "log")
print(log.read("s").height)
for stream in ("s", "t"):
    try:
        log.append(stream, {"at": np.arange(3)})
    except ShipwayError as refusal:
        print(refusal.code)
"""

CELLS = {
    "x": st.floats(),
    "n": st.integers(-(2**63), 2**63 - 1),
    "flag": st.booleans(),
    "text": st.none() | st.text(max_size=4),
}
ARRAYS = {"x": np.float64, "n": np.int64, "flag": np.bool_}


@st.composite
def segments(draw):
    rows = draw(st.integers(0, 5))
    names = draw(st.lists(st.sampled_from(sorted(CELLS)), unique=True))
    columns = {"at": np.array(draw(st.lists(st.integers(-9, 9), min_size=rows, max_size=rows)), dtype=np.int64)}
    for name in names:
        cells = draw(st.lists(CELLS[name], min_size=rows, max_size=rows))
        columns[name] = np.array(cells, dtype=ARRAYS[name]) if name in ARRAYS else cells
    return columns


def make_columns(start, rows=4):
    return {"at": np.arange(start, start + rows), "x": np.arange(rows) / 3, "text": [f"t{i}" for i in range(rows)]}


def files(log_folder, stream="s"):
    return sorted((log_folder / stream).iterdir())


def test_it_is_found_by_name():
    assert load_adapter("log.parquet") is ParquetLog


def test_opening_creates_nothing(tmp_path):
    log = ParquetLog(tmp_path / "log")
    assert log.streams() == []
    assert log.read("s").shape == (0, 0)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return ParquetLog(tmp_path_factory.mktemp("shared"))


@given(st.lists(segments(), max_size=5), st.none() | st.integers(-10, 10), st.none() | st.integers(-10, 10), st.data())
def test_any_segments_read_as_from_the_fake(shared, written, since, until, data):
    stream, fake = f"s{len(shared.streams())}-{os.urandom(4).hex()}", MemoryLog()
    for columns in written:
        shared.append(stream, columns)
        fake.append(stream, columns)
    there = sorted({name for columns in written for name in columns if len(columns["at"])})
    wanted = data.draw(st.none() | st.lists(st.sampled_from(there), unique=True, min_size=1)) if there else None
    asked = {"since": since, "until": until, "columns": wanted, "complete": data.draw(st.booleans())}
    found, expected = (log.read(stream, **asked) for log in (shared, fake))
    assert found.schema == expected.schema
    assert repr(found.rows()) == repr(expected.rows())


def test_segment_is_a_plain_file_named_by_order_period_and_content(tmp_path):
    log = ParquetLog(tmp_path)
    log.append("s", make_columns(-3))
    ParquetLog(tmp_path).append("s", make_columns(100))
    names = [path.stem.replace("-", "_", 1).split("_") for path in files(tmp_path)]
    assert [(int(sequence), int(low), int(high)) for sequence, _, low, high, _ in names] == [(1, -3, 0), (2, 100, 103)]
    for path, name in zip(files(tmp_path), names, strict=True):
        assert name[-1] == digest_bytes(path.read_bytes())[:16]
        assert path.stat().st_mode & 0o222 == 0
    whole = pl.scan_parquet(files(tmp_path)).collect()
    assert whole.rows() == log.read("s").rows()


def test_segments_are_compressed_and_have_statistics(tmp_path):
    log = ParquetLog(tmp_path)
    log.append("s", {"at": np.arange(20_000), "x": np.zeros(20_000), "text": ["the same"] * 20_000})
    (path,) = files(tmp_path)
    assert path.stat().st_size < 100_000
    assert b"the same" in path.read_bytes()[-1_000:]


def test_period_opens_only_the_segments_it_meets(tmp_path, monkeypatch):
    log = ParquetLog(tmp_path)
    for day in range(184):
        log.append("s", make_columns(100 * day))
    opened = []
    whole = parquet._read_whole
    monkeypatch.setattr(parquet, "_read_whole", lambda segment: opened.append(segment.low) or whole(segment))
    assert log.read("s", since=4_200, until=4_300, columns=["x"]).height == 4
    assert opened == [4_200]
    opened.clear()
    assert log.read("s", since=103, until=100).shape == (0, 0)
    assert log.read("s", since=104, until=200).shape == (0, 0)
    assert opened == []
    assert log.read("s").height == 184 * 4
    assert len(opened) == 184


def test_every_flipped_bit_is_refused_by_the_segments_name(tmp_path):
    log = ParquetLog(tmp_path)
    for start in (0, 10):
        log.append("s", make_columns(start))
    path = files(tmp_path)[1]
    path.chmod(0o644)
    content = path.read_bytes()
    for place in range(0, len(content), 23):
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        with pytest.raises(ShipwayError) as caught:
            log.read("s", columns=["x"])
        assert caught.value.code == "SW-605"
        assert path.name in caught.value.fact
    assert log.read("s", until=10).height == 4


@pytest.mark.parametrize("name", ["x.parquet", "000000000001-0_1_2_3.parquet"])
def test_file_that_is_no_segment_is_refused(tmp_path, name):
    log = ParquetLog(tmp_path)
    log.append("s", make_columns(0))
    (tmp_path / "s" / name).touch()
    with pytest.raises(ShipwayError) as caught:
        log.read("s")
    assert caught.value.code == "SW-605"
    assert name in caught.value.fact
    log.append("s", make_columns(10))


def test_other_files_are_passed_over(tmp_path):
    log = ParquetLog(tmp_path)
    log.append("s", make_columns(0))
    (tmp_path / "s" / "README").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "note").touch()
    assert log.streams() == ["s"]
    assert log.read("s").height == 4


def test_segment_or_folder_that_cannot_be_read_is_refused(tmp_path):
    log = ParquetLog(tmp_path / "log")
    log.append("s", make_columns(0))
    (path,) = files(tmp_path / "log")
    path.unlink()
    path.mkdir()
    (tmp_path / "log" / "t").touch()
    for stream, named in (("s", path.name), ("t", "t")):
        with pytest.raises(ShipwayError) as caught:
            log.read(stream)
        assert caught.value.code == "SW-605"
        assert named in caught.value.fact


def test_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "log").touch()
    with pytest.raises(ShipwayError) as caught:
        ParquetLog(tmp_path / "log").append("s", make_columns(0))
    assert caught.value.code == "SW-602"
    assert str(tmp_path / "log") in caught.value.fact


@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOSPC, "SW-601"), (errno.EDQUOT, "SW-601"), (errno.EROFS, "SW-602")]
)
def test_fault_of_the_system_is_translated_and_leaves_nothing(tmp_path, monkeypatch, number, code):
    log = ParquetLog(tmp_path)
    log.append("s", make_columns(0))

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", refuse)
        with pytest.raises(ShipwayError) as caught:
            log.append("s", make_columns(10))
    assert caught.value.code == code
    assert len(files(tmp_path)) == 1
    log.append("s", make_columns(10))
    assert log.read("s").height == 8


def test_stream_needs_a_name(tmp_path):
    with pytest.raises(ValueError, match="name"):
        ParquetLog(tmp_path).append("", make_columns(0))


def test_columns_of_different_lengths_are_no_segment(tmp_path):
    with pytest.raises(pl.exceptions.ShapeError):
        ParquetLog(tmp_path).append("s", {"at": np.arange(3), "x": np.zeros(1)})
    assert list(tmp_path.iterdir()) == []


def test_nan_and_null_stay_two_things(tmp_path):
    log = ParquetLog(tmp_path)
    log.append("s", {"at": np.arange(2), "p": np.array([math.nan, 0.5])})
    log.append("s", {"at": np.arange(2)})
    assert repr(log.read("s")["p"].to_list()) == "[nan, 0.5, None, None]"


@pytest.mark.parametrize(("step", "found"), [("write", 1), ("sync", 1), ("publish", 1), ("sync_folder", 2)])
def test_killed_at_each_step_leaves_whole_segments(tmp_path, spawn, step, found):
    child = spawn(OPEN + DIE_AT, tmp_path, step)
    assert child.wait() == -signal.SIGKILL
    log = ParquetLog(tmp_path / "log")
    assert log.read("s")["at"].unique().sort().to_list() == [1, 2][:found]
    assert [path.name for path in files(tmp_path / "log") if path.name.startswith(".")] == []


def test_full_disk_leaves_whole_segments_and_appending_goes_on(small_disk, run):
    folder, prefix = small_disk
    (line,) = run(OPEN + FILL, folder, prefix=prefix)
    outcome = json.loads(line)
    assert outcome["codes"] == ["SW-601"] * 3
    assert outcome["found"] == outcome["kept"]
    assert outcome["left"] == []


def test_read_only_mount_reads_and_refuses_to_write(small_disk, run):
    folder, prefix = small_disk
    assert run(OPEN + READ_ONLY, folder, prefix=prefix) == ["3", "SW-602", "SW-602"]


def test_adapter_loads_no_other_room():
    source = (
        "import sys, shipway.adapters.log.parquet; print(*sorted(m for m in sys.modules if m.startswith('shipway')))"
    )
    loaded = subprocess.check_output([sys.executable, "-c", source], text=True).split()
    rooms = {name.split(".")[1] for name in loaded if "." in name}
    assert rooms <= {"adapters", "core", "kit", "ports"}
    assert [name for name in loaded if name.startswith("shipway.adapters.")] == [
        "shipway.adapters.file", "shipway.adapters.file.fault", "shipway.adapters.log", "shipway.adapters.log.parquet"
    ]  # fmt: skip
