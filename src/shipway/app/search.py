"""Searching the registry: which versions are of a name, measured so, tagged so, made of this, or in use."""

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Literal, TypeAlias

import msgspec

from shipway.app.model import list_model
from shipway.app.project import Project
from shipway.app.release import manifest_of
from shipway.app.status import VersionLine, line_of
from shipway.app.workspace import Workspace
from shipway.core.bundle import Manifest
from shipway.core.criterion import read_condition
from shipway.core.error import ShipwayError
from shipway.core.projection import VersionState
from shipway.kit.suggestion import did_you_mean

Use: TypeAlias = Literal["registered", "approved", "serving", "retired"]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is searched for; everything that is said has to hold.

    Attributes:
        conditions: on what was measured, such as `auc > 0.7`.
        model: only versions of this model.
        alias: only those that a name points at.
        tags: only those tagged so: `name` with any value, or `name=value`.
        use: only those that have a bundle, are approved, answer for a service, or are retired.
        feature: only those that read a feature, or any feature of a view.
        data: only those trained on a frame whose digest begins so.
        since: only those cut at this instant or later, microseconds since 1970 UTC.
        until: only those cut before this instant.
        sort: a check: the greatest value first, and what it was not measured on last; by model and number where empty.
        limit: how many at most; all where None.
    """

    conditions: Sequence[str] = ()
    model: str | None = None
    alias: str | None = None
    tags: Sequence[str] = ()
    use: Use | None = None
    feature: str | None = None
    data: str | None = None
    since: int | None = None
    until: int | None = None
    sort: str = ""
    limit: int | None = None


def search_models(project: Project, wanted: Wanted) -> list[VersionLine]:
    """Return the versions that are searched for, oldest first within a model unless they are sorted.

    Features and data are read from bundles, so a version without one is found by neither.

    Raises:
        ShipwayError: SW-104 for a model, check, alias or feature that no version has, SW-106 for a condition that is
            none.
    """
    with closing(Workspace(project)) as workspace:
        state = workspace.peek()
        named = state.models if wanted.model is None else {wanted.model: list_model(state, wanted.model)}
        versions = [version for each in named.values() for version in each]
        lines = {version.ref: line_of(state, version) for version in versions}
        for holds in _read_wanted(wanted, lines):
            versions = [version for version in versions if holds(version)]
        if wanted.feature is not None or wanted.data is not None:
            versions = _search_bundles(workspace, versions, wanted)
    found = [lines[version.ref] for version in versions]
    if wanted.sort:
        found.sort(key=lambda line: -line.metrics[wanted.sort][0] if wanted.sort in line.metrics else float("inf"))
    return found[: wanted.limit]


def _read_wanted(wanted: Wanted, lines: dict[str, VersionLine]) -> list[Callable[[VersionState], bool]]:
    """Return what has to hold of a version, as far as the ledger alone tells; wrong names are refused here."""
    checks = dict.fromkeys(name for line in lines.values() for name in line.metrics)
    conditions = [read_condition(text, checks) for text in wanted.conditions]
    if wanted.sort and wanted.sort not in checks:
        raise ShipwayError("SW-104", f"nothing was measured by {wanted.sort!r}", did_you_mean(wanted.sort, checks))
    if wanted.alias is not None:
        names = {name for line in lines.values() for name in line.aliases}
        if wanted.alias not in names:
            raise ShipwayError("SW-104", f"there is no alias {wanted.alias!r}", did_you_mean(wanted.alias, names))
    holding: list[Callable[[VersionState], bool]] = [
        lambda version: all(condition.holds(lines[version.ref].metrics) for condition in conditions),
        lambda version: wanted.alias is None or wanted.alias in lines[version.ref].aliases,
        lambda version: all(_is_tagged(version, tag) for tag in wanted.tags),
        lambda version: wanted.since is None or version.cut >= wanted.since,
        lambda version: wanted.until is None or version.cut < wanted.until,
    ]
    match wanted.use:
        case "registered":
            holding.append(lambda version: version.bundle is not None)
        case "approved":
            holding.append(lambda version: bool(lines[version.ref].approvals))
        case "serving":
            holding.append(lambda version: bool(lines[version.ref].serving))
        case "retired":
            holding.append(lambda version: version.standing.retired is not None)
        case None:
            pass
    return holding


def _is_tagged(version: VersionState, tag: str) -> bool:
    name, given, value = tag.partition("=")
    found = version.standing.tags.get(name)
    return found is not None and (not given or found == value)


def _search_bundles(workspace: Workspace, versions: Sequence[VersionState], wanted: Wanted) -> list[VersionState]:
    """Return the versions whose bundle reads a feature and was trained on a frame; SW-104 for what none reads."""
    read = [(version, manifest_of(workspace, version)) for version in versions if version.bundle is not None]
    if wanted.feature is not None:
        there = {name for _, manifest in read for name in _names(manifest)}
        if wanted.feature not in there:
            fact = f"no version reads a feature {wanted.feature!r}"
            raise ShipwayError("SW-104", fact, did_you_mean(wanted.feature, there))
    digits = "" if wanted.data is None else wanted.data.removeprefix("frame:")
    return [
        version
        for version, manifest in read
        if (wanted.feature is None or wanted.feature in _names(manifest))
        and str(manifest.training.get("frame", "")).startswith(digits)
    ]


def _names(manifest: Manifest) -> set[str]:
    """Return the columns that a bundle reads, and the views they are of."""
    views = () if manifest.features is None else manifest.features.views
    return {column.name for column in manifest.inputs} | {view.name for view in views}
