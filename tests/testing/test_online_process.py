import pytest

from shipway.testing.online_process import CASES, FILE_CASES

ADAPTERS = ("online.lmdb", "online.sqlite")


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("case", [*CASES, *FILE_CASES])
def test_file_stores_conform(case, adapter, tmp_path):
    case(adapter, tmp_path / "online" / "store")


@pytest.mark.parametrize("case", CASES)
def test_redis_conforms(case, redis):
    case("online.redis", redis.address())
