"""Releases as use cases on the ledger: one append each, done twice done once, refused with a way out."""

import threading
from contextlib import closing
from itertools import pairwise

import msgspec
import pytest

from shipway.app.project import find_project
from shipway.app.release import (
    deciding,
    derive_version,
    manifest_of,
    next_version,
    open_service,
    release_feed,
    start_release,
    stop_release,
    take_back,
    variant_of,
)
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError
from shipway.kit.duration import DAY

START = 18_262 * DAY


@pytest.fixture
def opened(desk):
    """Return a workspace in which version 1 answers and versions 2 and 3 are there."""
    with desk.workspace() as workspace:
        for place in range(3):
            desk.register(workspace, START - DAY + place)
        open_service(workspace, "desk", 1, START)
        yield workspace


def entries(workspace):
    return workspace.ledger.head().seq


def twice(workspace, act):
    """Act two times and tell how many entries each added."""
    counts = [entries(workspace)]
    for _ in range(2):
        act()
        counts.append(entries(workspace))
    return [after - before for before, after in pairwise(counts)]


def test_the_first_version_answers_at_once(desk, store):
    with desk.workspace() as workspace:
        desk.register(workspace)
        assert twice(workspace, lambda: open_service(workspace, "desk", 1, START)) == [1, 0]
        service = workspace.state().services["desk"]
        assert (service.stable.version, service.opened_at, service.history) == (1, START, [(START, 1)])
        assert service.stable.online == store(desk.project)
        assert service.routing.stable == service.stable
        assert service.token == entries(workspace)


def test_a_release_starts_once(opened):
    assert twice(opened, lambda: start_release(opened, "desk", 2, START)) == [1, 0]
    release = opened.state().services["desk"].walking
    assert release is not None
    assert (release.id, release.candidate.version, release.stable.version) == ("desk/1", 2, 1)
    assert [step.name for step in release.walk] == ["shadow", "10 %", "100 %"]


def test_a_version_that_is_taken_back_is_taken_back_once(opened):
    start_release(opened, "desk", 2, START)
    before = entries(opened)
    service = stop_release(opened, "desk", START + 5, by="ada", reason="the desk reports nonsense")
    assert entries(opened) == before + 2
    assert service.walking is None
    assert service.routing.candidate is None
    (release,) = service.releases
    assert (release.outcome, release.ended_at, release.reason) == (
        "rolled back",
        START + 5,
        "ada: the desk reports nonsense",
    )
    (judgement,) = service.judgements["release:desk/1@0"]
    assert (judgement.verdict.by, judgement.verdict.outcome, judgement.at) == ("ada", "fail", START + 5)
    with pytest.raises(ShipwayError, match="SW-804 nothing walks"):
        stop_release(opened, "desk", START + 6, by="ada", reason="again")
    assert entries(opened) == before + 2


def test_what_cannot_start_is_refused_and_nothing_is_written(opened, desk):
    desk.register(opened, outcome="fail", bundle=False)
    start_release(opened, "desk", 2, START)
    before = entries(opened)
    refusals = [
        ("desk", 3, "SW-804 version 2 walks"),
        ("desk", 4, "SW-804 late@4 has no bundle: its gates said fail"),
        ("desk", 9, "SW-104 there is no version late@9"),
        ("dask", 2, "SW-104 shipway.toml configures no service 'dask'"),
    ]
    for name, number, said in refusals:
        with pytest.raises(ShipwayError, match=said) as refused:
            start_release(opened, name, number, START)
        assert refused.value.hint
    stop_release(opened, "desk", START, by="ada", reason="no")
    for number, said in [(1, "SW-804 late@1 is what 'desk' answers with"), (2, "SW-804 late@2 was taken back before")]:
        with pytest.raises(ShipwayError, match=said):
            start_release(opened, "desk", number, START)
    assert entries(opened) == before + 2


@pytest.mark.parametrize(
    ("known", "given", "odd"),
    [
        (("late", "lost", "ok"), ("late", "ok"), "gives 'probabilities' without class 'lost'"),
        (("late", "lost", "ok"), ("lost", "late", "ok"), "gives 'probabilities' of classes in another order"),
        (("late", "lost", "ok"), "number", "says a number alone"),
        ("condition", "number", "says a number alone"),
        ("number", ("late", "ok"), "says a probability of each class"),
    ],
)
def test_a_version_that_says_less_than_callers_know_is_refused_and_nothing_is_written(desk, known, given, odd):
    with desk.workspace() as workspace:
        for number, said in enumerate((known, given), 1):
            desk.predicts = said if isinstance(said, str) else "class"
            desk.classes[number] = () if isinstance(said, str) else said
            desk.register(workspace)
        open_service(workspace, "desk", 1, START)
        before = entries(workspace)
        with pytest.raises(ShipwayError) as refused:
            start_release(workspace, "desk", 2, START)
        assert (refused.value.code, refused.value.fact) == (
            "SW-804",
            f"late@2 {odd}, and callers of 'desk' know late@1",
        )
        assert "under a name of its own" in refused.value.hint
        assert entries(workspace) == before


def test_a_version_that_knows_a_class_more_begins_its_walk(desk):
    desk.predicts, desk.classes = "class", {1: ("late", "ok"), 2: ("late", "lost", "ok")}
    with desk.workspace() as workspace:
        for _ in desk.classes:
            desk.register(workspace)
        open_service(workspace, "desk", 1, START)
        assert start_release(workspace, "desk", 2, START).walking is not None


def test_nothing_is_released_on_a_service_that_is_not_open(desk):
    with desk.workspace() as workspace:
        desk.register(workspace)
        with pytest.raises(ShipwayError, match="SW-804 service 'desk' has no version yet"):
            start_release(workspace, "desk", 1, START)


def test_a_refusal_leaves_nothing_behind_where_nothing_was(desk):
    with desk.workspace() as workspace:
        with pytest.raises(ShipwayError, match="SW-104 there is no version late@1"):
            open_service(workspace, "desk", 1, START)
        with pytest.raises(ShipwayError, match="SW-804"):
            start_release(workspace, "desk", 1, START)
        assert not workspace.folder.exists()


def test_two_who_decide_at_once_start_one_release(desk):
    with desk.workspace() as workspace:
        for _ in range(3):
            desk.register(workspace)
        open_service(workspace, "desk", 1, START)
    outcomes = []

    def release(number):
        with closing(Workspace(find_project(desk.root))) as mine:
            try:
                start_release(mine, "desk", number, START)
                outcomes.append("started")
            except ShipwayError as error:
                outcomes.append(error.code)

    threads = [threading.Thread(target=release, args=(number,)) for number in (2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["SW-804", "started"]
    with desk.workspace() as workspace:
        assert len(workspace.state().services["desk"].releases) == 1


def test_a_decision_reads_the_state_as_it_stands(opened, desk):
    with desk.workspace() as other:
        assert other.state().services["desk"].walking is None
        start_release(opened, "desk", 2, START)
        with deciding(other) as state:
            assert state.services["desk"].walking is not None


def test_a_version_on_another_feed_has_the_same_model_and_its_verdicts(opened, store):
    online = f"{store(opened.project)}~6h"
    stable = opened.state().version("late", 1)
    version, bodies = derive_version(opened, opened.state(), stable, online)
    state = opened.remember(*bodies)
    derived = state.version("late", 4)
    assert derived is not None
    assert (derived.number, derived.cut, derived.key, derived.bundle) == (
        4,
        stable.cut,
        version.key,
        version.bundle,
    )
    assert (derived.outcome, derived.reason) == (stable.outcome, stable.reason)
    assert derived.evidence["auc"].subject == "model:late@4"
    (verdict,) = state.verdicts["model:late@4"].values()
    assert verdict.findings[0].evidence == derived.evidence["auc"].id
    manifest = manifest_of(opened, derived)
    assert manifest == msgspec.structs.replace(manifest_of(opened, stable), version=4)
    assert manifest.digest == derived.bundle
    assert variant_of(opened, derived, online).online == online
    assert derive_version(opened, state, stable, online) == (derived, [])
    assert derive_version(opened, state, stable, f"{online}x")[0].number == 5


def test_a_feed_is_released_in_one_append(opened, store, monkeypatch):
    online, before = f"{store(opened.project)}~6h", entries(opened)
    appended = []
    append = opened.ledger.append
    monkeypatch.setattr(opened.ledger, "append", lambda drafts: appended.append(drafts) or append(drafts))
    release = release_feed(opened, "desk", START, online).walking
    assert release is not None
    assert (release.candidate.version, release.candidate.online, release.stable.version) == (4, online, 1)
    assert len(appended) == 1
    assert entries(opened) == before + len(appended[0])
    with pytest.raises(ShipwayError, match="SW-804 version 4 walks"):
        release_feed(opened, "desk", START, online)


def test_a_feed_waits_for_a_run_that_may_take_its_number(opened, desk, store):
    with desk.workspace() as other, other.hold(), pytest.raises(ShipwayError, match="SW-603"):
        release_feed(opened, "desk", START, f"{store(opened.project)}~6h")


def test_the_next_version_is_the_newest_that_was_not_tried(opened, desk):
    def following(at=START):
        state = opened.state()
        version = next_version(state, state.services["desk"], at)
        return version and version.number

    desk.register(opened, START + DAY)
    desk.register(opened, bundle=False)
    assert following(START + DAY) == 4
    assert following() == 3
    start_release(opened, "desk", 3, START)
    stop_release(opened, "desk", START, by="ada", reason="no")
    assert following() == 2
    start_release(opened, "desk", 2, START)
    stop_release(opened, "desk", START, by="ada", reason="no")
    assert following() is None


def test_what_is_taken_back_says_who_and_what(opened):
    release = start_release(opened, "desk", 2, START).walking
    entries = take_back(release, START + 1, "traffic", "can be loaded", "it is lost", by="server")
    service = opened.remember(*entries).services["desk"]
    assert service.releases[0].reason == "server: it is lost"
    assert service.judgements[release.subject][-1].verdict.reason == "can be loaded: it is lost"


def test_a_bundle_that_cannot_be_read_is_refused(opened):
    version = msgspec.structs.replace(opened.state().version("late", 1), bundle=opened.blobs.put(b"{}"))
    with pytest.raises(ShipwayError, match="SW-606"):
        variant_of(opened, version)
