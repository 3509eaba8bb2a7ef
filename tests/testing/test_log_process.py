import pytest

from shipway.testing.log_process import CASES, Shared


@pytest.mark.parametrize("case", CASES)
def test_parquet_conforms(case, tmp_path):
    case(Shared("shipway.adapters.log.parquet:ParquetLog", tmp_path / "log"))
