import pytest

from shipway.testing.engine import CASES
from shipway.testing.fake import HereEngine


@pytest.mark.parametrize("case", CASES[:2])
def test_an_engine_in_this_process_conforms_but_for_processes(case, tmp_path):
    case(HereEngine, tmp_path)


@pytest.mark.parametrize("case", CASES[2:3])
def test_the_suite_notices_work_that_is_done_here(case, tmp_path):
    with pytest.raises(AssertionError):
        case(HereEngine, tmp_path)
