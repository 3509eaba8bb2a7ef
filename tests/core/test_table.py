import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shipway.core.table import Commit, Part, Snapshot
from shipway.kit.canonical import canonical_json, digest_bytes

COUNTS = st.integers(0, 2**63 - 1)
PARTS = st.builds(Part, digest=st.text(), rows=COUNTS, size_bytes=COUNTS)
SNAPSHOTS = st.builds(
    Snapshot,
    columns=st.dictionaries(st.text(), st.text(), max_size=4),
    parts=st.lists(PARTS, max_size=4).map(tuple),
)
COMMITS = st.builds(
    Commit,
    parents=st.lists(st.text(), max_size=2).map(tuple),
    tables=st.dictionaries(st.text(), SNAPSHOTS, max_size=3),
    message=st.text(),
)


@given(COMMITS)
def test_commit_reads_back_from_its_json(commit):
    again = msgspec.json.decode(canonical_json(commit), type=Commit)
    assert again == commit
    assert again.id == commit.id == digest_bytes(canonical_json(commit))


@given(SNAPSHOTS)
def test_rows_are_those_of_the_parts(snapshot):
    total = 0
    for part in snapshot.parts:
        total += part.rows
    assert snapshot.rows == total


def test_order_of_parts_is_content():
    first, second = Part(digest="a", rows=1, size_bytes=1), Part(digest="b", rows=1, size_bytes=1)
    columns = {"x": "Int64"}
    assert (
        Snapshot(columns=columns, parts=(first, second)).digest
        != Snapshot(columns=columns, parts=(second, first)).digest
    )
