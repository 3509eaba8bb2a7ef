"""Aliases, approvals, retirement and tags as use cases: one append each, and refused with a way out."""

import threading
from contextlib import closing

import pytest

from shipway.app.control.command import ask_release
from shipway.app.ledger import rebuild_projection
from shipway.app.model import list_models, show_model
from shipway.app.release import is_ready, next_version, open_service, start_release
from shipway.app.standing import (
    approve_version,
    list_aliases,
    move_alias,
    remove_alias,
    restore_version,
    retire_version,
    tag_version,
)
from shipway.app.workspace import Workspace
from shipway.core.body import VersionRegistered
from shipway.core.error import ShipwayError
from shipway.kit.duration import DAY
from shipway.serving.repository import read_shelf
from shipway.testing.refusal import expect_refusal

START = 18_262 * DAY


@pytest.fixture
def three(desk):
    """Return a desk with three versions, of which the last has no bundle."""
    with desk.workspace() as workspace:
        for number in range(3):
            desk.register(workspace, START - DAY, bundle=number < 2, outcome="pass" if number < 2 else "fail")
    return desk


def length(desk):
    with desk.workspace() as workspace:
        return workspace.ledger.head().seq


def ask_for_approvals(desk, text):
    path = desk.root / "shipway.toml"
    path.write_text(path.read_text().replace("[models.late]", f"[models.late]\n{text}"))


def test_an_alias_is_moved_and_names_a_version_wherever_one_is_named(three):
    line = move_alias(three.project, "late@champion", "late@1", by="ana", reason="the first")
    assert (line.alias, line.ref, line.by, line.reason) == ("late@champion", "late@1", "ana", "the first")
    assert show_model(three.project, "late@champion") == show_model(three.project, "late@1")
    moved = move_alias(three.project, "late@champion", "late@2", by="bo", reason="better")
    assert [move.number for move in moved.moves] == [1, 2]
    assert [line.aliases for line in list_models(three.project)] == [[], ["champion"], []]
    with three.workspace() as workspace:
        open_service(workspace, "desk", 1, START)
    assert ask_release(three.project, "desk@champion").line.candidate == 2
    assert [line.alias for line in list_aliases(three.project, "late")] == ["late@champion"]


def test_an_alias_that_points_there_already_is_not_remembered_again(three):
    for count in (1, 0):
        before = length(three)
        move_alias(three.project, "late@champion", "late@1", by="ana", reason="the first")
        assert length(three) - before == count


def test_an_alias_moves_only_from_where_it_was_seen(three):
    move_alias(three.project, "late@champion", "late@1", by="", reason="the first", expect="none")
    with expect_refusal("SW-408") as refused:
        move_alias(three.project, "late@champion", "late@2", by="", reason="mine", expect="none")
    assert refused[0].fact == "late@champion points at late@1, and was expected at none"
    move_alias(three.project, "late@champion", "late@2", by="", reason="mine", expect="late@1")
    with expect_refusal("SW-408"):
        remove_alias(three.project, "late@champion", by="", reason="no", expect="late@1")
    with expect_refusal("SW-408"):
        move_alias(three.project, "late@other", "late@2", by="", reason="mine", expect="late@1")


def test_of_many_who_saw_the_same_place_one_moves_the_alias(three):
    move_alias(three.project, "late@champion", "late@1", by="", reason="the first")
    outcomes = []

    def move(who):
        try:
            move_alias(three.project, "late@champion", "late@2", by=who, reason="mine", expect="late@1")
            outcomes.append(who)
        except ShipwayError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=move, args=(f"person {number}",)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("SW-408") == 4
    assert len(list_aliases(three.project)[0].moves) == 2


def test_a_removed_alias_is_gone_and_remembered(three):
    move_alias(three.project, "late@champion", "late@1", by="ana", reason="the first")
    gone = remove_alias(three.project, "late@champion", by="bo", reason="no longer")
    assert (gone.ref, [move.number for move in gone.moves]) == (None, [1, None])
    assert list_aliases(three.project) == []
    with expect_refusal("SW-104"):
        show_model(three.project, "late@champion")
    with expect_refusal("SW-104"):
        remove_alias(three.project, "late@champion", by="bo", reason="again")


@pytest.mark.parametrize(
    ("alias", "ref", "reason", "code", "hint"),
    [
        ("lat@champion", "late@1", "r", "SW-104", "did you mean 'late'?"),
        ("late@champion", "late@9", "r", "SW-104", "there is late@1, late@2, late@3"),
        ("late@champion", "late@champignon", "r", "SW-104", "there is late@1, late@2, late@3"),
        ("late@latest", "late@1", "r", "SW-106", "a model's name alone"),
        ("late@2", "late@1", "r", "SW-106", "write up to 63"),
        ("late", "late@1", "r", "SW-106", "write such as late@champion"),
        ("late@champion", "late@1", " ", "SW-405", "write --reason"),
    ],
)
def test_a_wrong_word_is_refused_and_nothing_is_written(three, alias, ref, reason, code, hint):
    before = length(three)
    with expect_refusal(code) as refused:
        move_alias(three.project, alias, ref, by="ana", reason=reason)
    assert refused[0].hint.startswith(hint)
    assert length(three) == before


def test_a_release_waits_for_the_approvals_its_model_asks_for(three):
    ask_for_approvals(three, 'approvals = 2\napprovers = ["ana", "bo", "cy"]')
    with three.workspace() as workspace, expect_refusal("SW-406") as refused:
        open_service(workspace, "desk", 1, START)
    assert refused[0].fact.startswith("late@1 has 0 of the 2 approvals of ana, bo, cy")
    section = three.project.config.models["late"]
    for ref in ("late@1", "late@2"):
        for place, person in enumerate(("ana", "ana", "bo")):
            line = approve_version(three.project, ref, by=person, reason="looked at it")
            assert [each.word.by for each in line.approvals] == ["ana", "bo"][: max(place, 1)]
    with three.workspace() as workspace:
        service = open_service(workspace, "desk", 1, START)
        found = next_version(workspace.state(), service, START, section)
        assert found is not None
        assert found.number == 2
        start_release(workspace, "desk", 2, START)


def test_an_approval_is_of_a_bundle_and_not_of_whatever_comes_after_it(three):
    ask_for_approvals(three, "approvals = 1")
    line = approve_version(three.project, "late@1", by="ana", reason="fine")
    assert line.bundle is not None
    with expect_refusal("SW-406"):
        approve_version(three.project, "late@1", by="bo", reason="fine", bundle="beef")
    approve_version(three.project, "late@1", by="bo", reason="fine", bundle=line.bundle[:8])
    with three.workspace() as workspace:
        section = three.project.config.models["late"]
        assert is_ready(workspace.state().models["late"][0], section)
        other = workspace.state().models["late"][1].bundle
        workspace.remember(("model:late@1", VersionRegistered(model="late", number=1, bundle=other)))
        version = workspace.state().models["late"][0]
        assert not is_ready(version, section)
        assert len(version.standing.approvals) == 2


@pytest.mark.parametrize(
    ("ref", "by", "reason", "code"),
    [
        ("late@1", "zoe", "r", "SW-406"),
        ("late@1", " ", "r", "SW-405"),
        ("late@1", "ana", "", "SW-405"),
        ("late@3", "ana", "r", "SW-406"),
        ("late@4", "ana", "r", "SW-104"),
    ],
)
def test_who_may_not_approve_does_not(three, ref, by, reason, code):
    ask_for_approvals(three, 'approvals = 1\napprovers = ["ana"]')
    before = length(three)
    with expect_refusal(code):
        approve_version(three.project, ref, by=by, reason=reason)
    assert length(three) == before


def test_a_retired_version_is_released_no_more_until_it_is_restored(three):
    with three.workspace() as workspace:
        open_service(workspace, "desk", 1, START)
    line = retire_version(three.project, "late@2", by="ana", reason="trained on broken data")
    assert line.retired is not None
    with three.workspace() as workspace:
        state = workspace.state()
        assert next_version(state, state.services["desk"], START) is None
        with expect_refusal("SW-407") as refused:
            start_release(workspace, "desk", 2, START)
    assert refused[0].fact == "late@2 was retired by ana: trained on broken data"
    for act in (
        lambda: retire_version(three.project, "late@2", by="bo", reason="again"),
        lambda: approve_version(three.project, "late@2", by="bo", reason="fine"),
        lambda: move_alias(three.project, "late@champion", "late@2", by="bo", reason="fine"),
    ):
        with expect_refusal("SW-407"):
            act()
    assert restore_version(three.project, "late@2", by="bo", reason="mended").retired is None
    with expect_refusal("SW-407"):
        restore_version(three.project, "late@2", by="bo", reason="again")
    with three.workspace() as workspace:
        assert start_release(workspace, "desk", 2, START).walking is not None


def test_what_is_in_use_is_retired_only_on_purpose(three):
    with three.workspace() as workspace:
        open_service(workspace, "desk", 1, START)
    move_alias(three.project, "late@champion", "late@1", by="", reason="the first")
    with expect_refusal("SW-407") as refused:
        retire_version(three.project, "late@1", by="ana", reason="old")
    assert refused[0].fact == "late@1 is in use: service 'desk' routes to it and late@champion points at it"
    line = retire_version(three.project, "late@1", by="ana", reason="old", anyway=True)
    assert (line.aliases, line.serving) == ([], {"desk": 1.0})


def test_tags_and_notes_stay_with_a_version(three):
    tag_version(three.project, "late@1", ["team=risk", "sox"], note="looks good", by="ana")
    line = tag_version(three.project, "late@1", ["team=desk"], remove=["sox"], by="bo")
    assert line.tags == {"team": "desk"}
    assert [(note.by, note.said) for note in line.notes] == [("ana", "looks good")]
    before = length(three)
    tag_version(three.project, "late@1", ["team=desk"])
    assert length(three) == before
    for words, code in (
        ({}, "SW-106"),
        ({"remove": ["taem"]}, "SW-104"),
        ({"tags": ["team=x"], "remove": ["team"]}, "SW-106"),
    ):
        with expect_refusal(code):
            tag_version(three.project, "late@1", **words)


def test_what_people_said_is_a_projection_of_the_ledger(three):
    move_alias(three.project, "late@champion", "late@1", by="ana", reason="the first")
    approve_version(three.project, "late@1", by="ana", reason="fine")
    tag_version(three.project, "late@2", ["team=risk"], note="note")
    retire_version(three.project, "late@2", by="ana", reason="old")
    before = list_models(three.project)
    rebuilt = rebuild_projection(three.project)
    assert rebuilt.before == rebuilt.after
    (three.root / ".shipway" / "projection.json").unlink()
    assert list_models(three.project) == before
    with closing(Workspace(three.project)) as workspace:
        said = [(entry.kind, entry.actor) for entry in workspace.ledger.read()][-4:]
        assert said == [
            (kind, workspace.actor) for kind in ("alias-moved", "version-approved", "version-tagged", "version-retired")
        ]


def test_a_retired_version_is_off_the_shelf_of_servers(three):
    retire_version(three.project, "late@1", by="ana", reason="wrong")
    with three.workspace() as workspace:
        assert [version.version for version in read_shelf(workspace.folder).versions] == [2]
    restore_version(three.project, "late@1", by="ana", reason="right after all")
    with three.workspace() as workspace:
        assert [version.version for version in read_shelf(workspace.folder).versions] == [1, 2]
