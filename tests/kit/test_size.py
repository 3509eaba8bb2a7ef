"""Amounts of memory as they are written."""

import pytest

from shipway.kit.size import parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("700MB", 700_000_000), ("2GB", 2 * 10**9), ("1.5 GiB", 3 << 29), ("64kb", 64_000), ("1tib", 1 << 40), ("9B", 9)],
)
def test_sizes_are_read_as_written(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "2", "GB", "-1GB", "0MB", "2 G", "2IB", "1e3MB", "２GB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="memory"):
        parse_size(text)
