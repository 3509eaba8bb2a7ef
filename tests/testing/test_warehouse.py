import pytest

from shipway.testing.fake.warehouse import MemoryWarehouse
from shipway.testing.warehouse import CASES, Yard, check_all_questions_see_one_state, check_nothing_can_be_written


def make_memory(kind=MemoryWarehouse):
    warehouse = kind()
    return Yard(warehouse.open, warehouse.put, shared=True)


@pytest.mark.parametrize("case", CASES)
def test_memory_conforms(case):
    case(make_memory)


class _Open(MemoryWarehouse):
    """Answers whatever is asked, by what is there at that moment."""

    def _read(self, question):
        if question.startswith("delete"):
            self._tables["things"] = self._tables["things"].clear()
        with MemoryWarehouse.open(self):
            return super()._read("select 1 as n" if question.startswith("delete") else question)


@pytest.mark.parametrize("case", [check_all_questions_see_one_state, check_nothing_can_be_written])
def test_the_suite_sees_what_is_wrong(case):
    with pytest.raises(AssertionError):
        case(lambda: make_memory(_Open))
