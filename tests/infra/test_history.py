"""Ancestors against brute force, on random histories with merges."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.core.error import ShipwayError
from shipway.core.table import EMPTY
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
    base = found.find_base(one, other)
    common = ours & theirs
    assert (base is None) == (not common)
    # It is a best one: no other common ancestor contains it.
    assert base is None or not any(base in ancestors(commits, name) - {name} for name in common)
    assert base == found.find_base(other, one)


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
    assert History(catalog).find_base(side.id, main.id) == commit.id
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
