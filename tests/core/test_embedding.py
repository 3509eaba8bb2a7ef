"""What a project's file says of embeddings is checked while it is read."""

import pytest

import shipway as sw
from shipway import windows as w
from shipway.core.error import ShipwayError
from shipway.core.registry import collecting


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
