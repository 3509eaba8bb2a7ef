"""Garbage collection: what no ref, no run and no bundle needs any more goes, and nothing else.

What is kept is found from its roots: every ref, and what the caller says is cited elsewhere. Whatever was stored within
the grace may belong to a commit that is just being made, so it stays in any case; storing what is there already makes
it young again. Refs that move while the search goes on make it start again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shipway.core.error import ShipwayError
from shipway.infra.branch import Branches
from shipway.infra.history import CUT, History
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
    reached = list(history.reachable(firm, listing))
    keep = [name for name in reached if name in firm or history_before is None or listing[name] >= history_before]
    if cited:
        # No ref has the stray ones any more, yet a run may have read their rows on a branch that was dropped.
        followed = set(reached)
        stray = history.commits_among([name for name in listing if name not in followed])
        stray.sort(key=lambda name: (-listing[name], name))
        keep += _find_cited(history, [*reached, *stray], set(keep), cited)
    kept = {name: history.record(name) for name in keep}
    holdings = history.holdings(dict.fromkeys(layout for each in kept.values() for layout in each.tables.values()))
    files = history.files_of(dict.fromkeys(run for each in holdings.values() for run in each.runs))
    needed = {*kept, *holdings, *files}
    needed.update(*files.values(), *(each.files for each in holdings.values()))
    return {name: each.parents for name, each in kept.items()}, needed


def _find_cited(history: History, order: Sequence[str], held: Collection[str], cited: Collection[str]) -> list[str]:
    """Return commits that are not held, each the first in order that has some rows that are cited."""
    layouts = {name: tuple(history.record(name).tables.values()) for name in order}
    holdings = history.holdings(dict.fromkeys(layout for each in layouts.values() for layout in each))
    awaited, found = set(cited), list[str]()
    for name in order:
        rows = awaited.intersection(holdings[layout].rows for layout in layouts[name])
        awaited -= rows
        if rows and name not in held:
            found.append(name)
    return found


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
    names = set(blobs.digests())
    spare = names.difference(needed)
    sizes = {digest: size for digest, size, at in blobs.listing(spare) if at < before}
    removed = list(sizes) if dry else blobs.remove(list(sizes), before=before)
    commits, objects = gone
    return Collected(
        commits=commits,
        objects=objects,
        blobs=len(removed),
        freed_bytes=sum(sizes[digest] for digest in removed),
        kept=len(names) - len(spare),
        young=len(spare) - len(removed),
    )
