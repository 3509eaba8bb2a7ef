"""What a project's file says of embeddings is checked while it is read."""

import pytest

import shipway as sw
from shipway import windows as w
from shipway.core.embedding import parts_of, spread_views, whole_of
from shipway.core.error import ShipwayError
from shipway.core.registry import collecting, current_registry


@pytest.fixture(autouse=True)
def registry():
    with collecting() as found:
        yield found


def declare(**embeddings):
    @sw.source(
        key="id",
        raw="posts",
        known_at={"posted": ("user", "text", "vector", "other"), "always": ("title",)},
        embeddings=embeddings or {"vector": 3, "other": 4},
    )
    def posts(raw):
        return raw

    return posts


@pytest.mark.parametrize(
    ("embeddings", "why"),
    [
        ({"vectr": 3}, "known_at does not say when"),
        ({"id": 3}, "known_at does not say when"),
        ({"vector": 0}, "have 0 numbers"),
        ({"vector": 3.0}, "have 3.0 numbers"),
        ({"vector": True}, "have True numbers"),
        ({"vector": 100_000}, "have 100000 numbers"),
    ],
)
def test_a_length_is_that_of_a_declared_column(embeddings, why):
    with pytest.raises(ShipwayError, match=why) as refused:
        declare(**embeddings)
    assert refused.value.code == "SW-106"


def test_a_source_says_its_lengths():
    assert declare().embeddings == {"vector": 3, "other": 4}


@pytest.mark.parametrize(
    ("feature", "why"),
    [
        (lambda e: w.newest(e.vector).dot(w.newest(e.other)), "different lengths"),
        (lambda e: w.newest(e.vector.cosine(e.other)), "different lengths"),
        (lambda e: w.newest(e.vector).fill(w.newest(e.other)), "do not mix"),
        (lambda e: w.newest(e.vector).component(3), "components 0 to 2, and no 3"),
        (lambda e: w.total(e.vector, last="1d"), r"w.total takes no embedding\[3\]"),
        (lambda e: w.least(e.other, last="1d"), r"w.least takes no embedding\[4\]"),
        (lambda e: w.distinct(e.other, last="1d"), r"w.distinct takes no embedding\[4\]"),
        (lambda e: w.newest(e.vector) * 2, "neither calculated with"),
        (lambda e: w.newest(e.vector).same_as(w.newest(e.vector)), "neither calculated with"),
        (lambda e: w.count(e, last="1d", where=e.vector > 1), "neither calculated with"),
    ],
)
def test_what_cannot_be_made_of_embeddings_is_refused_when_the_file_is_read(feature, why):
    event = declare().event("posted")
    with pytest.raises(ShipwayError, match=why) as refused:
        sw.feature_view("user", sw.entity("user"), {"odd": feature(event)})
    assert refused.value.code == "SW-106"


def test_what_can_be_made_of_them_is_taken():
    event = declare().event("posted")
    newest = w.newest(event.vector, within="7d")
    view = sw.feature_view(
        "user",
        sw.entity("user"),
        {
            "vector": newest,
            "first": w.first(event.other, last="1d"),
            "same": newest.cosine(newest) > 0.5,
            "none": newest.is_null(),
            "second": newest.component(1) * 2,
            "mean": w.mean(event.vector.component(0), last="1d"),
            "undeclared": newest.dot(w.newest(event.text)),
        },
    )
    assert set(view.features) >= {"vector", "same"}


def near(event):
    newest = w.newest(event.vector)
    return {"vector": newest, "n": w.count(event, last="1d"), "near": newest.cosine(newest)}


def test_a_model_reads_the_components_of_an_embedding():
    posts = declare()
    view = sw.feature_view("user", sw.entity("user"), near(posts.event("posted")))
    label = sw.label("long", posts.event("posted").text.length() > 9)

    @sw.model("long", on=posts, at=posts.posted - "1h", label=label, features=[view], baselines={"less": [view]})
    def train(frame):
        return None

    columns = ("user_vector_0", "user_vector_1", "user_vector_2", "user_n", "user_near")
    assert train.columns == columns
    assert train.features[0].features["vector_2"] == view.features["vector"].component(2)
    assert train.baselines["less"] == train.features
    assert parts_of(train.features) == {"user_vector": list(columns[:3])}
    assert [whole_of(name, view.features) for name in train.features[0].features] == ["vector"] * 3 + ["n", "near"]


def test_views_without_embeddings_are_read_as_they_are():
    view = sw.feature_view("user", sw.entity("user"), {"n": w.count(declare().event("posted"), last="1d")})
    assert spread_views([view], current_registry().sources)[0] is view


def test_a_component_is_called_as_no_other_feature():
    event = declare().event("posted")
    with pytest.raises(ShipwayError, match="is called 'vector_1'") as refused:
        sw.feature_view("user", sw.entity("user"), {**near(event), "vector_1": w.count(event, last="1d")})
    assert refused.value.code == "SW-105"
