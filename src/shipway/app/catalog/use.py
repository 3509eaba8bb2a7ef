"""Features in use: what the versions that answer, walk or are compared with need of the declarations of today."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from shipway.app.progress import Event, Watch
from shipway.app.release import manifest_of
from shipway.app.workspace import Workspace
from shipway.core.bundle import Manifest
from shipway.core.column import Kind, read_kinds
from shipway.core.embedding import spread_views
from shipway.core.error import ShipwayError
from shipway.core.feature import Expr, FeatureView, flatten
from shipway.core.kind import feature_kind
from shipway.core.projection import State, VersionState
from shipway.core.table import Snapshot
from shipway.maths.expression import render


@dataclass(frozen=True, slots=True)
class Use:
    """A version that is in use.

    Attributes:
        version: which one.
        said: what it is used for, as a clause after its name.
    """

    version: VersionState
    said: str


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """Features that a version in use needs and that are declared no longer.

    Attributes:
        version: `model@number`.
        said: what it is used for.
        columns: the features, as columns of a frame.
    """

    version: str
    said: str
    columns: tuple[str, ...]


def find_uses(state: State) -> list[Use]:
    """Return the versions that services answer with or try, then each model's newest version that may be released."""
    found: dict[tuple[str, int], Use] = {}
    for service in state.services.values():
        walking = [] if service.walking is None else [service.walking.candidate]
        for verb, variant in (("answers in", service.stable), *(("walks in", each) for each in walking)):
            version = state.version(service.model, variant.version)
            if version is not None:
                key = version.model, version.number
                found.setdefault(key, Use(version, f"{verb} service {service.name}"))
    for versions in state.models.values():
        registered = [version for version in versions if version.bundle is not None and not version.imported]
        if registered:
            newest = registered[-1]
            found.setdefault((newest.model, newest.number), Use(newest, "is the newest that may be released"))
    return list(found.values())


def refuse_changed_kinds(workspace: Workspace, snapshots: Mapping[str, Snapshot], *, redefined: bool = False) -> None:
    """Refuse a feature whose values are of another kind than a version in use was trained on under its name.

    A feature that goes by the same name in two kinds is two features: whoever reads it by name, in the log, in a report
    or in another stack, reads one where the other is meant.

    Args:
        workspace: the project's state.
        snapshots: the tables that features would be made from, by source.
        redefined: only features that are defined otherwise than then; for data that its gates have not seen yet, which
            know better what is wrong with a column.

    Raises:
        ShipwayError: SW-305 with the feature, both kinds, and the version that was trained on the other.
    """
    schema = {name: read_kinds(snapshot.columns) for name, snapshot in snapshots.items()}
    now = _kinds_now(workspace, schema)
    for use in find_uses(workspace.peek()):
        manifest = _read_manifest(workspace, use.version)
        features = None if manifest is None else manifest.features
        for column, expr in _features_of(() if features is None else features.views):
            assert features is not None
            if column not in now or (redefined and now[column][1] == expr):
                continue
            before, (after, today) = feature_kind(expr, features.schema), now[column]
            if before != after:
                raise ShipwayError(
                    "SW-305",
                    f"feature {column} is {after} by {render(today)}, and {_name(use.version)}, which {use.said}, "
                    f"was trained on it as {before} by {render(expr)}",
                    "give the feature of another type another name, or make it of the type it had",
                )


def find_gone(workspace: Workspace) -> list[Gone]:
    """Return the features that versions in use need and that no view declares any more, by version."""
    declared = {column for column, _ in _features_of(_views_now(workspace))}
    found: list[Gone] = []
    for use in find_uses(workspace.peek()):
        manifest = _read_manifest(workspace, use.version)
        features = None if manifest is None else manifest.features
        needed = [] if features is None else [column for column, _ in _features_of(features.views)]
        gone = tuple(column for column in needed if column not in declared)
        if gone:
            found.append(Gone(version=_name(use.version), said=use.said, columns=gone))
    return found


def tell_gone(workspace: Workspace, watch: Watch) -> None:
    """Tell who watches which features are declared no longer and by which versions they are needed all the same."""
    for each in find_gone(workspace):
        shown = ", ".join(each.columns[:3]) + (f" and {len(each.columns) - 3} more" if len(each.columns) > 3 else "")
        verb = "reads" if len(each.columns) == 1 else "reads features"
        said = (
            f"{each.version}, which {each.said}, {verb} {shown}, declared no longer; it goes on by its own definition"
        )
        watch(Event(stage="note", step="features in use", said=said))


def _views_now(workspace: Workspace) -> tuple[FeatureView, ...]:
    """Return the views as they are declared, and as models read them."""
    registry = workspace.project.registry
    return (*registry.views.values(), *spread_views(registry.views.values(), registry.sources))


def _kinds_now(workspace: Workspace, schema: Mapping[str, Mapping[str, Kind]]) -> dict[str, tuple[str, Expr]]:
    """Return the kind of each feature by today's definition.

    Those that cannot be computed from these tables are left out: building a frame refuses them by name.
    """
    found: dict[str, tuple[str, Expr]] = {}
    for column, expr in _features_of(_views_now(workspace)):
        try:
            found[column] = feature_kind(expr, schema), expr
        except ShipwayError as error:
            if error.code not in ("SW-202", "SW-203"):
                raise
    return found


def _read_manifest(workspace: Workspace, version: VersionState) -> Manifest | None:
    """Return what a version was made of; None where it is lost, which whoever serves or compares it says."""
    try:
        return manifest_of(workspace, version)
    except ShipwayError as error:
        if error.code != "SW-605":
            raise
        return None


def _features_of(views: tuple[FeatureView, ...]) -> Iterator[tuple[str, Expr]]:
    for view in views:
        for name, expr in view.features.items():
            yield flatten(view.name, name), expr


def _name(version: VersionState) -> str:
    return f"{version.model}@{version.number}"
