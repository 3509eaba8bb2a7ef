"""The conformance suite of the port Log; what takes a second process is in `shipway.testing.log_process`."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from shipway.ports.log import Log
from shipway.testing.refusal import expect_refusal

Make = Callable[[], Log]
"""Makes a fresh, empty log."""

Case = Callable[[Make], None]


def make_columns(start: int, rows: int = 3) -> dict[str, Any]:
    """Return a small segment that no other start gives, one row an instant."""
    at = np.arange(start, start + rows)
    return {"request": [f"r{number}" for number in at], "at": at, "p": at / 7}


def check_new_log_is_empty(make: Make) -> None:
    """A log starts with no stream, and a stream that is not there has neither rows nor columns."""
    log = make()
    assert log.streams() == []
    assert log.read("predictions").shape == (0, 0)
    assert log.read("predictions", since=0, until=9, columns=["at"]).shape == (0, 0)
    assert log.streams() == []


def check_rows_come_back_as_they_were(make: Make) -> None:
    """Every kind of column comes back with its type, its edge values, its nulls and its NaN."""
    log = make()
    numbers = np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324, 1.7976931348623157e308])
    whole = np.array([-(2**63), -1, 0, 1, 2**53 + 1, 2**63 - 1])
    text = [None, "", "Zürich\x00𝄞", "a,b\n", "null", "NaN"]
    flags = np.array([True, False, True, True, False, False])
    newest = [None, 2**53 + 1, None, -1, 0, None]
    log.append("s", {"text": text, "at": whole, "x": numbers, "flag": flags, "newest": newest})
    found = log.read("s")
    assert found.schema == pl.Schema(
        {"text": pl.String, "at": pl.Int64, "x": pl.Float64, "flag": pl.Boolean, "newest": pl.Int64}
    )
    assert found["text"].to_list() == text
    assert found["at"].to_list() == whole.tolist()
    assert found["x"].null_count() == 0
    assert found["x"].to_numpy().tobytes() == numbers.tobytes()
    assert found["flag"].to_list() == flags.tolist()
    assert found["newest"].to_list() == newest


def check_order_is_that_of_appending(make: Make) -> None:
    """Segments come in the order appended and rows in theirs, whatever their instants and however many they are."""
    log = make()
    starts = random.Random(3).sample(range(0, 10_000, 10), 120)
    for start in starts:
        log.append("s", make_columns(start))
    assert log.read("s")["at"].to_list() == [start + place for start in starts for place in range(3)]


def check_period_is_half_open(make: Make) -> None:
    """The rows of a period are those with since <= at < until, wherever segments begin and end."""
    log = make()
    draws = np.random.default_rng(5)
    segments = [draws.integers(-20, 20, draws.integers(1, 6)) for _ in range(25)]
    for segment in segments:
        log.append("s", {"at": segment, "p": segment / 2})
    at = np.concatenate(segments)
    ends = (None, -21, -20, -3, 0, 7, 19, 20, 21)
    for since in ends:
        for until in ends:
            wanted = at[(at >= (-99 if since is None else since)) & (at < (99 if until is None else until))]
            found = log.read("s", since=since, until=until)
            assert found.shape == ((wanted.size, 2) if wanted.size else (0, 0)), (since, until)
            for columns in (["p"], ["p", "at"]):
                some = log.read("s", since=since, until=until, columns=columns)
                assert some.columns == (columns if wanted.size else [])
            if wanted.size:
                assert found["at"].to_list() == wanted.tolist()
                assert found["p"].to_list() == (wanted / 2).tolist()


def check_missing_columns_are_null(make: Make) -> None:
    """A column that only some segments have is null in the others, with its type, also where none of those is read."""
    log = make()
    log.append("s", {"at": np.array([1]), "old": [None]})
    log.append("s", {"at": np.array([2]), "new": np.array([0.5]), "flag": np.array([True])})
    log.append("s", {"at": np.array([3]), "old": ["x"], "error": [None]})
    columns = {"at": pl.Int64, "old": pl.String, "new": pl.Float64, "flag": pl.Boolean, "error": pl.String}
    rows = [[1, None, None, None, None], [2, None, 0.5, True, None], [3, "x", None, None, None]]
    assert_frame_equal(log.read("s"), pl.DataFrame(rows, schema=columns, orient="row"))
    assert log.read("s", since=3).columns == ["at", "old", "error"]
    found = log.read("s", since=3, columns=["new", "old"])
    assert_frame_equal(found, pl.DataFrame({"new": [None], "old": ["x"]}, schema={"new": pl.Float64, "old": pl.String}))
    alone = log.read("s", until=2, columns=["flag"])
    assert_frame_equal(alone, pl.DataFrame({"flag": [None]}, schema={"flag": pl.Boolean}))
    with expect_refusal("SW-202"):
        log.read("s", columns=["at", "nwe"])


def check_complete_rows_have_each_column(make: Make) -> None:
    """Where rows must be complete, those of segments that lack a column wanted are left out; a null is no lack."""
    log = make()
    log.append("s", {"at": np.array([1]), "a": ["x"]})
    log.append("s", {"at": np.array([2]), "a": [None], "b": [None]})
    log.append("s", {"at": np.array([3]), "b": np.array([0.5])})
    for columns, wanted in ((["at", "a"], [1, 2]), (["b", "at"], [2, 3]), (["at", "a", "b"], [2]), (None, [1, 2, 3])):
        found = log.read("s", columns=columns, complete=True)
        assert found["at"].to_list() == wanted
        assert columns is None or found.columns == columns
    assert log.read("s", since=3, columns=["at", "a"], complete=True).shape == (0, 0)
    assert log.read("s", columns=["c"], complete=True).shape == (0, 0)


def check_column_has_one_type(make: Make) -> None:
    """Segments that hold one column in different types are refused when they are read together, not converted."""
    log = make()
    log.append("s", {"at": np.array([1]), "x": np.array([2**53 + 1])})
    log.append("s", {"at": np.array([2]), "x": np.array([0.5])})
    with expect_refusal("SW-605"):
        log.read("s")
    assert log.read("s", until=2)["x"].to_list() == [2**53 + 1]
    assert log.read("s", columns=["at"])["at"].to_list() == [1, 2]


def check_no_rows_are_no_segment(make: Make) -> None:
    """Appending no rows leaves nothing."""
    log = make()
    log.append("s", {"at": np.array([], dtype=np.int64), "x": []})
    assert log.streams() == []
    assert log.read("s").shape == (0, 0)


def check_wrong_types_are_refused(make: Make) -> None:
    """What the log cannot keep, and rows without an instant, are refused before anything is written."""
    log = make()
    one = np.array([1])
    for columns in (
        {"at": one, "x": [b"bytes"]},
        {"at": one, "x": np.array([1.0], dtype=np.float32)},
        {"at": one.astype(np.float64)},
        {"at": [None]},
        {"x": one},
    ):
        with expect_refusal("SW-203"):
            log.append("s", columns)
    assert log.streams() == []


def check_streams_are_apart(make: Make) -> None:
    """Streams do not see each other, come sorted, and may have any name without leaving the log's own folder."""
    log = make()
    names = ["predictions", "features.3f2a", "features.3f2b", "..", ".hidden", "../out", "a/b", "%2E", "Zürich 𝄞"]
    for number, name in enumerate(names):
        log.append(name, make_columns(10 * number))
    assert log.streams() == sorted(names)
    for number, name in enumerate(names):
        assert log.read(name)["at"].to_list() == [10 * number, 10 * number + 1, 10 * number + 2]


def check_later_changes_are_not_seen(make: Make) -> None:
    """What the caller does to its arrays and lists after appending changes nothing."""
    log = make()
    at, text = np.array([1, 2]), ["a", None]
    log.append("s", {"at": at, "text": text})
    at[:] = 9
    text[:] = ["z", "z"]
    assert log.read("s").rows() == [(1, "a"), (2, None)]


def check_threads_share_a_stream(make: Make) -> None:
    """Threads that append at once lose nothing, and each one's segments keep their order."""
    log = make()

    def write(writer: int) -> None:
        for number in range(15):
            log.append("s", {"at": np.array([number] * 2), "writer": np.array([writer] * 2)})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    found = log.read("s")
    assert found.height == 4 * 15 * 2
    for writer in range(4):
        assert found.filter(pl.col("writer") == writer)["at"].to_list() == [n for n in range(15) for _ in range(2)]


def check_damage_is_refused(make: Make, spoil: Callable[[Log, str], None]) -> None:
    """A damaged segment is refused, never skipped, and does no harm to other streams or to appending.

    Args:
        make: makes a fresh, empty log.
        spoil: damages a segment of a stream behind the log's back.
    """
    log = make()
    for start in (0, 10, 20):
        log.append("s", make_columns(start))
        log.append("other", make_columns(start))
    spoil(log, "s")
    for columns in (None, ["at"]):
        with expect_refusal("SW-605"):
            log.read("s", columns=columns)
    log.append("s", make_columns(30))
    with expect_refusal("SW-605"):
        log.read("s")
    assert log.read("other").height == 9


CASES: Final[tuple[Case, ...]] = (
    check_new_log_is_empty,
    check_rows_come_back_as_they_were,
    check_order_is_that_of_appending,
    check_period_is_half_open,
    check_missing_columns_are_null,
    check_complete_rows_have_each_column,
    check_column_has_one_type,
    check_no_rows_are_no_segment,
    check_wrong_types_are_refused,
    check_streams_are_apart,
    check_later_changes_are_not_seen,
    check_threads_share_a_stream,
)
"""The cases every Log passes, besides `check_damage_is_refused`, which also needs a way to do damage."""
