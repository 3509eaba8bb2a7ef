"""The suite of change streams passes for the fake, and fails for sources that break the contract."""

import json

import pytest

from shipway.core.raw import RawSection
from shipway.testing.changes import CASES, Tap
from shipway.testing.fake import MemoryChanges

RAW = RawSection(uri="memory", key="id", stream=True).input("notes")


def payloads(notes):
    return [
        (json.dumps({"id": key, "note": note}).encode() if note is not None else b"", b'{"id":%d}' % key, None)
        for key, note in notes
    ]


def tap(kind=MemoryChanges):
    source = kind()
    return Tap(RAW, lambda: source, lambda notes: source.send(payloads(notes)))


@pytest.mark.parametrize("case", CASES)
def test_the_fake_conforms(case):
    case(tap)


class Skipping(MemoryChanges):
    """Passes over a record now and then."""

    def read(self, after, *, most, wait_s):
        batch = super().read(after, most=most, wait_s=wait_s)
        return type(batch)(
            records=batch.records[:-2] + batch.records[-1:], position=batch.position, drained=batch.drained
        )


class Repeating(MemoryChanges):
    """Counts places from the start of each reading."""

    def read(self, after, *, most, wait_s):
        batch = super().read(after, most=most, wait_s=wait_s)
        again = super().read({}, most=1, wait_s=0).records if after and batch.records else []
        return type(batch)(records=again + batch.records, position=batch.position, drained=batch.drained)


@pytest.mark.parametrize("kind", [Skipping, Repeating])
def test_a_source_that_loses_or_repeats_is_found_out(kind):
    failed = 0
    for case in CASES:
        try:
            case(lambda: tap(kind))
        except AssertionError:
            failed += 1
    assert failed >= 3
