"""Counts as people read them."""

import pytest

from shipway.app.count import write_plural


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 models"), (1, "1 model"), (2, "2 models"), (24_000, "24,000 models")]
)
def test_noun_goes_with_its_count(count, said):
    assert write_plural(count, "model") == said


def test_plural_may_be_given():
    assert [write_plural(n, "entry", "entries") for n in (1, 2)] == ["1 entry", "2 entries"]
