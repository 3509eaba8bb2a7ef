"""What people say of a version, as pure rules."""

import pytest

from shipway.core.error import ShipwayError
from shipway.core.standing import (
    AliasMove,
    AliasMoved,
    Standing,
    VersionApproved,
    VersionRestored,
    VersionRetired,
    VersionTagged,
    apply_saying,
    check_alias,
    check_tags,
    point_of,
    resolve_alias,
)


def approved(by, bundle="b"):
    return VersionApproved(model="m", number=1, bundle=bundle, by=by, reason="r")


def test_an_approval_counts_once_a_person_and_for_the_bundle_it_saw():
    standing = Standing()
    for at, body in enumerate([approved("ana"), approved("ana"), approved("bo"), approved("cy", bundle="other")]):
        apply_saying(standing, body, at)
    assert [each.word.by for each in standing.approvals_of("b")] == ["ana", "bo"]
    assert [each.word.by for each in standing.approvals_of("b", ["bo", "cy"])] == ["bo"]
    assert standing.approvals_of("none of them") == []


def test_a_version_is_retired_until_it_is_restored():
    standing = Standing()
    assert standing.retired is None
    apply_saying(standing, VersionRestored(model="m", number=1, by="ana", reason="too early"), 1)
    assert standing.retirements == []
    apply_saying(standing, VersionRetired(model="m", number=1, by="ana", reason="old"), 2)
    assert standing.retired is not None
    assert (standing.retired.by, standing.retired.said, standing.retired.at) == ("ana", "old", 2)
    apply_saying(standing, VersionRestored(model="m", number=1, by="bo", reason="needed"), 3)
    assert standing.retired is None
    assert standing.retirements[0].restored is not None
    assert standing.retirements[0].word.said == "old"


def test_tags_are_set_and_taken_away_and_notes_are_kept():
    standing = Standing()
    for tags, note in (({"team": "risk", "x": ""}, "first"), ({"team": "desk", "x": None, "y": None}, "")):
        apply_saying(standing, VersionTagged(model="m", number=1, tags=tags, note=note, by="ana"), 1)
    assert standing.tags == {"team": "desk"}
    assert [note.said for note in standing.notes] == ["first"]


def test_a_name_points_where_it_was_moved_last():
    moves = [AliasMove(at=at, number=number, by="a", reason="r") for at, number in ((1, 1), (2, 2), (3, None))]
    assert [point_of(moves[:count]) for count in range(4)] == [None, 1, 2, None]
    assert resolve_alias({"champion": moves[:2]}, "m", "champion", [1, 2]) == 2
    with pytest.raises(ShipwayError, match="SW-104 there is no version m@champion") as refused:
        resolve_alias({"champion": moves, "champions": moves[:1]}, "m", "champion", [1, 2])
    assert refused.value.hint == "did you mean 'm@champions'?"


@pytest.mark.parametrize("name", ["latest", "newest", "", "1", "1st", "Champion", "a b", "a" * 64, "-x", "a@b"])
def test_a_name_that_could_be_taken_for_something_else_is_refused(name):
    with pytest.raises(ShipwayError, match="SW-106"):
        check_alias(name)


def test_tags_are_read_as_they_are_written():
    assert check_tags(["team=risk", "sox", "url=http://x/?a=b"]) == {"team": "risk", "sox": "", "url": "http://x/?a=b"}
    for wrong in (["=x"], ["Team=x"], ["a b"], ["a=1", "a=2"]):
        with pytest.raises(ShipwayError, match="SW-106"):
            check_tags(wrong)


def test_what_was_said_is_told_in_a_clause():
    moved = AliasMoved(model="m", alias="champion", before=1, number=2, by="ana", reason="better")
    assert moved.said == "champion is version 2, was version 1, by ana: better"
    gone = AliasMoved(model="m", alias="champion", before=2, number=None, by="ana", reason="why")
    assert gone.said == "champion is removed, was version 2, by ana: why"
    tagged = VersionTagged(model="m", number=1, tags={"a": "b", "c": None, "d": ""}, note="seen", by="ana")
    assert tagged.said == "a=b; c is removed; d; seen, by ana"
