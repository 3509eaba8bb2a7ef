import pytest

from shipway.testing.fake import MemoryInbox
from shipway.testing.inbox import CASES, Post


@pytest.mark.parametrize("case", CASES)
def test_memory_conforms(case):
    def make():
        inbox = MemoryInbox()
        return Post(open=lambda: inbox, read=inbox.rows)

    case(make)
