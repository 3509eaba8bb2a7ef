"""Garbage collection: what no ref, no run and no bundle needs any more goes, and nothing else.

What is kept is found from its roots: every ref, and what the caller says is cited elsewhere. Whatever was stored within
the grace may belong to a commit that is just being made, so it stays in any case; storing what is there already makes
it young again. Refs that move while the search goes on make it start again.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from shipway.core.error import ShipwayError
from shipway.infra.branch import Branches
from shipway.infra.history import CUT
from shipway.ports.blobs import Blobs
from shipway.ports.catalog import Catalog

_TRIES: Final = 5
"""How often the search begins again because a ref moved."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection came to.

    Attributes:
        commits: commits that went.
        objects: objects of the catalog that went, commits among them.
        blobs: files that went.
        freed_bytes: their size.
        kept: files that stay because something needs them.
        young: files that nothing needs and that are within the grace.
    """

    commits: int
    objects: int
    blobs: int
    freed_bytes: int
    kept: int
    young: int


def collect(
    branches: Branches,
    blobs: Blobs,
    *,
    cited: Collection[str],
    before: int,
    history_before: int | None = None,
    dry: bool = False,
) -> Collected:
    """Remove the commits, objects and files that nothing needs.

    Args:
        branches: the refs and commits.
        blobs: the files.
        cited: digests that are cited elsewhere: of files, of commits, and of snapshots, which stay with the newest
            commit that has them.
        before: only what was stored before this instant goes, in microseconds since 1970 UTC.
        history_before: commits stored before this instant are let go unless a ref points at them or they must stay; all
            history of every ref is kept where None.
        dry: remove nothing and say what would go.

    Raises:
        ShipwayError: SW-208 if refs kept moving, SW-605 if a commit that must be kept is damaged: nothing is removed.
    """
    for left in reversed(range(_TRIES)):
        refs = branches.catalog.refs()
        listing = dict(branches.catalog.listing())
        keep, needed = _mark(branches, refs, listing, set(cited), before=before, history_before=history_before)
        doomed = [digest for digest, at in listing.items() if at < before and digest not in needed]
        gone = branches.history.commits_among(doomed)
        if not dry:
            try:
                _forget(branches.catalog, refs, keep, doomed, before=before)
            except ShipwayError as refusal:
                if refusal.code != "SW-208" or not left:
                    raise
                continue
        return _sweep(blobs, needed.union(cited), (len(gone), len(doomed)), before=before, dry=dry)
    raise AssertionError("the last try returns or raises")


def _mark(
    branches: Branches,
    refs: Mapping[str, str],
    listing: Mapping[str, int],
    cited: set[str],
    *,
    before: int,
    history_before: int | None,
) -> tuple[dict[str, tuple[str, ...]], set[str]]:
    """Return the commits that stay, each with the parents it names, and every object and file that they need."""
    history = branches.history
    firm = {at for ref, at in refs.items() if not ref.startswith(CUT)}
    # A young commit that no ref has may be about to get one, and what it stands on may be old.
    firm.update(history.commits_among([name for name, at in listing.items() if at >= before or name in cited]))
    keep: dict[str, tuple[str, ...]] = {}
    needed: set[str] = set()
    awaited = set(cited)

    def look(name: str, *, must: bool) -> None:
        """Keep a commit if it must stay, or is the first seen with rows that are cited."""
        commit = history.get(name)
        found = awaited.intersection(snapshot.digest for snapshot in commit.tables.values())
        if not (must or found):
            return
        awaited.difference_update(found)
        keep[name] = commit.parents
        needed.add(name)
        for snapshot in commit.tables.values():
            needed.update(snapshot.stored[1])
            needed.update(part.digest for part in snapshot.parts)

    seen: set[str] = set()
    for name in history.reachable(firm):
        seen.add(name)
        young = history_before is None or listing.get(name, before) >= history_before
        look(name, must=young or name in firm)
    # No ref has these any more, yet a run may have read them on a branch that was dropped.
    stray = history.commits_among([name for name in listing if name not in seen and name not in needed])
    for name in sorted(stray, key=lambda name: (-listing[name], name)):
        look(name, must=False)
    return keep, needed


def _forget(
    catalog: Catalog,
    refs: Mapping[str, str],
    keep: Mapping[str, tuple[str, ...]],
    doomed: Collection[str],
    *,
    before: int,
) -> None:
    """Remove objects from the catalog; first it is written down which commits were let go on purpose."""
    going = set(doomed)
    named = {CUT + parent: child for child, parents in keep.items() for parent in parents}
    seen = dict(refs)
    for ref, child in named.items():
        if ref not in seen and ref.removeprefix(CUT) in going:
            catalog.move(ref, expect=None, target=child)
            seen[ref] = child
    for ref in [ref for ref in seen if ref.startswith(CUT) and ref not in named]:
        catalog.move(ref, expect=seen.pop(ref), target=None)
    catalog.forget(doomed, before=before, refs=seen)


def _sweep(blobs: Blobs, needed: Collection[str], gone: tuple[int, int], *, before: int, dry: bool) -> Collected:
    sizes: dict[str, int] = {}
    kept = young = 0
    for digest, size, at in blobs.listing():
        if digest in needed:
            kept += 1
        elif at < before:
            sizes[digest] = size
        else:
            young += 1
    removed = list(sizes) if dry else blobs.remove(list(sizes), before=before)
    commits, objects = gone
    return Collected(
        commits=commits,
        objects=objects,
        blobs=len(removed),
        freed_bytes=sum(sizes[digest] for digest in removed),
        kept=kept,
        young=young + len(sizes) - len(removed),
    )
