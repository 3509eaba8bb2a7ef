"""Ancestors against brute force, on random histories with merges."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.core.error import ShipwayError
from shipway.core.table import EMPTY, Part, start_snapshot
from shipway.infra.branch import BRANCH, Branches
from shipway.infra.history import CUT, History
from shipway.kit.canonical import digest_bytes
from shipway.testing.fake import MemoryCatalog


class CountingCatalog(MemoryCatalog):
    """A catalog that counts how many objects it was asked for."""

    def __init__(self):
        super().__init__()
        self.asked = 0

    def get(self, digests):
        digests = list(digests)
        self.asked += len(digests)
        return super().get(digests)


def store(catalog, commit, branch):
    """Store a commit under a branch of its own."""
    catalog.move(
        BRANCH + branch, expect=catalog.head(BRANCH + branch), target=commit.id, objects={commit.id: commit.record}
    )


@st.composite
def histories(draw):
    """Return a catalog and commits of which each follows up to two earlier ones, or none."""
    catalog, commits = MemoryCatalog(), []
    for number in range(draw(st.integers(1, 12))):
        places = draw(st.lists(st.integers(0, number - 1), max_size=2, unique=True)) if number else []
        parents = [commits[place] for place in places]
        first = parents[0] if parents else EMPTY
        commits.append(first.follow({}, f"number {number}", also=parents[1:]))
        store(catalog, commits[-1], f"b{number}")
    return catalog, commits


def ancestors(commits, name):
    """Return a commit and all it follows, by brute force."""
    parents = {commit.id: commit.parents for commit in commits}
    found, waiting = set(), [name]
    while waiting:
        at = waiting.pop()
        if at not in found:
            found.add(at)
            waiting.extend(parents[at])
    return found


@settings(max_examples=150)
@given(histories(), st.data())
def test_ancestry_is_that_of_brute_force(history, data):
    catalog, commits = history
    one, other = (data.draw(st.sampled_from(commits)).id for _ in range(2))
    found = History(catalog)
    ours, theirs = ancestors(commits, one), ancestors(commits, other)
    assert found.contains(one, other) == (other in ours)
    assert set(found.reachable([one, other])) == ours | theirs
    common = ours & theirs
    bases = found.find_bases([one], [other])
    # They are the best ones: no common ancestor contains any of them, and every one is in one of them.
    assert set(bases) == {
        base for base in common if not any(base in ancestors(commits, name) - {name} for name in common)
    }
    assert bases == found.find_bases([other], [one])


@settings(max_examples=60)
@given(histories(), st.data())
def test_bases_of_several_are_those_of_a_merge_of_them(history, data):
    catalog, commits = history
    ours, theirs = (data.draw(st.lists(st.sampled_from(commits), min_size=1, max_size=3)) for _ in range(2))
    tips = []
    for number, side in enumerate((ours, theirs)):
        tips.append(side[0].follow({}, f"side {number}", also=side[1:]))
        store(catalog, tips[-1], f"side{number}")
    found = History(catalog)
    names = [[commit.id for commit in side] for side in (ours, theirs)]
    assert found.find_bases(*names) == found.find_bases([tips[0].id], [tips[1].id])


@settings(max_examples=60)
@given(histories())
def test_what_follows_comes_before_what_it_follows(history):
    catalog, commits = history
    order = list(History(catalog).reachable(commit.id for commit in commits))
    assert sorted(order) == sorted({commit.id for commit in commits})
    for commit in commits:
        assert all(order.index(commit.id) < order.index(parent) for parent in commit.parents)


def test_an_ancestor_is_found_by_distance_and_not_by_length_of_history():
    catalog = CountingCatalog()
    commit = EMPTY.follow({}, "first")
    store(catalog, commit, "main")
    for number in range(300):
        commit = commit.follow({}, f"number {number}")
        store(catalog, commit, "main")
    side, main = commit.follow({}, "side"), commit.follow({}, "main")
    store(catalog, side, "side")
    store(catalog, main, "main")
    catalog.asked = 0
    assert History(catalog).find_bases([side.id], [main.id]) == [commit.id]
    assert History(catalog).contains(main.id, commit.id)
    assert catalog.asked < 12


def make_line(count):
    """Return a catalog with a branch of so many commits, and the commits, newest first."""
    catalog, commits = MemoryCatalog(), [EMPTY.follow({}, "number 0")]
    store(catalog, commits[0], "main")
    for number in range(1, count):
        commits.insert(0, commits[0].follow({}, f"number {number}"))
        store(catalog, commits[0], "main")
    return catalog, commits


def test_history_that_was_cut_ends_quietly_and_history_that_was_lost_does_not():
    catalog, commits = make_line(4)
    gone = commits[2].id
    catalog.forget([gone], before=2**62, refs=catalog.refs())
    with pytest.raises(ShipwayError) as caught:
        list(Branches(catalog).log("main"))
    assert caught.value.code == "SW-605"
    catalog.move(CUT + gone, expect=None, target=commits[1].id)
    assert list(Branches(catalog).log("main")) == commits[:2]
    with pytest.raises(ShipwayError) as caught:
        Branches(catalog).get(gone)
    assert (caught.value.code, "let go" in caught.value.fact) == ("SW-209", True)


def test_objects_that_are_no_commits_are_not_taken_for_some():
    catalog, commits = make_line(2)
    other = b'{"parents":[]}'
    catalog.move("tag/x", expect=None, target=commits[0].id, objects={digest_bytes(other): other})
    history = History(catalog)
    with pytest.raises(ShipwayError) as caught:
        history.get(digest_bytes(other))
    assert caught.value.code == "SW-209"
    assert history.commits_among([digest_bytes(other), commits[0].id, "0" * 64]) == [commits[0].id]


def test_history_that_was_lost_behind_a_base_is_in_nobodys_way():
    catalog, commits = make_line(4)
    sides = [commits[0].follow({}, name) for name in ("one", "other")]
    for side in sides:
        store(catalog, side, side.message)
    catalog.forget([commits[1].id], before=2**62, refs=catalog.refs())
    history = History(catalog)
    assert history.find_bases([sides[0].id], [sides[1].id]) == [commits[0].id]
    assert history.contains(sides[0].id, commits[0].id)
    with pytest.raises(ShipwayError) as caught:
        list(history.reachable([sides[0].id]))
    assert caught.value.code == "SW-605"


def test_crossing_merges_are_searched_no_farther_than_they_go():
    catalog = CountingCatalog()
    commit = EMPTY.follow({}, "first")
    store(catalog, commit, "main")
    for number in range(200):
        commit = commit.follow({}, f"number {number}")
        store(catalog, commit, "main")
    one, other = commit.follow({}, "one"), commit.follow({}, "other")
    crossed = [one.follow({}, "cross", also=[other]), other.follow({}, "cross", also=[one])]
    for number, each in enumerate((one, other, *crossed)):
        store(catalog, each, f"b{number}")
    catalog.asked = 0
    assert set(History(catalog).find_bases([crossed[0].id], [crossed[1].id])) == {one.id, other.id}
    assert catalog.asked < 10


@settings(max_examples=60)
@given(histories())
def test_what_is_known_to_be_there_is_not_asked_for(world):
    catalog, commits = world
    asked = list(History(catalog).reachable([commits[-1].id]))
    history, there = History(catalog), dict(catalog.listing())
    catalog.stored_at = None
    assert list(history.reachable([commits[-1].id], there)) == asked
    assert set(asked) == ancestors(commits, commits[-1].id)


def test_what_a_snapshot_needs_is_read_once_and_is_what_it_names():
    catalog, names = CountingCatalog(), [f"{number:064x}" for number in range(300)]
    parts = [Part(digest=name, rows=1, size_bytes=1) for name in names]
    snapshot = start_snapshot({"id": "Int64"}, parts)
    commit = EMPTY.follow({"t": snapshot}, "first")
    catalog.move(BRANCH + "main", expect=None, target=commit.id, objects=commit.objects(beside=EMPTY))
    history, layout = History(catalog), snapshot.stored[0]
    for _ in range(2):
        holding = history.holdings([layout])[layout]
        files = history.files_of(holding.runs)
        assert (holding.rows, len(files)) == (snapshot.digest, 300 // 128)
        assert [*(name for run in holding.runs for name in files[run]), *holding.files] == names
        assert catalog.asked == 1 + len(files)
    assert {layout, *holding.runs} == set(snapshot.stored[1])
    with pytest.raises(ShipwayError) as caught:
        history.holdings(["0" * 64])
    assert caught.value.code == "SW-605"
