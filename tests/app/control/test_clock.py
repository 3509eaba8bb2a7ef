"""Domain time is the clock's until a replay has begun, and then the replay's."""

import pytest

from shipway.app.control.clock import domain_now, replay_clock
from shipway.app.replay.clock import ReplayClock, replay_folder, write_clock
from shipway.core.error import ShipwayError
from shipway.kit.duration import DAY

START = 18_262 * DAY
SECTION = '\n[replay]\nservice = "desk"\nperiod = [2020-01-01, 2020-03-01]\n'


def test_domain_time_is_the_clocks_until_a_replay_begins(desk):
    desk.add(SECTION)
    with desk.workspace() as workspace:
        before = workspace.clock.now()
        assert before <= domain_now(workspace) <= workspace.clock.now()
        assert replay_clock(workspace) is None
        replay_folder(workspace).mkdir(parents=True)
        write_clock(replay_folder(workspace), ReplayClock(position=START, start=START, end=START + DAY))
        assert domain_now(workspace) == START


def test_a_project_without_a_replay_has_no_position(desk):
    with desk.workspace() as workspace:
        replay_folder(workspace).mkdir(parents=True)
        write_clock(replay_folder(workspace), ReplayClock(position=START, start=START, end=START + DAY))
        assert replay_clock(workspace) is None
        assert domain_now(workspace) > START + 365 * DAY


def test_a_position_that_cannot_be_read_is_refused(desk):
    desk.add(SECTION)
    with desk.workspace() as workspace:
        replay_folder(workspace).mkdir(parents=True)
        (replay_folder(workspace) / "clock.json").write_text("{")
        with pytest.raises(ShipwayError, match="SW-605"):
            domain_now(workspace)
