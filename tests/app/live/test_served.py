"""The period a service lived through, its answers, and the months they are cut into."""

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from shipway.adapters.log.parquet import ParquetLog
from shipway.app.control.offline import name_rows
from shipway.app.live.served import list_months, lived_period, read_answers, split_months
from shipway.app.release import open_service
from shipway.app.replay.clock import ReplayClock, replay_folder, write_clock, write_reconciled
from shipway.kit.duration import DAY, HOUR

START = 18_262 * DAY
LABELS = pl.DataFrame({"row": ["a"], "label": [True], "known_at": [START + DAY]})
REPLAY = '\n[replay]\nservice = "desk"\nperiod = [2020-01-01, 2020-03-01]\n'


def at(zone, *parts):
    return int(dt.datetime(*parts, tzinfo=ZoneInfo(zone)).timestamp()) * 1_000_000


def test_months_begin_at_midnights_of_the_zone():
    zone = "America/New_York"
    found = list(list_months(at(zone, 2013, 10, 1), at(zone, 2014, 1, 1), zone))
    assert found == [at(zone, 2013, 10, 1), at(zone, 2013, 11, 1), at(zone, 2013, 12, 1)]
    # The clocks change in November, so that two of them are an hour more than days apart.
    assert (found[2] - found[1]) % DAY == HOUR


def test_a_period_inside_a_month_has_no_first_day():
    assert list(list_months(START + DAY, START + 9 * DAY, "UTC")) == []
    assert split_months(START + DAY, START + 9 * DAY, "UTC") == [(START + DAY, START + 9 * DAY)]


def test_months_of_a_period_leave_nothing_out_and_nothing_twice():
    parts = split_months(START + 9 * DAY, START + 100 * DAY, "Asia/Tokyo")
    assert parts[0][0] == START + 9 * DAY
    assert parts[-1][1] == START + 100 * DAY
    assert all(one[1] == other[0] for one, other in pairwise(parts))
    assert len(parts) == 4
    assert split_months(START, START, "UTC") == []


def test_keys_are_named_as_the_log_does():
    rows = pl.DataFrame({"shop": ["n/a", "x"], "day": [dt.date(1970, 1, 3), dt.date(1970, 1, 4)], "n": [1, 2]})
    assert name_rows(rows, ["shop", "day", "n"]).to_list() == ["n/a/2/1", "x/3/2"]


def answer(request, row, version, p, token, **fields):
    return {
        "request": [request],
        "row": [row],
        "at": np.array([START + fields.get("after", 0)]),
        "version": np.array([version]),
        "role": [fields.get("role", "live")],
        "token": np.array([token]),
        "p": np.array([p]),
        "error": [None],
        "online": ["s"],
    }


def test_answers_are_what_was_served_once_each_with_the_label_known_by_then(tmp_path):
    log = ParquetLog(tmp_path)
    log.append("predictions", answer("1", "a", 1, 0.2, 1))
    log.append("predictions", answer("1", "a", 1, 0.2, 1))
    log.append("predictions", answer("1", "a", 2, 0.9, 1, role="shadow"))
    log.append("predictions", answer("2", "b", 1, 0.3, 1, after=HOUR))
    log.append("predictions", answer("3", "a", 1, 0.4, 1, after=3 * DAY))
    early = read_answers(log, LABELS, START + 2 * HOUR, "condition")
    assert early.select("request", "p", "label").rows() == [("1", 0.2, None), ("2", 0.3, None)]
    late = read_answers(log, LABELS, START + 9 * DAY, "condition")
    assert late.select("request", "label").rows() == [("1", True), ("2", None), ("3", True)]


def test_an_empty_log_has_no_answers(tmp_path):
    found = read_answers(ParquetLog(tmp_path), LABELS, START, "condition")
    assert (found.height, {"request", "version", "online", "error", "label"} <= set(found.columns)) == (0, True)


@pytest.fixture
def opened(desk):
    """Return a workspace of a project with a replay whose service is open."""
    desk.add(REPLAY)
    with desk.workspace() as workspace:
        desk.register(workspace)
        open_service(workspace, "desk", 1, START)
        yield workspace


def test_without_a_replay_the_period_ends_now(opened):
    start, end, known_by = lived_period(opened, opened.state().services["desk"])
    assert start == START
    assert end == known_by <= opened.clock.now()


def test_in_a_replay_labels_are_known_by_the_tick_reconciled_last(opened):
    service, folder = opened.state().services["desk"], replay_folder(opened)
    folder.mkdir()
    write_clock(folder, ReplayClock(position=START + 5 * DAY, start=START, end=START + 60 * DAY))
    assert lived_period(opened, service) == (START, START + 60 * DAY, START)
    write_reconciled(folder, START + 4 * DAY)
    assert lived_period(opened, service) == (START, START + 60 * DAY, START + 4 * DAY)
