"""What the ledger cites: the digests that its entries name, less those of runs that later ones took the place of.

Whatever kind an entry is of, a digest in its body is a citation: a new kind needs no rule of its own to keep what it
names.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from shipway.core.body import DataMoved, RunFailed, RunFinished, RunStarted, read_body
from shipway.core.ledger import Entry

_DIGEST: Final = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_RUN: Final = (RunStarted, RunFinished, RunFailed)


@dataclass(slots=True)
class _Run:
    task: str = ""
    reads: set[str] = field(default_factory=set[str])
    makes: set[str] = field(default_factory=set[str])
    ended_at: int | None = None


def find_digests(content: bytes) -> set[str]:
    """Return everything in some bytes that may be a digest."""
    return {found.decode() for found in _DIGEST.findall(content)}


def find_cited(entries: Iterable[Entry], *, superseded_before: int | None = None) -> set[str]:
    """Return the digests that a ledger cites.

    A run cites what it read and what it made, as long as it is the newest of its task, or something that is cited was
    made by it. That data moved is history, not a citation: what a branch stands on, its ref says.

    Args:
        entries: the whole ledger, in order.
        superseded_before: runs that ended before this instant, in microseconds since 1970 UTC, and are not the newest
            of their task cite nothing by themselves; every finished run cites where None.
    """
    runs: dict[str, _Run] = {}
    cited: set[str] = set()
    for entry in entries:
        body = read_body(entry)
        if isinstance(body, _RUN):
            run = runs.setdefault(body.key, _Run())
            run.task = body.task
            digests = find_digests(entry.body) - {body.key}
            if isinstance(body, RunFinished):
                run.makes |= digests
                run.ended_at = entry.at
            else:
                run.reads |= digests
        elif not isinstance(body, DataMoved):
            cited |= find_digests(entry.body)
    newest = {run.task: key for key, run in runs.items() if run.ended_at is not None}
    waiting = [
        key
        for key, run in runs.items()
        if key in cited
        or newest.get(run.task) == key
        or (run.ended_at is not None and (superseded_before is None or run.ended_at >= superseded_before))
    ]
    return cited | _follow(runs, waiting, cited)


def _follow(runs: Mapping[str, _Run], waiting: list[str], cited: Iterable[str]) -> set[str]:
    """Return what runs read and made, and so on for the runs that made what they read."""
    makers: dict[str, list[str]] = {}
    for key, run in runs.items():
        for digest in run.makes:
            makers.setdefault(digest, []).append(key)
    waiting = [*waiting, *(key for digest in cited for key in makers.get(digest, ()))]
    seen = set(waiting)
    found: set[str] = set()
    while waiting:
        run = runs[waiting.pop()]
        found |= run.reads | run.makes
        behind = {key for digest in run.reads for key in makers.get(digest, ())} - seen
        seen |= behind
        waiting.extend(behind)
    return found
