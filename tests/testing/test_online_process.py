import pytest

from shipway.testing.online_process import CASES

ADAPTERS = ("online.lmdb", "online.sqlite")


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("case", CASES)
def test_file_stores_conform(case, adapter, tmp_path):
    case(adapter, tmp_path / "online" / "store")
