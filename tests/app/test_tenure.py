"""Who served what since when."""

import pytest

from shipway.app.release import open_service, start_release, stop_release
from shipway.app.standing import approve_version, move_alias, restore_version, retire_version, tag_version
from shipway.app.tenure import read_history
from shipway.kit.duration import DAY
from shipway.testing.refusal import expect_refusal

START = 18_262 * DAY


@pytest.fixture
def lived(desk):
    """Return a desk whose service answered with a version, tried another, and took it back."""
    with desk.workspace() as workspace:
        for _ in range(2):
            desk.register(workspace)
        open_service(workspace, "desk", 1, START)
        start_release(workspace, "desk", 2, START + DAY)
        stop_release(workspace, "desk", START + 2 * DAY, by="ada", reason="nonsense")
    return desk


def test_a_service_tells_who_answered_from_when_to_when(lived):
    history = read_history(lived.project, "desk")
    assert history.served == read_history(lived.project, "service:desk").served
    assert history.events == []
    assert [(each.number, each.weight, each.since, each.ended_at) for each in history.served] == [
        (1, 1.0, START, None),
        (2, 0.0, START + DAY, START + 2 * DAY),
    ]


def test_a_version_tells_whom_it_served_and_what_became_of_it(lived):
    move_alias(lived.project, "late@champion", "late@2", by="ana", reason="new")
    approve_version(lived.project, "late@2", by="bo", reason="fine")
    move_alias(lived.project, "late@champion", "late@1", by="cy", reason="back")
    retire_version(lived.project, "late@2", by="cy", reason="nonsense")
    restore_version(lived.project, "late@2", by="cy", reason="after all")
    tag_version(lived.project, "late@2", note="looked again", by="ana")
    history = read_history(lived.project, "late@2")
    assert [each.number for each in history.served] == [2]
    assert [(event.what, event.by) for event in history.events] == [
        ("opened", ""),
        ("registered", ""),
        ("named", "ana"),
        ("approved", "bo"),
        ("unnamed", "cy"),
        ("retired", "cy"),
        ("restored", "cy"),
        ("noted", "ana"),
    ]
    whole = read_history(lived.project, "late")
    assert {event.ref for event in whole.events} == {"late@1", "late@2"}
    assert [each.number for each in whole.served] == [1, 2]


def test_a_wrong_name_is_refused_with_a_right_one(lived):
    for subject, hint in (("lat", "did you mean 'late'?"), ("desc", "did you mean 'desk'?"), ("late@9", "there is")):
        with expect_refusal("SW-104") as refused:
            read_history(lived.project, subject)
        assert refused[0].hint.startswith(hint)
