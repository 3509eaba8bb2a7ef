from hypothesis import given
from hypothesis import strategies as st

from shipway.core.artifact import Artifact
from shipway.core.body import DataMoved, RunFinished, RunStarted, VersionOpened, VersionRegistered, make_draft
from shipway.core.citation import find_cited, find_digests
from shipway.core.ledger import GENESIS, Entry
from shipway.kit.canonical import canonical_json, digest_value


def name(number):
    """Return a digest that no other number has."""
    return digest_value(["of", number])


def write(*bodies):
    """Return bodies as the entries of a ledger, one a microsecond."""
    drafts = [make_draft(body, subject="x", actor="me") for body in bodies]
    return [
        Entry(seq=at, at=at, actor=d.actor, kind=d.kind, subject=d.subject, body=d.body, prev=GENESIS, digest=name(-at))
        for at, d in enumerate(drafts, start=1)
    ]


def run(task, key, reads, makes):
    """Return the entries of a run that finished."""
    outputs = {"out": Artifact(kind="x", digest=makes)}
    return [
        RunStarted(task=task, key=key, inputs={"in": reads}, params={}),
        RunFinished(task=task, key=key, outputs=outputs, seconds=0.0, peak_mb=0.0),
    ]


def test_a_run_cites_what_it_read_and_made():
    entries = write(*run("a", name(1), name(2), name(3)))
    assert find_cited(entries) == {name(2), name(3)}
    assert find_cited(entries, superseded_before=100) == {name(2), name(3)}


def test_a_run_that_was_superseded_long_ago_cites_nothing_unless_something_stands_on_it():
    first, second = run("a", name(1), name(2), name(3)), run("a", name(4), name(5), name(6))
    assert find_cited(write(*first, *second), superseded_before=100) == {name(5), name(6)}
    assert find_cited(write(*first, *second), superseded_before=2) == {name(n) for n in (2, 3, 5, 6)}
    assert find_cited(write(*first, *second)) == {name(n) for n in (2, 3, 5, 6)}
    opened = VersionOpened(model="m", number=1, key=name(1), cut=0)
    kept = find_cited(write(*first, opened, *second), superseded_before=100)
    assert kept == {name(n) for n in (1, 2, 3, 5, 6)}


def test_lineage_is_followed_to_its_beginning():
    old = [run("a", name(1), name(2), name(3)), run("b", name(4), name(3), name(5))]
    new = [run("a", name(6), name(7), name(8)), run("b", name(9), name(8), name(10))]
    bundle = VersionRegistered(model="m", number=1, bundle=name(5))
    entries = write(*(body for pair in (*old, *new) for body in pair), bundle)
    assert find_cited(entries, superseded_before=100) >= {name(2), name(3), name(5)}
    assert name(2) not in find_cited(entries[:-1], superseded_before=100)


def test_moves_of_data_are_history_and_unfinished_runs_keep_nothing_by_age():
    moved = DataMoved(branch="main", commit=name(1), before=None, verdict=name(2), rows={})
    started = RunStarted(task="a", key=name(3), inputs={"in": name(4)}, params={})
    assert find_cited(write(moved, started)) == set()


@given(st.lists(st.integers(0, 50), max_size=8), st.text(alphabet='xyz-{}"', max_size=5))
def test_every_digest_in_a_document_is_found(numbers, between):
    digests = [name(number) for number in numbers]
    assert find_digests(between.join(digests).encode() if between else canonical_json(digests)) == set(digests)


def test_longer_runs_of_digits_are_no_digest():
    assert find_digests(b"a" * 65 + b" " + b"b" * 63) == set()
