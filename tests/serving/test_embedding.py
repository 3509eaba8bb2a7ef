"""Embeddings read online at T are those of a frame at T, to the bit, and so is what is made of them."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.core import window as w
from shipway.core.embedding import spread_views
from shipway.core.error import ShipwayError
from shipway.core.feature import ALWAYS, Entity, FeatureView, Source
from shipway.core.online import make_layout
from shipway.core.pack import find_packs
from shipway.data.feed import make_feed
from shipway.data.frame import build_frame
from shipway.data.materialisation import Materialiser
from shipway.data.pack import PackedOnline
from shipway.data.plan import AT, plan_views
from shipway.maths.embedding import pack_numbers
from shipway.serving.reader import FeatureReader
from shipway.serving.refusal import RefusedError
from shipway.serving.request import check_row
from shipway.testing.fake.online import MemoryOnline
from shipway.testing.schema import schema_of

ORIGIN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
MINUTE = 60_000_000

ASKS = Source("asks", ("id",), (), {ALWAYS: ("at", "user", "page")}, (), {"page": 3})
READS = Source("reads", ("no",), (), {"done": ("user", "topic", "taste", "score")}, (), {"topic": 3, "taste": 5})
LIKES = Source("likes", ("no",), (), {"done": ("user", "topic")}, (), {"topic": 3})
DONE, LIKED = READS.event("done"), LIKES.event("done")
SOURCES = {"asks": ASKS, "reads": READS, "likes": LIKES}
USER, SYSTEM = Entity("user", ("user",)), Entity("system", ())
TOPIC = w.newest(DONE.topic)
VIEWS = (
    FeatureView("row", None, {"page": ASKS.page, "second": ASKS.page.component(1)}),
    FeatureView(
        "user",
        USER,
        {
            "topic": TOPIC,
            "taste": w.newest(DONE.taste, within="9m"),
            "age": w.age(DONE),
            "liked": w.newest(LIKED.topic),
            "near": ASKS.page.cosine(TOPIC),
            "dot": TOPIC.dot(w.newest(LIKED.topic)),
            "far": w.newest(LIKED.topic).fill(TOPIC).distance(ASKS.page),
            "third": TOPIC.component(2),
            "gone": w.newest(DONE.taste).is_null(),
        },
    ),
    FeatureView(
        "sys",
        SYSTEM,
        {
            "topic": TOPIC,
            "first": w.first(DONE.taste, last="7m"),
            "good": w.newest(DONE.topic, where=DONE.score > 0),
            "n": w.count(DONE, last="9m"),
            "edge": w.greatest(DONE.topic.component(0), last="9m"),
        },
    ),
)
PLAN = plan_views(ASKS, ASKS.at, VIEWS, SOURCES)

minutes = st.integers(0, 30)
users = st.sampled_from(["a", "b", None])
components = st.floats(width=32, allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 1.0])


def embeddings(length):
    return st.none() | st.lists(components, min_size=length, max_size=length)


def rows(**more):
    return st.lists(st.fixed_dictionaries({"done": st.none() | minutes, "user": users, **more}), max_size=10)


reads = rows(topic=embeddings(3), taste=embeddings(5), score=st.none() | st.integers(-2, 2))
likes = rows(topic=embeddings(3))
asks = st.lists(
    st.fixed_dictionaries({"at": minutes, "user": users | st.just("unknown"), "page": embeddings(3)}),
    min_size=1,
    max_size=6,
)


def instants(values):
    return [None if value is None else ORIGIN + dt.timedelta(minutes=value) for value in values]


def make_tables(reads, likes, asks):
    dtypes = {"user": pl.String, "score": pl.Int64, "topic": pl.Array(pl.Float32, 3), "taste": pl.Array(pl.Float32, 5),
              "page": pl.Array(pl.Float32, 3)}  # fmt: skip

    def table(name, rows, timed, columns):
        given = {column: pl.Series([row[column] for row in rows], dtype=dtypes[column]) for column in columns}
        times = pl.Series(instants([row[timed] for row in rows]), dtype=pl.Datetime("us", "UTC"))
        return pl.DataFrame({name: pl.Series(range(len(rows)), dtype=pl.Int64), timed: times, **given})

    return {
        "reads": table("no", reads, "done", ("user", "topic", "taste", "score")),
        "likes": table("no", likes, "done", ("user", "topic")),
        "asks": table("id", asks, "at", ("user", "page")),
    }


def requests(rows):
    """Return a table's rows as a checked request brings them."""
    found = rows.with_columns(pl.col("at").to_physical()).to_dicts()
    for row in found:
        if row["page"] is not None:
            row["page"] = pack_numbers(np.array([row["page"]], dtype=np.float32)).tobytes()
    return found


def bits(value):
    if value is None or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, list):
        return np.array(value, dtype=np.float32).tobytes()
    return value if isinstance(value, bytes) else np.float64(value).tobytes()


@pytest.mark.parametrize("packed", [False, True])
@given(reads=reads, likes=likes, asks=asks)
@settings(max_examples=40, deadline=None)
def test_what_is_read_online_is_what_a_frame_has(packed, reads, likes, asks):
    tables = make_tables(reads, likes, sorted(asks, key=lambda ask: ask["at"]))
    layout = make_layout("asks", ("id",), VIEWS, schema_of(tables))
    assert [len(pack.members) for pack in find_packs(layout)] == [2]
    frame, online = build_frame(PLAN, tables), MemoryOnline()
    assert frame.schema["user_topic"] == pl.Array(pl.Float32, 3)
    writer = Materialiser(layout, make_feed(layout, PLAN, tables), PackedOnline(layout, online) if packed else online)
    reader, at = FeatureReader(layout, online), frame[AT].to_physical().to_list()
    for row, instant, wanted in zip(requests(tables["asks"]), at, frame.iter_rows(named=True), strict=True):
        writer.advance(instant)
        found = dict(zip(layout.columns, reader.read([row], [instant])[0].values, strict=True))
        assert {name: bits(value) for name, value in found.items()} == {
            name: bits(wanted[name]) for name in layout.columns
        }


@given(reads=reads, likes=likes, asks=asks)
@settings(max_examples=20, deadline=None)
def test_what_a_model_reads_is_the_same_component_by_component(reads, likes, asks):
    tables = make_tables(reads, likes, sorted(asks, key=lambda ask: ask["at"]))
    views = spread_views(VIEWS, SOURCES)
    layout = make_layout("asks", ("id",), views, schema_of(tables))
    plan, online = plan_views(ASKS, ASKS.at, views, SOURCES), MemoryOnline()
    frame, whole = build_frame(plan, tables), build_frame(PLAN, tables)
    for name in ("row_page", "user_topic", "user_taste", "user_liked", "sys_first", "sys_good"):
        length = whole.schema[name].size
        parts = frame.select(f"{name}_{at}" for at in range(length)).rows()
        wanted = [[None] * length if value is None else value for value in whole[name].to_list()]
        assert list(map(repr, map(list, parts))) == list(map(repr, wanted))
    Materialiser(layout, make_feed(layout, plan, tables), online).advance(frame[AT].to_physical().max())
    at = frame[AT].to_physical().max()
    last = requests(tables["asks"])[-1]
    found = FeatureReader(layout, online).read([last], [at])[0].values
    assert [bits(value) for value in found] == [bits(value) for value in frame.row(-1)[2:]]


def test_a_store_of_another_length_is_another_store():
    tables = make_tables([], [], [])
    schema = schema_of(tables)
    longer = schema | {"reads": schema["reads"] | {"taste": "embedding[6]"}}
    before, after = (make_layout("asks", ("id",), VIEWS, each) for each in (schema, longer))
    assert before.namespace != after.namespace
    assert {pack.schema for pack in find_packs(before)}.isdisjoint({pack.schema for pack in find_packs(after)})


@pytest.mark.parametrize(
    ("feature", "why"),
    [
        (w.mean(DONE.score, last="9m").fill(w.newest(DONE.topic)), "do not mix"),
        (w.total(DONE.topic, last="9m"), "which is no number"),
        (w.least(DONE.topic, last="9m"), "which is no number"),
        (w.decayed(DONE.topic, half_life="9m"), "which is no number"),
        (w.distinct(DONE.topic, last="9m"), "cannot be counted"),
        (w.newest(DONE.topic).dot(w.newest(DONE.taste)), "different lengths"),
        (w.newest(DONE.topic).component(3), "components 0 to 2"),
        (w.newest(DONE.topic) + 1, "neither calculated"),
    ],
)
def test_what_cannot_be_made_of_embeddings_is_refused_alike_offline_and_online(feature, why):
    tables = make_tables([{"done": 1, "user": "a", "topic": [1, 2, 3], "taste": None, "score": 1}], [], [])
    views = (FeatureView("user", USER, {"odd": feature}),)
    with pytest.raises(ShipwayError, match=why) as refused:
        build_frame(plan_views(ASKS, ASKS.at, views, SOURCES), tables)
    assert refused.value.code == "SW-203"
    with pytest.raises(ShipwayError, match=why) as refused:
        FeatureReader(make_layout("asks", ("id",), views, schema_of(tables)), MemoryOnline())
    assert refused.value.code == "SW-203"


LAYOUT = make_layout("asks", ("id",), VIEWS[:1], schema_of(make_tables([], [], [])))


@pytest.mark.parametrize("sent", [[1, 0.1, -0.0], np.array([1, 0.1, -0.0], dtype=np.float32)])
def test_a_request_brings_an_embedding_as_a_list(sent):
    row = check_row({"id": 7, "page": sent}, LAYOUT)
    assert row == {"id": 7, "page": np.array([1, 0.1, -0.0], dtype=np.float32).tobytes()}
    assert check_row({"id": 7, "page": None}, LAYOUT)["page"] is None


@pytest.mark.parametrize(
    "sent", [[1.0, 2.0], [1.0] * 4, [], 1.0, "abc", [[1.0, 2.0, 3.0]], [1.0, None, 2.0], [1.0, 1e39, 2.0]]
)
def test_a_request_with_another_length_is_refused(sent):
    with pytest.raises(RefusedError) as refused:
        check_row({"id": 7, "page": sent}, LAYOUT)
    assert refused.value.status == 422
    assert "a list of 3 finite numbers" in refused.value.error.fact
