"""Entries of the ledger and the rules of their chain; how they are kept is an adapter's business.

A project has one chain. An entry's digest covers every field of it and the digest of the one before, so a flipped
byte, a deleted row or a swapped pair breaks the chain at a place that can be named. What a chain cannot show by itself,
a lost tail or a history rewritten from the root, shows against the *anchor*: the head's sequence number and digest,
kept outside the database.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from shipway.kit.canonical import digest_value

GENESIS: Final = "0" * 64
"""What the first entry gives as the digest of its predecessor."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One remembered fact.

    Attributes:
        seq: position in the chain, from 1 without gaps.
        at: when it was appended, microseconds since 1970 UTC.
        actor: who caused it: a person, a process or a gate.
        kind: which body it carries, such as `run-finished`.
        subject: what it is about, as `kind:name` or `kind:name@version`.
        body: canonical JSON of the typed body.
        prev: digest of the entry before, or `GENESIS`.
        digest: SHA-256 over all other fields.
    """

    seq: int
    at: int
    actor: str
    kind: str
    subject: str
    body: bytes
    prev: str
    digest: str


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller wants remembered, before the ledger gives it a place in the chain."""

    actor: str
    kind: str
    subject: str
    body: bytes


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The newest entry's place and digest; `Head(seq=0, digest=GENESIS)` for an empty chain."""

    seq: int
    digest: str


class Damage(msgspec.Struct, frozen=True, kw_only=True):
    """One place where a chain is not what was written, with what is wrong there."""

    seq: int
    fact: str


EMPTY: Final = Head(seq=0, digest=GENESIS)


def seal(draft: Draft, *, seq: int, at: int, prev: str) -> Entry:
    """Give a draft its place in the chain and compute its digest."""
    return Entry(
        seq=seq,
        at=at,
        actor=draft.actor,
        kind=draft.kind,
        subject=draft.subject,
        body=draft.body,
        prev=prev,
        digest=_digest(seq, at, draft, prev),
    )


def find_damage(entries: Iterable[Entry], anchor: Head | None) -> list[Damage]:
    """Check a whole chain, oldest first, against itself and against its anchor.

    Args:
        entries: all entries in order of `seq`.
        anchor: the head as remembered outside the database, or None where none was ever kept.

    Returns:
        Every place that is damaged, in order; empty if the chain is whole. A chain longer than its anchor is whole:
        a process may die between the commit and the anchor.
    """
    found: list[Damage] = []
    prev, expected, anchored = GENESIS, 1, anchor is None or anchor.seq == 0
    for entry in entries:
        if entry.seq != expected:
            found.append(Damage(seq=expected, fact=f"entry {expected} is missing, found {entry.seq}"))
        if entry.prev != prev:
            found.append(Damage(seq=entry.seq, fact="does not follow the entry before it"))
        draft = Draft(actor=entry.actor, kind=entry.kind, subject=entry.subject, body=entry.body)
        if _digest(entry.seq, entry.at, draft, entry.prev) != entry.digest:
            found.append(Damage(seq=entry.seq, fact="content does not match its digest"))
        if anchor is not None and entry.seq == anchor.seq:
            anchored = True
            if entry.digest != anchor.digest:
                found.append(Damage(seq=entry.seq, fact="differs from the anchor: history was rewritten"))
        prev, expected = entry.digest, entry.seq + 1
    if not anchored and anchor is not None:
        found.append(Damage(seq=anchor.seq, fact=f"the anchor remembers entry {anchor.seq}, the chain ends before it"))
    return found


def _digest(seq: int, at: int, draft: Draft, prev: str) -> str:
    return digest_value([seq, at, draft.actor, draft.kind, draft.subject, draft.body, prev])
