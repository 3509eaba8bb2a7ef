"""Streams are followed into a branch of their own, and a run makes the sources of what they came to."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing

import pytest

from shipway.app.contract import propose_contract
from shipway.app.doctor import diagnose
from shipway.app.following import LOCK, run_streams
from shipway.app.project import find_project
from shipway.app.run import run_project
from shipway.app.status import read_status
from shipway.app.stream import list_streams, read_dead
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError
from shipway.data.kept import live
from shipway.kit.file import hold_lock

RAW = '[raw.orders]\nuri = "orders.jsonl"\nkey = "order_id"\nstream = true\nevent = "placed"\nlateness = "1h"\n'


@pytest.fixture
def streaming(fresh):
    """Return a shop whose orders are followed, before any was taken in."""
    import polars as pl

    toml = fresh / "shipway.toml"
    toml.write_text(toml.read_text().replace('orders = "orders.csv"\n', "") + RAW)
    times = [pl.col(name) + "Z" for name in ("placed", "settled")]
    pl.read_csv(fresh / "orders.csv").with_columns(times).write_ndjson(fresh / "orders.jsonl")
    project = fresh / "project.py"
    project.write_text(project.read_text().replace('.str.to_datetime(time_unit="us", time_zone="UTC")', ""))
    return fresh


def follow(root, **how):
    run_streams(find_project(root), once=True, **how)


def change(root, **values):
    with (root / "orders.jsonl").open("a") as file:
        file.write(json.dumps(values) + "\n")


def line(root):
    return list_streams(find_project(root))[0]


def test_a_run_makes_the_sources_of_what_was_followed(streaming):
    follow(streaming)
    assert (streaming / "contracts" / "orders.toml").exists()
    first = run_project(find_project(streaming))
    assert first.outcome == "pass"
    with (streaming / "orders.jsonl").open() as file:
        row = json.loads(file.readline())
    change(streaming, **{**row, "price": 99.5})
    follow(streaming)
    run_project(find_project(streaming))
    with closing(Workspace(find_project(streaming))) as workspace:
        tables = workspace.main_commit().tables
        kept = live(workspace.tables.read(tables["raw_orders"]))
        assert kept.filter(order_id=row["order_id"])["price"].to_list() == [99.5]
        assert not any(name.startswith(("pending_", "position_", "dead_")) for name in tables)


def test_nothing_new_changes_nothing(streaming):
    follow(streaming)
    before = line(streaming)
    follow(streaming)
    assert line(streaming) == before
    assert before.changes > 1000
    assert before.dead == before.late == 0
    assert before.watermark_us is not None
    assert before.newest_us == before.watermark_us + 3_600_000_000


def test_dead_letters_show_everywhere(streaming):
    follow(streaming)
    change(streaming, order_id="x")
    with (streaming / "orders.jsonl").open("ab") as file:
        file.write(b"\xff\n")
    follow(streaming)
    letters = read_dead(find_project(streaming), "orders")
    assert [letter.record for letter in letters] == ['{"order_id": "x"}', "\\xff"]
    assert line(streaming).dead == read_status(find_project(streaming)).streams[0].dead == 2
    (symptom,) = [each for each in diagnose(streaming) if each.what == "stream orders"]
    assert symptom.health == "note"
    assert "2 dead letters" in symptom.said


def test_too_many_dead_letters_stop_it_and_everything_begins_anew(streaming):
    toml = streaming / "shipway.toml"
    toml.write_text(toml.read_text() + "most_dead = 1\n")
    follow(streaming)
    for _ in range(2):
        change(streaming, order_id="x")
    for _ in range(2):
        with pytest.raises(ShipwayError, match="SW-225"):
            follow(streaming)
    text = (streaming / "orders.jsonl").read_text().replace('{"order_id": "x"}\n', "")
    (streaming / "orders.jsonl").write_text(text)
    follow(streaming, anew=True)
    assert line(streaming).dead == 0


def test_a_stream_has_its_contract_written_by_hand(streaming):
    with pytest.raises(ShipwayError, match=r"SW-106.*is a stream"):
        propose_contract(find_project(streaming), "orders", accept=False)


def test_a_run_before_anything_was_followed_says_what_to_do(streaming):
    with pytest.raises(ShipwayError, match=r"SW-204(.|\n)*shipway stream orders --once"):
        run_project(find_project(streaming))
    (symptom,) = [each for each in diagnose(streaming) if each.what == "stream orders"]
    assert symptom.hint == "shipway stream orders"


def test_one_process_follows_at_a_time(streaming):
    (streaming / ".shipway").mkdir()
    with hold_lock(streaming / ".shipway" / LOCK, wait=False), pytest.raises(ShipwayError, match="SW-603"):
        follow(streaming)


@pytest.mark.parametrize(("names", "said"), [(("ordres",), "SW-104.*no stream"), (("orders",), "SW-104.*no stream")])
def test_only_streams_are_followed(fresh, streaming, names, said):
    if names == ("orders",):
        toml = streaming / "shipway.toml"
        toml.write_text(toml.read_text().replace(RAW, RAW.partition("stream")[0]))
        said = "SW-104.*is a stream"
    with pytest.raises(ShipwayError, match=said):
        run_streams(find_project(streaming), names, once=True)


def test_what_nothing_follows_is_named(streaming):
    toml = streaming / "shipway.toml"
    toml.write_text(toml.read_text().replace('"orders.jsonl"', '"snowflake://a/b"'))
    with pytest.raises(ShipwayError, match=r"SW-201.*nothing follows"):
        follow(streaming)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_once_everything_is_committed(streaming, number):
    command = [sys.executable, "-m", "shipway.cli", "--project", str(streaming), "stream", "--json"]
    command[1:3] = ["-c", "import sys; from shipway.cli.main import main; sys.exit(main(sys.argv[1:]))"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        give_up = time.monotonic() + 60
        while not line(streaming).begun and time.monotonic() < give_up:
            time.sleep(0.05)
        os.kill(child.pid, number)
        out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert json.loads(out)[0]["changes"] == line(streaming).changes
