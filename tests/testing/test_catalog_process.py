import pytest

from shipway.testing.catalog_process import CASES


@pytest.mark.parametrize("case", CASES)
def test_sqlite_conforms(case, tmp_path):
    case("catalog.sqlite", str(tmp_path / "catalog.db"))
