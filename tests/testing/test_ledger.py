import itertools

import pytest

from shipway.adapters.sqlite.ledger import SqliteLedger
from shipway.testing.fake import MemoryLedger
from shipway.testing.ledger import CASES


@pytest.mark.parametrize("case", CASES)
def test_memory_conforms(case):
    case(MemoryLedger)


@pytest.mark.parametrize("case", CASES)
def test_sqlite_conforms(case, tmp_path):
    numbers = itertools.count()

    def make(clock):
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        return SqliteLedger(folder / "ledger.sqlite", clock=clock, anchor=folder / "anchor.json")

    case(make)


class _Forgetful(MemoryLedger):
    def append(self, drafts):
        entries = super().append(drafts)
        del self._entries[3:]
        return entries


class _Hasty(MemoryLedger):
    def append(self, drafts):
        return [entry for draft in drafts for entry in super(_Hasty, self).append([draft])]


@pytest.mark.parametrize("broken", [_Forgetful, _Hasty])
def test_suite_catches_a_broken_ledger(broken):
    failed = 0
    for case in CASES:
        try:
            case(broken)
        except AssertionError:
            failed += 1
    assert failed
