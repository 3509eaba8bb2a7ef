"""A collection keeps all that is needed, whatever happened and however it was interrupted, and nothing else."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.core.error import ShipwayError
from shipway.infra.collection import collect
from shipway.infra.history import CUT
from shipway.infra.lake import Lake
from shipway.kit.duration import DAY
from shipway.testing.fake import START, ManualClock, MemoryBlobs, MemoryCatalog

FOREVER = 2**62


class AgedBlobs(MemoryBlobs):
    """A blob store by a clock that a test winds on."""

    def __init__(self, clock):
        super().__init__()
        self.clock, self.ages = clock, {}

    def put(self, data):
        digest = super().put(data)
        self.ages[digest] = self.clock.now()
        return digest

    def listing(self, digests=None):
        return (blob._replace(at=self.ages[blob.digest]) for blob in super().listing(digests))

    def remove(self, digests, *, before):
        return super().remove([digest for digest in digests if self.ages.get(digest, before) < before], before=FOREVER)


def make_lake():
    """Return a lake by a clock of its own, and the clock."""
    clock = ManualClock()
    return Lake(AgedBlobs(clock), MemoryCatalog(clock)), clock


def commit_row(lake, branch, value):
    """Append a row to the only table of a branch, which is begun where it is not there."""
    head = lake.head(branch)
    row = pl.DataFrame({"x": [value]})
    table = lake.write(row) if head is None else lake.append(lake.get(head).tables["t"], row)
    return lake.commit(branch, {"t": table}, expect=head, message=f"row {value}")


def files_of(lake, commits):
    """Return the files that commits need."""
    return {part.digest for commit in commits for part in commit.tables["t"].parts}


def read_all(lake):
    """Read every commit of every branch and tag as far back as it is kept, and return their ids."""
    seen = set()
    for name in {**lake.branches(), **lake.refs.tags()}:
        for commit in lake.log(name):
            assert lake.read(commit.tables["t"]).height == commit.tables["t"].rows
            seen.add(commit.id)
    return seen


def test_a_branch_that_was_dropped_goes_with_what_only_it_had():
    lake, _ = make_lake()
    kept = [commit_row(lake, "main", number) for number in range(3)]
    lake.fork("try", at=kept[0].id)
    gone = [commit_row(lake, "try", 100 + number) for number in range(2)]
    lake.drop("try")
    found = collect(lake.refs, lake.blobs, cited=[], before=FOREVER)
    assert (found.commits, found.blobs, found.kept) == (2, 2, 3)
    assert set(lake.blobs.digests()) == files_of(lake, kept)
    assert read_all(lake) == {commit.id for commit in kept}
    fresh = Lake(lake.blobs, lake.refs.catalog)
    with pytest.raises(ShipwayError) as caught:
        fresh.get(gone[1].id)
    assert caught.value.code == "SW-209"
    again = collect(lake.refs, lake.blobs, cited=[], before=FOREVER)
    assert (again.commits, again.objects, again.blobs) == (0, 0, 0)


def test_what_is_cited_stays():
    lake, _ = make_lake()
    commit_row(lake, "main", 0)
    lake.fork("try", at=lake.head("main"))
    commits = [commit_row(lake, "try", number) for number in range(1, 4)]
    orphan = lake.blobs.put(b"a model")
    lake.drop("try")
    # A commit, by its id; a file by its digest.
    collect(lake.refs, lake.blobs, cited=[commits[0].id, orphan], before=FOREVER)
    fresh = Lake(lake.blobs, lake.refs.catalog)
    assert fresh.read(fresh.get(commits[0].id).tables["t"]).height == 2
    assert lake.blobs.has(orphan)
    with pytest.raises(ShipwayError):
        fresh.get(commits[2].id)


def test_rows_that_a_run_read_on_a_branch_that_was_dropped_stay():
    lake, clock = make_lake()
    commit_row(lake, "main", 0)
    lake.fork("try", at=lake.head("main"))
    commits = [commit_row(lake, "try", number) for number in range(1, 4)]
    lake.drop("try")
    cited = [commits[1].tables["t"].digest]
    for _ in range(2):
        clock.advance(DAY)
        found = collect(lake.refs, lake.blobs, cited=cited, before=FOREVER)
        fresh = Lake(lake.blobs, lake.refs.catalog)
        assert fresh.read(fresh.get(commits[1].id).tables["t"])["x"].to_list() == [0, 1, 2]
        fresh.fork("again", at=commits[1].id)
        # What was before it went, and that was written down.
        assert [commit.id for commit in fresh.log("again")] == [commits[1].id]
        fresh.drop("again")
    assert (found.commits, found.objects, found.blobs) == (0, 0, 0)
    assert collect(lake.refs, lake.blobs, cited=[], before=FOREVER).commits == 1
    assert set(lake.blobs.digests()) == files_of(lake, [lake.get(lake.head("main"))])
    assert fresh.refs.named(CUT) == {}


def test_rows_that_a_run_read_stay_with_the_newest_commit_that_has_them():
    lake, clock = make_lake()
    first = commit_row(lake, "main", 0)
    second = lake.commit("main", {"u": first.tables["t"]}, expect=first.id, message="another table")
    clock.advance(DAY)
    third = lake.commit("main", {"t": lake.write(pl.DataFrame({"x": [9]})), "u": None}, expect=second.id, message="new")
    now = clock.now()
    collect(lake.refs, lake.blobs, cited=[first.tables["t"].digest], before=now + 1, history_before=now)
    fresh = Lake(lake.blobs, lake.refs.catalog)
    assert fresh.read(fresh.get(second.id).tables["t"]).height == 1
    for _ in range(2):
        collect(lake.refs, lake.blobs, cited=[first.tables["t"].digest], before=now + 1, history_before=now)
    assert fresh.read(first.tables["t"])["x"].to_list() == [0]
    collect(lake.refs, lake.blobs, cited=[], before=now + 1, history_before=now)
    assert set(lake.blobs.digests()) == files_of(lake, [third])


def test_what_is_young_stays_and_is_no_longer_young_later():
    lake, clock = make_lake()
    commit_row(lake, "main", 0)
    lake.fork("try", at=lake.head("main"))
    commit_row(lake, "try", 1)
    orphan = lake.blobs.put(b"of a commit in the making")
    lake.drop("try")
    assert collect(lake.refs, lake.blobs, cited=[], before=clock.now() - DAY).young == 1
    clock.advance(2 * DAY)
    lake.blobs.put(b"of a commit in the making")
    found = collect(lake.refs, lake.blobs, cited=[], before=clock.now() - DAY)
    assert (found.commits, found.blobs, found.young) == (1, 1, 1)
    assert lake.blobs.has(orphan)


def test_a_young_commit_keeps_the_old_files_it_stands_on():
    lake, clock = make_lake()
    for number in range(3):
        commit_row(lake, "try", number)
    clock.advance(2 * DAY)
    young = commit_row(lake, "try", 3)
    lake.drop("try")
    commit_row(lake, "main", 9)
    collect(lake.refs, lake.blobs, cited=[], before=clock.now() - DAY)
    lake.fork("again", at=young.id)
    assert read_all(Lake(lake.blobs, lake.refs.catalog))
    assert lake.read(lake.get(lake.head("again")).tables["t"])["x"].to_list() == [0, 1, 2, 3]


def test_history_ends_where_it_was_cut_and_heads_and_tags_stay():
    lake, clock = make_lake()
    commits = []
    for number in range(6):
        commits.append(commit_row(lake, "main", number))
        clock.advance(DAY)
    lake.refs.tag("v1", at=commits[1].id)
    found = collect(lake.refs, lake.blobs, cited=[], before=FOREVER, history_before=START + 4 * DAY)
    assert found.commits == 3
    fresh = Lake(lake.blobs, lake.refs.catalog)
    assert [commit.id for commit in fresh.log("main")] == [commits[5].id, commits[4].id]
    assert [commit.id for commit in fresh.log("v1")] == [commits[1].id]
    assert fresh.refs.named(CUT) == {commits[3].id: commits[4].id, commits[0].id: commits[1].id}
    clock.advance(30 * DAY)
    collect(lake.refs, lake.blobs, cited=[], before=FOREVER, history_before=clock.now())
    assert [commit.id for commit in fresh.log("main")] == [commits[5].id]
    assert set(fresh.refs.named(CUT)) == {commits[4].id, commits[0].id}


class Watched:
    """A store that tells a test before it changes anything."""

    def __init__(self, inner, told):
        self._inner, self._told = inner, told

    def __getattr__(self, name):
        value = getattr(self._inner, name)
        if name not in ("move", "forget", "remove"):
            return value

        def call(*words, **options):
            self._told()
            return value(*words, **options)

        return call


def make_history():
    """Return a lake with a tag, dropped branches and five days of main, its clock, main's commits and one that goes."""
    lake, clock = make_lake()
    commits = [commit_row(lake, "main", 0)]
    for branch in ("try", "lost"):
        lake.fork(branch, at=commits[0].id)
        commit_row(lake, branch, 50 + len(branch))
    for number in range(1, 5):
        clock.advance(DAY)
        commits.append(commit_row(lake, "main", number))
    lake.refs.tag("v1", at=commits[1].id)
    lost = lake.get(lake.head("lost"))
    commits.append(lake.get(lake.head("try")))
    lake.drop("try")
    lake.drop("lost")
    return lake, clock, commits, lost


def run(lake, clock, lost, told=lambda: None):
    """Collect all but a day of history and what a run read on a dropped branch, telling of each step."""
    watched = Lake(Watched(lake.blobs, told), Watched(lake.refs.catalog, told))
    cited = [lost.tables["t"].digest]
    return collect(watched.refs, watched.blobs, cited=cited, before=FOREVER, history_before=clock.now() - DAY)


def count_steps():
    """Return how many steps a collection takes."""
    lake, clock, _, lost = make_history()
    steps = []
    run(lake, clock, lost, lambda: steps.append(None))
    return len(steps)


def state_of(lake):
    """Return all that is kept."""
    catalog = lake.refs.catalog
    return catalog.refs(), sorted(catalog.listing()), sorted(lake.blobs.digests())


STEPS_TAKEN = range(count_steps())


def test_a_collection_takes_some_steps():
    assert len(STEPS_TAKEN) >= 4


@pytest.mark.parametrize("step", STEPS_TAKEN)
def test_interrupted_anywhere_it_leaves_every_reader_whole_and_ends_the_same(step):
    calm, clock, _, lost = make_history()
    run(calm, clock, lost)
    assert Lake(calm.blobs, calm.refs.catalog).read(lost.tables["t"])["x"].to_list() == [0, 54]
    lake, clock, _, lost = make_history()
    left = [None] * step

    def interrupt():
        if not left:
            raise KeyboardInterrupt
        left.pop()

    with pytest.raises(KeyboardInterrupt):
        run(lake, clock, lost, interrupt)
    assert read_all(Lake(lake.blobs, lake.refs.catalog)) >= read_all(calm)
    run(lake, clock, lost)
    assert state_of(lake) == state_of(calm)


def meddle_commit(lake, clock, commits, lost):
    commit_row(lake, "main", 99)


def meddle_collect(lake, clock, commits, lost):
    run(lake, clock, lost)


def meddle_fork(lake, clock, commits, lost):
    lake.fork("back", at=commits[2].id)


def meddle_tag(lake, clock, commits, lost):
    lake.refs.tag("v2", at=commits[0].id)


def meddle_rollback(lake, clock, commits, lost):
    lake.refs.rollback("main", to=commits[-1].id, expect=lake.head("main"))


def meddle_return(lake, clock, commits, lost):
    lake.refs.forward("returned", to=lost.id, expect=None)


MEDDLING = [meddle_commit, meddle_collect, meddle_fork, meddle_tag, meddle_rollback, meddle_return]


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("meddle", MEDDLING)
@pytest.mark.parametrize("step", [*STEPS_TAKEN, None])
def test_whoever_works_meanwhile_finds_all_or_is_told_that_it_is_gone(step, meddle, cached):
    """Another process, which may have what goes in memory, does something before a step of a collection or after it."""
    lake, clock, commits, lost = make_history()
    other = Lake(lake.blobs, lake.refs.catalog)
    if cached:
        for commit in (*commits, lost):
            other.get(commit.id)
    left, refused = [None] * (len(STEPS_TAKEN) if step is None else step), []

    def interfere():
        if left:
            left.pop()
        elif not refused:
            refused.append(None)
            try:
                meddle(other, clock, commits, lost)
            except ShipwayError as refusal:
                refused.append(refusal.code)

    run(lake, clock, lost, interfere)
    left.clear()
    interfere()
    assert refused in ([None], [None, "SW-209"])
    fresh = Lake(lake.blobs, lake.refs.catalog)
    for name in {**fresh.branches(), **fresh.refs.tags()}:
        fresh.read(fresh.get(fresh.refs.find(name)).tables["t"])
    read_all(fresh)
    assert fresh.read(lost.tables["t"]).height == 2
    run(fresh, clock, lost)
    read_all(Lake(lake.blobs, lake.refs.catalog))


def test_a_branch_that_moves_meanwhile_makes_it_look_again():
    lake, _ = make_lake()
    commit_row(lake, "main", 0)
    lake.fork("try", at=lake.head("main"))
    tried = commit_row(lake, "try", 1)
    lake.drop("try")
    catalog = lake.refs.catalog
    forget, saved = catalog.forget, []

    def meet(digests, *, before, refs):
        if not saved:
            saved.append(True)
            Lake(lake.blobs, catalog).fork("saved", at=tried.id)
        return forget(digests, before=before, refs=refs)

    catalog.forget = meet
    found = collect(lake.refs, lake.blobs, cited=[], before=FOREVER)
    assert (found.commits, found.blobs) == (0, 0)
    assert lake.read(lake.get(lake.head("saved")).tables["t"]).height == 2


def test_damage_keeps_everything():
    lake, _ = make_lake()
    commit_row(lake, "main", 0)
    head = commit_row(lake, "main", 1)
    lake.refs.catalog.spoil(head.id)
    before = set(lake.blobs.digests())
    with pytest.raises(ShipwayError) as caught:
        collect(Lake(lake.blobs, lake.refs.catalog).refs, lake.blobs, cited=[], before=FOREVER)
    assert caught.value.code == "SW-605"
    assert set(lake.blobs.digests()) == before


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["commit", "fork", "tag", "drop", "untag", "merge", "wait", "collect", "dry"]),
        st.integers(0, 2),
        st.integers(0, 2),
    ),
    max_size=24,
)


@settings(max_examples=80)
@given(STEPS)
def test_whatever_happens_what_refs_have_can_be_read(steps):
    lake, clock = make_lake()
    commit_row(lake, "b0", 0)
    value = 0
    for what, one, other in steps:
        name, second = f"b{one}", f"b{other}"
        head = lake.head(name)
        if what == "commit":
            value += 1
            commit_row(lake, name, value)
        elif what == "fork" and head and lake.head(second) is None:
            lake.fork(second, at=head)
        elif what == "tag" and head and second not in lake.refs.tags():
            lake.refs.tag(second, at=head)
        elif what == "drop" and len(lake.branches()) > 1:
            lake.drop(name)
        elif what == "untag":
            lake.refs.untag(name)
        elif what == "merge" and head and lake.head(second) and name != second:
            plan = lake.plan_merge(name, second, keys={"t": ["x"]})
            if not plan.conflicts:
                lake.merge(name, second, expect=lake.head(second), keys={"t": ["x"]})
        elif what == "wait":
            clock.advance(DAY)
        elif what in ("collect", "dry"):
            now = clock.now()
            before, since = now - one * DAY // 2, None if other == 0 else now - other * DAY
            collect(lake.refs, lake.blobs, cited=[], before=before, history_before=since, dry=what == "dry")
    fresh = Lake(lake.blobs, lake.refs.catalog)
    seen = read_all(fresh)
    clock.advance(5 * DAY)
    collect(fresh.refs, fresh.blobs, cited=[], before=clock.now())
    assert read_all(Lake(lake.blobs, lake.refs.catalog)) == seen
    reachable = [
        fresh.get(name)
        for name in fresh.refs.history.reachable([*fresh.branches().values(), *fresh.refs.tags().values()])
    ]
    assert set(fresh.blobs.digests()) == files_of(fresh, reachable)
