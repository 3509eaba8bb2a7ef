import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.adapters.file.blob import FileBlobs
from shipway.adapters.lake.ref import RefStore
from shipway.core.error import ShipwayError
from shipway.core.table import Part, Snapshot
from shipway.kit.canonical import canonical_json
from shipway.testing.fake import MemoryTables

OPEN = """
import sys
from pathlib import Path
from shipway.adapters.file.blob import FileBlobs
from shipway.adapters.lake.ref import RefStore
from shipway.core.error import ShipwayError
from shipway.core.table import Part, Snapshot
folder, name = Path(sys.argv[1]), sys.argv[2]
refs = RefStore(FileBlobs(folder / "blobs"), folder / "refs.sqlite")
def snapshot(rows):
    return Snapshot(columns={"id": "Int64"}, parts=(Part(digest=name, rows=rows, size_bytes=1),))
"""

RACE = """
print("ready", flush=True)
for line in sys.stdin:
    number, expect = line.split()
    tables = {"t": snapshot(int(number))}
    try:
        print(refs.commit("main", tables, expect=None if expect == "-" else expect, message="race").id, flush=True)
    except ShipwayError as error:
        print(error.code, flush=True)
"""

COMMIT_FOREVER = """
while True:
    head = refs.head("main")
    rows = refs.get(head).tables["t"].parts[0].rows + 1 if head else 1
    print(refs.commit("main", {"t": snapshot(rows), "u": snapshot(rows)}, expect=head, message="on").id, flush=True)
"""


def make_snapshot(number):
    return Snapshot(columns={"id": "Int64"}, parts=(Part(digest=f"part{number}", rows=number, size_bytes=1),))


def open_refs(folder):
    return RefStore(FileBlobs(folder / "blobs"), folder / "refs.sqlite")


@pytest.fixture
def refs(tmp_path):
    opened = open_refs(tmp_path)
    yield opened
    opened.close()


def test_branches_are_there_when_opened_again(tmp_path, refs):
    commit = refs.commit("main", {"t": make_snapshot(1)}, expect=None, message="first")
    refs.close()
    refs.close()
    with closing(open_refs(tmp_path)) as again:
        assert again.branches() == {"main": commit.id}
        assert again.get(commit.id) == commit


def test_commit_is_the_blob_of_its_canonical_json(tmp_path, refs):
    commit = refs.commit("main", {"t": make_snapshot(1)}, expect=None, message="first")
    assert FileBlobs(tmp_path / "blobs").get(commit.id) == canonical_json(commit)


def test_commit_ids_do_not_depend_on_the_folder(tmp_path):
    ids = []
    for name in ("one", "another"):
        (tmp_path / name).mkdir()
        with closing(open_refs(tmp_path / name)) as refs:
            first = refs.commit("main", {"b": make_snapshot(1), "a": make_snapshot(2)}, expect=None, message="first")
            ids.append(refs.commit("main", {"c": make_snapshot(3)}, expect=first.id, message="second").id)
    assert ids[0] == ids[1]


def test_other_json_in_the_store_is_no_commit(tmp_path, refs):
    commit = refs.commit("main", {"t": make_snapshot(1)}, expect=None, message="first")
    spaced = canonical_json(commit).replace(b":", b": ")
    for data in (b"{}", b"[1]", b"no JSON", spaced):
        with pytest.raises(ShipwayError) as caught:
            refs.get(FileBlobs(tmp_path / "blobs").put(data))
        assert caught.value.code == "SW-209"


def test_damaged_commit_is_refused(tmp_path, refs):
    commit = refs.commit("main", {"t": make_snapshot(1)}, expect=None, message="first")
    path = FileBlobs(tmp_path / "blobs").path(commit.id)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"first", b"worst"))
    with pytest.raises(ShipwayError) as caught:
        refs.get(commit.id)
    assert caught.value.code == "SW-605"


def test_unknown_branch_is_answered_with_the_nearest(refs):
    refs.commit("main", {}, expect=None, message="first")
    with pytest.raises(ShipwayError) as caught:
        refs.merge("mian", "other", expect=None)
    assert caught.value.hint == "did you mean 'main'?"


def test_refusal_says_where_the_branch_is(refs):
    commit = refs.commit("main", {}, expect=None, message="first")
    with pytest.raises(ShipwayError) as caught:
        refs.commit("main", {}, expect="f" * 64, message="stale")
    assert caught.value.fact == f"branch 'main' was expected at ffffffffffff and is at {commit.id[:12]}"
    with pytest.raises(ShipwayError) as caught:
        refs.commit("main", {}, expect=None, message="stale")
    assert caught.value.fact == f"branch 'main' was expected absent and is at {commit.id[:12]}"


def test_missing_folder_and_noise_are_refused(tmp_path):
    with pytest.raises(ShipwayError) as caught:
        RefStore(FileBlobs(tmp_path / "blobs"), tmp_path / "missing" / "refs.sqlite")
    assert caught.value.code == "SW-602"
    (tmp_path / "noise").write_bytes(b"no database at all" * 1_000)
    with pytest.raises(ShipwayError) as caught:
        RefStore(FileBlobs(tmp_path / "blobs"), tmp_path / "noise")
    assert caught.value.code == "SW-605"


def test_branches_load_without_heavy_libraries():
    source = "import sys, shipway.adapters.lake.ref; print({'polars', 'numpy', 'scipy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", source], text=True).strip() == "set()"


def test_of_two_processes_exactly_one_moves_the_branch(tmp_path, spawn):
    children = [spawn(OPEN + RACE, tmp_path, name) for name in ("one", "two")]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    winners, expect = [], "-"
    for number in range(40):
        for child in children[:: 1 if number % 2 else -1]:
            child.stdin.write(f"{number} {expect}\n")
            child.stdin.flush()
        outcomes = [child.stdout.readline().strip() for child in children]
        assert outcomes.count("SW-208") == 1, f"round {number}: {outcomes}"
        winners.append(next(outcome for outcome in outcomes if outcome != "SW-208"))
        expect = winners[-1]
    with closing(open_refs(tmp_path)) as refs:
        assert [commit.id for commit in refs.log("main")] == winners[::-1]


def test_killed_committers_lose_nothing_and_tear_nothing(tmp_path, spawn):
    delays, acknowledged = random.Random(5), []
    for round_ in range(6):
        child = spawn(OPEN + COMMIT_FOREVER, tmp_path, f"round{round_}")
        first = child.stdout.readline()
        time.sleep(delays.uniform(0.0, 0.03))
        child.send_signal(signal.SIGKILL)
        acknowledged += [line.strip() for line in [first, *child.stdout] if line.endswith("\n")]
        child.wait()
        with closing(open_refs(tmp_path)) as refs:
            log = list(refs.log("main"))
        for place, commit in enumerate(reversed(log), 1):
            assert commit.tables["t"] == commit.tables["u"]
            assert commit.tables["t"].rows == place
        assert set(acknowledged) <= {commit.id for commit in log}


BRANCHES = st.sampled_from(["main", "try", "other"])
NUMBERS = st.integers(0, 3)
OPERATIONS = st.one_of(
    st.tuples(st.just("commit"), BRANCHES, st.dictionaries(st.sampled_from("tu"), NUMBERS), NUMBERS),
    st.tuples(st.just("fork"), BRANCHES, NUMBERS),
    st.tuples(st.just("merge"), BRANCHES, BRANCHES, NUMBERS),
    st.tuples(st.just("drop"), BRANCHES),
    st.tuples(st.just("log"), BRANCHES),
)


def perform(tables, commits, operation):
    """Return what an operation gives, or the code it is refused with.

    The last number picks what the caller expects: 0 nothing, 1 where the branch is, more an earlier commit.
    """
    verb, branch, *rest = operation

    def expected(at, pick):
        return None if pick == 0 else tables.head(at) if pick == 1 else commits[-pick] if len(commits) >= pick else "?"

    try:
        match verb:
            case "commit":
                content = {name: make_snapshot(number) for name, number in rest[0].items()}
                return tables.commit(branch, content, expect=expected(branch, rest[1]), message="m").id
            case "fork":
                return tables.fork(branch, at=expected("main", rest[0]) or "?")
            case "merge":
                return tables.merge(branch, rest[0], expect=expected(rest[0], rest[1])).id
            case "drop":
                return tables.drop(branch)
            case _:
                return [commit.id for commit in tables.log(branch)]
    except ShipwayError as refusal:
        return refusal.code


@settings(max_examples=40, deadline=None)
@given(st.lists(OPERATIONS, min_size=5, max_size=25))
def test_any_history_is_the_same_in_memory(operations):
    folder, commits = Path(tempfile.mkdtemp()), []
    model = MemoryTables()
    with closing(open_refs(folder)) as refs:
        for operation in operations:
            expected = perform(model, commits, operation)
            assert perform(refs, commits, operation) == expected
            assert refs.branches() == model.branches()
            if operation[0] == "commit" and not expected.startswith("SW-"):
                commits.append(expected)
    shutil.rmtree(folder)


@pytest.mark.parametrize("content", [None, b"{}"])
def test_a_commit_that_a_branch_names_is_lost_and_never_unknown(tmp_path, content):
    blobs = FileBlobs(tmp_path / "blobs")
    with closing(RefStore(blobs, tmp_path / "refs.db")) as refs:
        first = refs.commit("main", {"t": Snapshot(columns={}, parts=())}, expect=None, message="one")
        part = Part(digest="0" * 64, rows=1, size_bytes=1)
        second = refs.commit("main", {"t": Snapshot(columns={}, parts=(part,))}, expect=first.id, message="two")
        for commit in (first, second):
            path = blobs.path(commit.id)
            path.unlink()
            if content is not None:
                path.write_bytes(content)
            with pytest.raises(ShipwayError, match="SW-605"):
                list(refs.log("main"))
        with pytest.raises(ShipwayError, match="SW-605"):
            refs.get(second.id)
        with pytest.raises(ShipwayError, match="SW-209"):
            refs.get("f" * 64)
