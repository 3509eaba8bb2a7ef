"""A service lives through recorded history: each order is asked once, as of its instant, whatever is killed."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from shipway.app.project import Project, find_project
from shipway.app.replay import process, run_replay
from shipway.app.replay.clock import read_clock
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError
from shipway.core.prediction import FEATURES, PREDICTIONS
from shipway.data.frame import build_frame
from shipway.data.plan import plan_frame
from shipway.kit.duration import DAY
from shipway.ports.adapter import load_adapter

DRIVE = Path(__file__).parent / "drive.py"
START, END = 1_725_148_800_000_000, 1_725_148_800_000_000 + 21 * DAY
REAL = ("latency_us", "answer_us")
"""Columns that no two runs have in common."""


def read_log(root: Path) -> dict[str, pl.DataFrame]:
    """Return what was logged, each row once, by stream; real time left out."""
    log = load_adapter("log.parquet")(root / ".shipway" / "log" / "returns")
    streams: dict[str, pl.DataFrame] = {}
    for stream in log.streams():
        rows = log.read(stream)
        rows = rows.drop([name for name in REAL if name in rows.columns]).unique()
        streams[stream] = rows.sort("at", "request", *(name for name in ("version",) if name in rows.columns))
    return streams


def build_offline(project: Project) -> pl.DataFrame:
    """Return the frame's rows of the period, in the order in which they are asked."""
    with closing(Workspace(project)) as workspace:
        plan = plan_frame(project.registry.models["returned"], project.registry.sources)
        admitted = workspace.admitted(plan.tables)
        frame = build_frame(plan, {name: workspace.tables.read(snapshot) for name, snapshot in admitted.items()})
    asked = pl.col("_at").to_physical()
    return frame.filter((asked >= START) & (asked < END)).sort("_at", "order_id")


def bits(column: pl.Series) -> list:
    """Return a column's values such that only equal bits are equal, and NaN and null alike."""
    if column.dtype == pl.String:
        return column.to_list()
    values = column.cast(pl.Float64).fill_null(np.nan).to_numpy()
    return np.where(np.isnan(values), np.nan, values).view(np.int64).tolist()


def test_a_replay_asks_for_every_row_once_and_reads_what_the_frame_has(lived) -> None:
    shop, _, _ = lived
    frame, logged = build_offline(shop.project), read_log(shop.root)
    predictions = logged[PREDICTIONS]
    (features,) = (rows for stream, rows in logged.items() if stream.startswith(FEATURES))
    keys = frame["order_id"].cast(pl.String).to_list()
    assert sorted(predictions["request"].to_list()) == sorted(keys)
    assert predictions["role"].unique().to_list() == ["live"]
    assert np.isfinite(predictions["p"].to_numpy()).all()
    features = frame.select(request=pl.col("order_id").cast(pl.String)).join(
        features, on="request", maintain_order="left"
    )
    assert features["at"].to_list() == frame["_at"].to_physical().to_list()
    names = [name for name in frame.columns if name not in ("order_id", "_at", "_label", "_label_known_at")]
    assert len(names) > 10
    for name in names:
        assert bits(features[name]) == bits(frame[name]), name


def test_a_replay_says_what_it_came_to(lived) -> None:
    shop, report, events = lived
    frame = build_offline(shop.project)
    assert report.tally.requests == frame.height == report.latency.requests
    assert report.tally.statuses == {"200": frame.height}
    assert report.tally.ticks == 22
    assert report.tally.restarts == {}
    assert not report.resumed
    assert 0 < report.latency.p50_ms <= report.latency.p99_ms <= report.latency.p999_ms <= report.latency.max_ms
    assert set(report.peak_mb) == {"driver", "server", "controller"}
    assert report.together_mb < sum(report.peak_mb.values())
    clock = read_clock(shop.state / "replay")
    assert clock.done
    # The last order is settled a month after it was placed, and the replay goes on until then.
    assert clock.position == END + 30 * DAY
    assert [event.stage for event in events] == ["started", *["moved"] * 22, "done"]
    assert events[1].said.startswith("2024-09-02, ")
    assert [event.done for event in events[1:-1]] == sorted(event.done for event in events[1:-1])


def test_no_event_is_read_before_it_is_known(lived) -> None:
    shop, _, _ = lived
    (features,) = (rows for stream, rows in read_log(shop.root).items() if stream.startswith(FEATURES))
    newest = [name for name in features.columns if name.startswith("newest ")]
    assert len(newest) == 2
    for name in newest:
        assert (features[name] <= features["at"]).all()
        assert features[name].max() > START


def test_a_replay_that_is_over_is_only_reported(lived) -> None:
    shop, report, _ = lived
    logged = read_log(shop.root)
    again = run_replay(shop.project, controller=["this", "is", "never", "started"])
    assert again == report
    assert read_clock(shop.state / "replay").done
    assert all(logged[stream].equals(rows) for stream, rows in read_log(shop.root).items())


def children(pid: int) -> dict[str, int]:
    """Return the children of a driver by name."""
    try:
        pids = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
        lines = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in pids}
    except OSError:
        return {}
    return {"server" if b"shipway.serving" in line else "controller": child for child, line in lines.items() if line}


def drive(shop) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, str(DRIVE), str(shop.root), *shop.controller], stderr=subprocess.DEVNULL)


def wait_until(true: Callable[[], object]) -> None:
    until = time.monotonic() + 60
    while not true():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.002)


def test_a_second_driver_is_refused(living) -> None:
    shop = living("shop")
    with drive(shop) as first:
        wait_until(lambda: read_clock(shop.state / "replay"))
        with pytest.raises(ShipwayError, match=f"process {first.pid} replays shop") as caught:
            run_replay(shop.project, controller=shop.controller)
        assert caught.value.code == "SW-603"
        assert first.wait() == 0


def kill_at_random(shop, victims: list[str], seed: int, pause_s: float) -> int:
    """Drive a replay to its end, killing these processes in turn at random moments; return how many were killed."""
    moments, killed = random.Random(seed), 0
    running = drive(shop)
    try:
        for victim in victims:
            wait_until(lambda run=running: len(children(run.pid)) == 2 or run.poll() is not None)
            time.sleep(moments.uniform(0, pause_s))
            pid = running.pid if victim == "driver" else children(running.pid).get(victim)
            if pid is None or running.poll() is not None:
                continue
            os.kill(pid, signal.SIGKILL)
            killed += 1
            if victim == "driver":
                running.wait()
                running = drive(shop)
        assert running.wait() == 0
    finally:
        running.kill()
        running.wait()
    return killed


@pytest.mark.slow
@pytest.mark.parametrize("words", [(), ("late",)], ids=["one version", "a trial on a late feed"])
def test_whatever_is_killed_the_same_is_predicted(living, words: tuple[str, ...]) -> None:
    calm, stormy = living("calm", *words), living("stormy", *words)
    undisturbed = run_replay(calm.project, controller=calm.controller)
    victims = ["server", "driver", "controller", "server", "driver", "server", "controller", "driver", "server"]
    killed = kill_at_random(stormy, victims, seed=5, pause_s=0.25)
    assert killed >= 6
    one, other = read_log(calm.root), read_log(stormy.root)
    assert list(one) == list(other)
    assert len(one) == (3 if words else 2)
    for stream, rows in one.items():
        assert rows.equals(other[stream]), stream
        assert rows.height == rows.unique(["request", *(["version"] if stream == PREDICTIONS else [])]).height
    clock = read_clock(stormy.state / "replay")
    assert clock.done
    tally = undisturbed.tally
    found = (clock.tally.requests, clock.tally.statuses, clock.tally.events, clock.tally.updates, clock.tally.ticks)
    assert found == (tally.requests, tally.statuses, tally.events, tally.updates, tally.ticks)
    assert sum(clock.tally.restarts.values()) >= 3
    with closing(Workspace(calm.project)) as here, closing(Workspace(stormy.project)) as there:
        assert here.state().services == there.state().services


def test_a_late_feed_is_late_to_the_microsecond(living) -> None:
    shop = living("shop", "late")
    run_replay(shop.project, controller=shop.controller)
    logged = read_log(shop.root)
    late = logged[next(stream for stream in logged if stream.endswith("~36h"))]
    prompt = logged[next(stream for stream in logged if stream.startswith(FEATURES) and "~" not in stream)]
    days = ((late["at"] - START) // DAY).unique().sort().to_list()
    assert days == [5, 6, 7, 8, 9]
    both = late.join(prompt, on="request", suffix=" prompt")
    assert both.height == late.height
    assert (both["newest orders.placed"] <= both["at"] - DAY * 3 // 2).all()
    assert (both["newest orders.placed"] < both["newest orders.placed prompt"]).sum() > 100
    predictions = logged[PREDICTIONS]
    trial = predictions.filter(pl.col("version") == 2)
    assert trial.height == late.height, "every request of those days has its shadow"
    shares = trial.group_by((pl.col("at") - START) // DAY >= 7).agg(live=(pl.col("role") == "live").mean()).sort("at")
    assert shares["live"][0] == 0
    assert 0.3 < shares["live"][1] < 0.7


def refusal(shop, **commands) -> ShipwayError:
    with pytest.raises(ShipwayError) as caught:
        run_replay(shop.project, **{"controller": shop.controller, **commands})
    return caught.value


def test_what_the_server_refuses_stops_the_replay_in_its_words(living) -> None:
    shop = living("shop")
    server = [sys.executable, "-P", "-m", "shipway.serving", "--state", str(shop.state), "--watch-stdin"]
    error = refusal(shop, server=server)
    assert error.code == "SW-805"
    assert "status 400" in error.fact
    assert "answers for the present alone" in error.fact
    # Mended, it goes on from where it was.
    assert run_replay(shop.project, controller=shop.controller).tally.restarts == {"driver": 1}


def test_a_log_that_cannot_be_written_stops_the_replay(living) -> None:
    shop = living("shop")
    (shop.state / "log").mkdir()
    (shop.state / "log" / "returns").write_text("in the way")
    error = refusal(shop)
    assert error.code == "SW-805"
    assert "cannot write its log" in error.fact
    assert "SW-602" in error.fact
    assert read_clock(shop.state / "replay").position == START


def test_a_controller_that_does_not_live_stops_the_replay_with_its_last_words(
    living, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "MOST_RESTARTS", 1)
    shop = living("shop", "broken")
    error = refusal(shop)
    assert error.code == "SW-805"
    assert "lost its glasses" in error.fact


def test_a_server_that_does_not_live_stops_the_replay_with_its_last_words(
    living, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "MOST_RESTARTS", 1)
    shop = living("shop")
    error = refusal(shop, server=[sys.executable, "-c", "raise SystemExit('no port in this storm')"])
    assert error.code == "SW-805"
    assert "no port in this storm" in error.fact


def test_a_service_that_is_not_opened_is_said(living) -> None:
    error = refusal(living("shop", "idle"))
    assert error.code == "SW-805"
    assert "has not opened service 'returns'" in error.fact


def edit(shop, old: str, new: str) -> None:
    toml = shop.root / "shipway.toml"
    assert old in toml.read_text()
    toml.write_text(toml.read_text().replace(old, new))


def test_a_project_without_a_replay_has_none(living) -> None:
    shop = living("shop")
    edit(shop, "[replay]\nservice", "[other]\nservice")
    toml = shop.root / "shipway.toml"
    toml.write_text(toml.read_text().partition("[other]")[0])
    assert refusal(shop).code == "SW-102"


def test_a_model_that_learned_from_the_period_cannot_be_replayed(living) -> None:
    shop = living("shop")
    edit(shop, "period = [2024-09-01", "period = [2024-08-31")
    error = refusal(shop)
    assert error.code == "SW-805"
    assert "no registered version" in error.fact


def test_another_period_is_another_replay(living) -> None:
    shop = living("shop", "idle")
    refusal(shop)
    edit(shop, "2024-09-22]", "2024-09-21]")
    error = refusal(shop)
    assert error.code == "SW-805"
    assert "another period" in error.fact


def test_a_service_that_has_lived_already_is_not_replayed_from_the_start(living) -> None:
    shop = living("shop")
    with drive(shop) as running:
        wait_until(lambda: (clock := read_clock(shop.state / "replay")) and clock.position > START)
        running.kill()
    (shop.state / "replay" / "clock.json").unlink()
    error = refusal(shop)
    assert error.code == "SW-805"
    assert "opened before" in error.fact


def test_a_project_that_was_changed_meanwhile_says_so(living) -> None:
    shop = living("shop", "idle")
    refusal(shop)
    shop = living("other")
    with drive(shop) as running:
        wait_until(lambda: (clock := read_clock(shop.state / "replay")) and clock.position > START)
        running.kill()
    module = shop.root / "project.py"
    module.write_text(module.read_text().replace("at=orders.placed,", 'at=orders.placed + "1m",'))
    error = refusal(shop)
    assert error.code == "SW-805"
    assert "by now" in error.fact
    assert find_project(shop.root).registry.models
