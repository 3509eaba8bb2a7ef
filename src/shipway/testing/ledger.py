"""The conformance suite of the port Ledger."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Final

from shipway.core.error import ShipwayError
from shipway.core.ledger import EMPTY, GENESIS, Draft, Head, find_damage
from shipway.kit.duration import DAY, SECOND
from shipway.ports.clock import Clock
from shipway.ports.ledger import Ledger
from shipway.testing.fake import ManualClock

Make = Callable[[Clock], Ledger]
"""Makes a fresh, empty ledger that asks the given clock for the time."""

Case = Callable[[Make], None]


def make_draft(number: int) -> Draft:
    """Return a draft that no other number gives."""
    return Draft(actor="suite", kind="noted", subject=f"thing:{number}", body=b'{"number":%d}' % number)


def check_new_ledger_is_empty_and_whole(make: Make) -> None:
    """A ledger starts with no entry and no damage."""
    with closing(make(ManualClock())) as ledger:
        assert ledger.head() == EMPTY
        assert list(ledger.read()) == []
        assert ledger.verify() == []


def check_append_seals_a_chain(make: Make) -> None:
    """Entries get places from 1 without gaps, each with the digest of the one before."""
    clock = ManualClock()
    with closing(make(clock)) as ledger:
        entries = [*ledger.append([make_draft(1)]), *ledger.append([make_draft(2), make_draft(3)])]
        assert [entry.seq for entry in entries] == [1, 2, 3]
        assert [entry.subject for entry in entries] == ["thing:1", "thing:2", "thing:3"]
        assert [entry.prev for entry in entries] == [GENESIS, entries[0].digest, entries[1].digest]
        assert {entry.at for entry in entries} == {clock.now()}
        assert find_damage(entries, None) == []
        assert list(ledger.read()) == entries
        assert ledger.head() == Head(seq=3, digest=entries[2].digest)
        assert ledger.verify() == []


def check_append_of_nothing_does_nothing(make: Make) -> None:
    """No drafts give no entries."""
    with closing(make(ManualClock())) as ledger:
        assert ledger.append([]) == []
        assert ledger.head() == EMPTY


def check_append_is_all_or_nothing(make: Make) -> None:
    """A batch with a draft that cannot be stored leaves no trace, and the next append goes on as if it never was."""
    impossible = Draft(actor="\ud800", kind="noted", subject="thing:2", body=b"{}")
    with closing(make(ManualClock())) as ledger:
        first = ledger.append([make_draft(1)])
        with suppress(ValueError, ShipwayError):
            ledger.append([make_draft(2), impossible])
            raise AssertionError("text that is no Unicode was accepted")
        assert list(ledger.read()) == first
        assert ledger.append([make_draft(3)])[0].prev == first[0].digest
        assert ledger.verify() == []


def check_read_starts_after(make: Make) -> None:
    """`read(after)` leaves out what was seen before, and nothing else."""
    with closing(make(ManualClock())) as ledger:
        entries = ledger.append([make_draft(number) for number in range(5)])
        for after in range(7):
            assert list(ledger.read(after)) == entries[after:]


def check_read_survives_appends(make: Make) -> None:
    """Appending between two steps of a reader neither breaks nor repeats nor hides what was there before."""
    with closing(make(ManualClock())) as ledger:
        entries = ledger.append([make_draft(number) for number in range(3)])
        reader = ledger.read()
        seen = [next(reader)]
        ledger.append([make_draft(3)])
        seen.extend(reader)
        assert seen[:3] == entries
        assert [entry.seq for entry in seen] == list(range(1, len(seen) + 1))


def check_time_never_goes_back(make: Make) -> None:
    """An entry is never earlier than the one before, whatever the clock does."""
    clock = ManualClock()
    with closing(make(clock)) as ledger:
        start = clock.now()
        times: list[int] = []
        for step in (0, 5 * SECOND, -DAY, SECOND, 2 * DAY):
            clock.advance(step)
            times.append(ledger.append([make_draft(step)])[0].at - start)
        assert times == [0, 5 * SECOND, 5 * SECOND, 5 * SECOND, DAY + 6 * SECOND]
        assert [entry.at - start for entry in ledger.read()] == times


def check_content_is_kept_as_it_is(make: Make) -> None:
    """Text of any script and bytes of any value come back unchanged."""
    strange = Draft(actor="Zoë\x00\n", kind="", subject="事:𝄞 '\"%_", body=bytes(range(256)))
    with closing(make(ManualClock())) as ledger:
        ledger.append([strange])
        (entry,) = ledger.read()
        assert Draft(actor=entry.actor, kind=entry.kind, subject=entry.subject, body=entry.body) == strange
        assert ledger.verify() == []


def check_threads_do_not_fork_the_chain(make: Make) -> None:
    """Appends of several threads take turns; each batch stays together, and none is lost."""
    drafts = [[make_draft(2 * number), make_draft(2 * number + 1)] for number in range(24)]
    with closing(make(ManualClock())) as ledger, ThreadPoolExecutor(4) as pool:
        batches = list(pool.map(ledger.append, drafts))
        assert all(second.prev == first.digest for first, second in batches)
        returned = [entry for batch in batches for entry in batch]
        assert sorted(returned, key=lambda entry: entry.seq) == list(ledger.read())
        assert ledger.head().seq == 48
        assert ledger.verify() == []


def check_close_twice(make: Make) -> None:
    """Closing what is closed does no harm."""
    ledger = make(ManualClock())
    ledger.append([make_draft(1)])
    ledger.close()
    ledger.close()


CASES: Final[tuple[Case, ...]] = (
    check_new_ledger_is_empty_and_whole,
    check_append_seals_a_chain,
    check_append_of_nothing_does_nothing,
    check_append_is_all_or_nothing,
    check_read_starts_after,
    check_read_survives_appends,
    check_time_never_goes_back,
    check_content_is_kept_as_it_is,
    check_threads_do_not_fork_the_chain,
    check_close_twice,
)
"""The cases every Ledger passes. What only a second process or a crash can show is for the adapter's own tests."""
