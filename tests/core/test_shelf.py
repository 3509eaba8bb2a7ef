"""The shelf's file."""

import pytest

from shipway.core.error import ShipwayError
from shipway.core.shelf import SHELF, Shelf, read_shelf


def test_no_file_is_an_empty_shelf(tmp_path):
    assert read_shelf(tmp_path) == Shelf()


def test_damaged_file_is_refused(tmp_path):
    (tmp_path / SHELF).write_bytes(b'{"versions": 1}')
    with pytest.raises(ShipwayError, match="SW-605"):
        read_shelf(tmp_path)
