import datetime as dt
import hashlib
import math
import struct

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from shipway.core.error import ShipwayError
from shipway.core.prediction import PREDICTION_COLUMNS
from shipway.core.service import Routing, Variant
from shipway.monitoring.reading import (
    SCHEMA,
    digest_rows,
    distinct_predictions,
    join_labels,
    pair_versions,
    read_vectors,
    served,
)
from shipway.testing.fake import MemoryLog

STAGES = (Variant(version=1, bundle="a", online="o"), Variant(version=2, bundle="b", online="o"))


def make_row(request, version, role="live", **changed):
    row = {
        "request": request,
        "row": f"row of {request}",
        "at": 10,
        "unit": request,
        "version": version,
        "role": role,
        "weight": 0.5,
        "token": 7,
        "p": 0.25 * version,
        "error": None,
        "latency_us": 300 + version,
        "answer_us": 900,
        "online": "o",
    }
    return row | changed


def make_log(rows):
    return pl.DataFrame(rows, schema=SCHEMA)


def predict(request, version):
    """A prediction that repeats; version 2 fails on every fifth request."""
    return math.nan if version == 2 and request % 5 == 0 else (request * 37 % 101) / 101 / version


def ask(requests, weight, latency, token=1):
    """What the server logs for requests, one live row and one in shadow each."""
    routing = Routing(
        service="s", model="m", stable=STAGES[0], candidate=STAGES[1], weight=weight, salt="x", token=token
    )
    rows = []
    for place, request in enumerate(requests):
        live = 2 if routing.choose(str(request)) else 1
        for version in (live, 3 - live):
            p = predict(request, version)
            rows.append(
                make_row(
                    f"r{request}",
                    version,
                    "live" if version == live else "shadow",
                    at=1000 * request,
                    weight=weight,
                    token=token,
                    p=p,
                    error="SW-206" if math.isnan(p) else None,
                    latency_us=latency + place,
                    answer_us=latency + place + 100,
                )
            )
    return rows


def in_words(frame):
    """Rows as text, in which NaN is equal to itself."""
    return [repr(row) for row in frame.rows()]


def test_schema_is_that_of_the_log():
    assert list(SCHEMA) == list(PREDICTION_COLUMNS)
    assert SCHEMA["at"] == SCHEMA["version"] == pl.Int64
    assert SCHEMA["p"] == pl.Float64
    assert SCHEMA["error"] == pl.String


@pytest.mark.parametrize("empty", [pl.DataFrame(), pl.DataFrame(schema=SCHEMA)])
def test_empty_log_has_the_columns_of_a_full_one(empty):
    full = make_log([make_row("a", 1), make_row("a", 2, "shadow")])
    assert distinct_predictions(empty).schema == distinct_predictions(full).schema == SCHEMA
    assert served(empty).schema == served(full).schema == SCHEMA
    assert pair_versions(empty, 1, 2).schema == pair_versions(full, 1, 2).schema
    assert [f(empty).height for f in (distinct_predictions, served, lambda rows: pair_versions(rows, 1, 2))] == [0] * 3
    assert digest_rows(empty, ["request", "p"]) == digest_rows(full.clear(), ["request", "p"])


def test_first_of_equals_is_kept_and_live_before_shadow():
    rows = make_log(
        [
            make_row("a", 1, "shadow", latency_us=1),
            make_row("b", 1, "live", latency_us=2),
            make_row("a", 1, "live", latency_us=3),
            make_row("b", 1, "live", latency_us=4),
            make_row("a", 1, "live", latency_us=5),
            make_row("b", 2, "shadow", latency_us=6),
        ]
    )
    found = distinct_predictions(rows)
    assert found.select("request", "version", "role", "latency_us").rows() == [
        ("b", 1, "live", 2),
        ("a", 1, "live", 3),
        ("b", 2, "shadow", 6),
    ]


@given(st.data())
def test_what_is_logged_twice_counts_once(data):
    requests = list(range(data.draw(st.integers(1, 25))))
    weight = data.draw(st.sampled_from([0.0, 0.02, 0.5, 1.0]))
    once = ask(requests, weight, 300)
    again = [row for row in ask(requests, weight, 5_000) if data.draw(st.booleans())]
    rows = make_log(once + data.draw(st.permutations(again)))
    assert in_words(distinct_predictions(rows)) == in_words(make_log(once))
    assert in_words(pair_versions(rows, 1, 2)) == in_words(pair_versions(make_log(once), 1, 2))
    assert in_words(served(rows)) == in_words(make_log([row for row in once if row["role"] == "live"]))
    assert in_words(distinct_predictions(distinct_predictions(rows))) == in_words(distinct_predictions(rows))


@given(st.permutations(ask(range(6), 0.5, 300) + ask(range(3), 0.5, 5_000)))
def test_what_must_repeat_does_not_depend_on_the_order_of_the_log(rows):
    columns = [name for name in PREDICTION_COLUMNS if name not in ("latency_us", "answer_us")]
    once = make_log(ask(range(6), 0.5, 300))
    assert digest_rows(distinct_predictions(make_log(rows)), columns) == digest_rows(once, columns)
    pair = ["request", "row", "at", "token", "weight", "p_stable", "p_candidate", "error_candidate", "answered"]
    found, wanted = (pair_versions(each, 1, 2) for each in (make_log(rows), once))
    assert digest_rows(found, pair) == digest_rows(wanted, pair)


@pytest.mark.parametrize("other", [0.26, math.nan])
def test_prediction_that_does_not_repeat_is_refused(other):
    rows = [make_row("a", 1), make_row("flight 7", 1), make_row("flight 7", 1, p=other)]
    for read in (distinct_predictions, served, lambda rows: pair_versions(rows, 1, 2)):
        with pytest.raises(ShipwayError) as caught:
            read(make_log(rows))
        assert caught.value.code == "SW-605"
        assert "'flight 7'" in caught.value.fact


def test_a_request_that_its_caller_sent_again_counts_once():
    rows = [make_row("a", 1), make_row("b", 1), make_row("a", 1, p=0.26, at=make_row("a", 1)["at"] + 5)]
    for read in (distinct_predictions, served):
        found = read(make_log(rows))
        assert found["request"].to_list() == ["a", "b"]
        assert found["p"].to_list() == [row["p"] for row in rows[:2]]


def test_failure_that_repeats_is_one_row():
    failed = make_row("a", 1, p=math.nan, error="SW-206")
    assert distinct_predictions(make_log([failed, failed])).height == 1


def test_served_is_one_row_a_request_by_the_newest_routing():
    rows = make_log(
        [
            make_row("a", 1, token=7),
            make_row("a", 2, "shadow", token=7),
            make_row("b", 1, token=7),
            make_row("b", 2, "shadow", token=7),
            make_row("c", 1, "shadow", token=9),
            make_row("a", 2, token=9),
            make_row("a", 1, "shadow", token=9),
        ]
    )
    assert served(rows).select("request", "version", "token").rows() == [("b", 1, 7), ("a", 2, 9)]
    pairs = pair_versions(rows, 1, 2)
    assert pairs.select("request", "answered", "token").rows() == [("a", "candidate", 9), ("b", "stable", 7)]


@given(st.integers(0, 40), st.floats(0, 1))
def test_each_request_is_a_pair_and_the_answer_is_the_live_rows(n, weight):
    rows = ask(range(n), weight, 300)
    pairs = pair_versions(make_log(rows), 1, 2)
    assert pairs.columns == [
        "request", "row", "at", "token", "weight", "p_stable", "p_candidate", "error_stable", "error_candidate",
        "latency_stable_us", "latency_candidate_us", "answer_us", "answered",
    ]  # fmt: skip
    by_place = {(row["request"], row["version"]): row for row in rows}
    assert pairs["request"].to_list() == [f"r{request}" for request in range(n)]
    for pair in pairs.iter_rows(named=True):
        stable, candidate = by_place[pair["request"], 1], by_place[pair["request"], 2]
        live = stable if stable["role"] == "live" else candidate
        assert pair["answered"] == ("stable" if live is stable else "candidate")
        assert (pair["at"], pair["token"], pair["weight"]) == (live["at"], live["token"], live["weight"])
        assert (pair["row"], pair["answer_us"]) == (live["row"], live["answer_us"])
        assert repr(pair["p_stable"]) == repr(stable["p"])
        assert repr(pair["p_candidate"]) == repr(candidate["p"])
        assert (pair["error_stable"], pair["error_candidate"]) == (stable["error"], candidate["error"])
        assert pair["latency_stable_us"] == stable["latency_us"]
        assert pair["latency_candidate_us"] == candidate["latency_us"]


def test_pair_leaves_out_what_only_one_version_predicted():
    rows = make_log(
        [
            make_row("both", 1),
            make_row("both", 2, "shadow"),
            make_row("stable only", 1),
            make_row("candidate only", 2),
            make_row("other", 3),
            make_row("other", 2, "shadow"),
        ]
    )
    assert pair_versions(rows, 1, 2)["request"].to_list() == ["both"]
    assert pair_versions(rows, 3, 2).select("request", "answered").rows() == [("other", "stable")]


def test_pair_that_neither_answered_says_so():
    rows = [make_row("a", 1, "shadow", weight=0.1), make_row("a", 2, "shadow", weight=0.2), make_row("a", 3, "live")]
    for some in (rows, rows[:2]):
        assert pair_versions(make_log(some), 1, 2).select("answered", "weight").rows() == [(None, 0.1)]


def make_labels(labels):
    return pl.DataFrame(labels, schema={"row": pl.String, "label": pl.Boolean, "known_at": pl.Int64}, orient="row")


KEYS = st.sampled_from(["a", "b", "c", None])


@given(
    st.lists(KEYS, max_size=12),
    st.lists(
        st.tuples(KEYS, st.none() | st.booleans(), st.integers(0, 9)), max_size=12, unique_by=lambda t: (t[0], t[2])
    ),
    st.integers(-1, 10),
)
def test_labels_are_those_known_last_by_then(keys, labels, known_by):
    rows = pl.DataFrame({"row": keys, "place": range(len(keys))}, schema={"row": pl.String, "place": pl.Int64})
    found = join_labels(rows, make_labels(labels), known_by)
    assert found.columns == ["row", "place", "label", "known_at"]
    assert_frame_equal(found.select("row", "place"), rows)
    for key, _, label, known_at in found.iter_rows():
        known = [(at, value) for name, value, at in labels if name == key and key is not None and at <= known_by]
        assert (known_at, label) == max(known, key=lambda pair: pair[0], default=(None, None))


def test_label_repeated_is_one_and_two_at_once_are_refused():
    rows = pl.DataFrame({"row": ["a", "b"]})
    same = make_labels([("a", True, 5), ("a", True, 5), ("b", False, 3)])
    assert join_labels(rows, same, 9).rows() == [("a", True, 5), ("b", False, 3)]
    both = make_labels([("a", True, 5), ("a", False, 5)])
    assert join_labels(rows, both, 4)["label"].to_list() == [None, None]
    with pytest.raises(ShipwayError) as caught:
        join_labels(rows, both, 5)
    assert caught.value.code == "SW-205"
    assert "'a'" in caught.value.fact


CELLS = {
    "request": st.none() | st.text(max_size=3),
    "x": st.none() | st.floats(),
    "n": st.none() | st.integers(-(2**63), 2**63 - 1),
    "flag": st.none() | st.booleans(),
    "text": st.none() | st.sampled_from(["", "a", "ab", "b"]),
}
TYPES = {"request": pl.String, "x": pl.Float64, "n": pl.Int64, "flag": pl.Boolean, "text": pl.String}
TABLES = st.lists(st.tuples(*CELLS.values()), max_size=8)


def make_table(rows):
    return pl.DataFrame(rows, schema=TYPES, orient="row")


def in_bits(rows):
    """What the digest is of, as plain values: floating point by its bits, NaN as one."""
    words = [
        tuple("nan" if v != v else struct.pack("<d", v) if isinstance(v, float) else v for v in row) for row in rows
    ]
    return sorted(map(repr, words))


@given(TABLES, st.data())
def test_digest_does_not_depend_on_order_or_segments(rows, data):
    frame = make_table(rows)
    shuffled = make_table(data.draw(st.permutations(rows)))
    cut = data.draw(st.integers(0, len(rows)))
    pieces = pl.concat([shuffled[:cut], shuffled[cut:]], rechunk=False)
    assert digest_rows(frame, list(TYPES)) == digest_rows(shuffled, list(TYPES)) == digest_rows(pieces, list(TYPES))


@given(TABLES, TABLES)
def test_digest_tells_other_content(one, other):
    digests = [digest_rows(make_table(rows), list(TYPES)) for rows in (one, other)]
    assert (digests[0] == digests[1]) == (in_bits(one) == in_bits(other))


def test_digest_tells_where_one_text_ends_and_which_value_is_missing():
    tables = [
        {"a": ["xy", "z"]},
        {"a": ["x", "yz"]},
        {"a": ["xyz", ""]},
        {"a": ["xyz", None]},
        {"a": [None, None]},
        {"a": [0, 1]},
        {"a": [0.0, 1.0]},
        {"a": [-0.0, 1.0]},
        {"a": [None, 1.0]},
        {"a": [math.nan, 1.0]},
        {"a": ["xy"]},
    ]
    assert len({digest_rows(pl.DataFrame(table), ["a"]) for table in tables}) == len(tables)
    pair = pl.DataFrame({"a": [1, 2], "b": [2, 1]})
    swapped = pl.DataFrame({"a": [1, 2], "b": [1, 2]})
    assert digest_rows(pair, ["a", "b"]) != digest_rows(swapped, ["a", "b"])
    assert digest_rows(pair, ["a"]) != digest_rows(pair, ["b"])
    assert digest_rows(pair, ["a"]) == digest_rows(swapped, ["a"])


def test_digest_is_of_values_not_of_how_they_are_held():
    nans = np.array([0x7FF8000000000000, 0xFFF8000000000000, 0x7FF8000000000123], dtype=np.uint64).view(np.float64)
    assert len({digest_rows(pl.DataFrame({"x": nans[[i]]}), ["x"]) for i in range(3)}) == 1
    nothing = [pl.Series("x", [None, None], dtype=dtype) for dtype in (pl.Null, pl.String, pl.Int64, pl.Float64)]
    assert len({digest_rows(pl.DataFrame([each]), ["x"]) for each in nothing}) == 1
    at = dt.datetime(2013, 7, 1, tzinfo=dt.UTC)
    instants = pl.DataFrame({"at": pl.Series([at], dtype=pl.Datetime("us", "UTC"))})
    assert digest_rows(instants, ["at"]) == digest_rows(instants.cast(pl.Int64), ["at"])


def test_digest_is_of_the_bytes_documented():
    rows = pl.DataFrame({"request": ["b", "é", None], "version": [1, 2, 3], "p": [0.5, math.nan, None]})
    found = digest_rows(rows, ["request", "version", "p"])
    header = b'[3,[["request","text"],["version","int"],["p","float"]]]'
    # In order: the row without a request, then "b", then "é", which has two bytes.
    request = b"\x60" + struct.pack("<3q", 0, 1, 2) + b"b\xc3\xa9"
    version = b"\xe0" + struct.pack("<3q", 3, 1, 2)
    p = b"\x60" + struct.pack("<q2d", 0, 0.5, math.nan)
    assert found == hashlib.sha256(header + request + version + p).hexdigest()


def test_column_that_has_no_digest_is_refused():
    with pytest.raises(ShipwayError) as caught:
        digest_rows(pl.DataFrame({"x": [[1]]}), ["x"])
    assert caught.value.code == "SW-203"


def append_vectors(log, requests, shift=0.0):
    at = np.array(requests)
    x = at / 7 + shift
    x[at % 3 == 0] = math.nan
    kinds = ["odd" if r % 2 else None for r in requests]
    newest = [r - 5 if r % 4 else None for r in requests]
    names = [f"r{r}" for r in requests]
    log.append("features.o", {"request": names, "row": names, "at": at, "x": x, "kind": kinds, "newest s.late": newest})


def test_the_vector_of_a_request_that_was_sent_again_is_the_first():
    log = MemoryLog()
    for at, x in ((5, 0.5), (7, 0.75)):
        log.append("features.o", {"request": ["r"], "row": ["r"], "at": np.array([at]), "x": np.array([x])})
    assert read_vectors(log, "o", ["x"], None, None).rows() == [("r", "r", 5, 0.5)]


def test_vectors_are_read_once_each_by_period():
    log = MemoryLog()
    append_vectors(log, range(8))
    once = log.read("features.o", since=2, until=7)
    append_vectors(log, range(4, 12))
    found = read_vectors(log, "o", ["x", "kind", "newest s.late"], 2, 7)
    assert_frame_equal(found, once)
    assert read_vectors(log, "o", ["kind"], None, None)["request"].to_list() == [f"r{r}" for r in range(12)]
    assert read_vectors(log, "o", ["kind"], 2, 7).columns == ["request", "row", "at", "kind"]


def test_vectors_of_a_version_with_other_features_are_not_taken_for_its_own():
    log = MemoryLog()
    append_vectors(log, range(4))
    names = [f"r{request}" for request in range(6)]
    log.append("features.o", {"request": names, "row": names, "at": np.arange(6), "kind": ["odd", None] * 3})
    found = read_vectors(log, "o", ["x", "kind"], None, None)
    assert found["request"].to_list() == names[:4]
    assert found["x"].null_count() == 0
    assert found["kind"].to_list() == [None, "odd", None, "odd"]


@pytest.mark.parametrize("period", [(100, 200), (None, None)])
def test_no_vectors_still_have_their_columns(period):
    log = MemoryLog()
    if period[0] is not None:
        append_vectors(log, range(8))
    found = read_vectors(log, "o", ["x"], *period)
    assert found.shape == (0, 4)
    assert found.schema == {"request": pl.String, "row": pl.String, "at": pl.Int64, "x": pl.Null}


def test_differing_vectors_are_refused_where_they_are_read():
    log = MemoryLog()
    append_vectors(log, [1, 2, 4])
    append_vectors(log, [4], shift=1e-16 + 1e-15)
    with pytest.raises(ShipwayError) as caught:
        read_vectors(log, "o", ["x"], None, None)
    assert caught.value.code == "SW-605"
    assert "'r4'" in caught.value.fact
    assert read_vectors(log, "o", ["kind"], None, None).height == 3
    assert read_vectors(log, "o", ["x"], None, 4).height == 2
