"""What a person asks of a release, at the domain time the service lives in."""

import pytest

from shipway.app.control.command import ask_release, ask_stop
from shipway.app.release import open_service
from shipway.app.replay.clock import ReplayClock, write_clock
from shipway.core.error import ShipwayError
from shipway.kit.duration import DAY

START = 18_262 * DAY


@pytest.fixture
def opened(desk):
    """Return a desk in a replay on which version 1 answers, and versions 2 and 3 are there."""
    desk.add('\n[replay]\nservice = "desk"\nperiod = [2020-01-01, 2020-03-01]\n')
    with desk.workspace() as workspace:
        for _ in range(3):
            desk.register(workspace)
        open_service(workspace, "desk", 1, START)
        (workspace.folder / "replay").mkdir()
        clock = ReplayClock(position=START + 5 * DAY, start=START, end=START + 60 * DAY)
        write_clock(workspace.folder / "replay", clock)
    return desk


def test_a_release_begins_and_ends_at_the_domain_time(opened):
    begun = ask_release(opened.project, "desk@2")
    assert (begun.line.candidate, begun.line.step, begun.releases[0].started_at) == (2, "shadow", START + 5 * DAY)
    ended = ask_stop(opened.project, "desk", "nonsense")
    assert ended.line.candidate is None
    assert ended.releases[0].ended_at == START + 5 * DAY
    assert ended.releases[0].reason.endswith(": nonsense")


def test_a_service_alone_is_its_newest_version_not_yet_tried(opened):
    assert ask_release(opened.project, "desk").line.candidate == 3
    ask_stop(opened.project, "desk", "no")
    assert ask_release(opened.project, "desk").line.candidate == 2
    ask_stop(opened.project, "desk", "no")
    with pytest.raises(ShipwayError, match="SW-804 'desk' has no newer version that was never tried"):
        ask_release(opened.project, "desk")


@pytest.mark.parametrize(
    ("ref", "said"),
    [
        ("desk@two", "SW-104 there is no version late@two"),
        ("dask@2", "SW-104 shipway.toml configures no service 'dask'"),
        ("desk@7", "SW-104 there is no version late@7"),
    ],
)
def test_a_wrong_word_is_refused_with_a_right_one(opened, ref, said):
    with pytest.raises(ShipwayError) as refused:
        ask_release(opened.project, ref)
    assert str(refused.value).startswith(said)
    assert refused.value.hint


def test_nothing_is_begun_on_a_service_that_is_not_open(desk):
    with pytest.raises(ShipwayError, match="SW-804"):
        ask_release(desk.project, "desk")
    assert not (desk.root / ".shipway").exists()
