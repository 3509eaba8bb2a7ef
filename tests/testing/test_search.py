import pytest

from shipway.adapters.hypothesis.search import HypothesisSearch
from shipway.adapters.system.search import ClimbSearch
from shipway.testing.fake import RandomSearch
from shipway.testing.search import CASES, check_what_fails_is_found


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("make", [RandomSearch, ClimbSearch, HypothesisSearch])
def test_a_search_conforms(make, case):
    case(make)


def test_suite_catches_a_search_that_returns_anything():
    class First:
        def find(self, space, measure, *, batch, batches, seed):
            return tuple(0 for _ in space)

    with pytest.raises(AssertionError):
        check_what_fails_is_found(First)
