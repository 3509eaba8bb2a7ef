"""Two or more versions side by side: what was measured, what their gates said, and what they are made of."""

from collections.abc import Sequence
from contextlib import closing

import msgspec

from shipway.app.model import find_version
from shipway.app.project import Project
from shipway.app.release import manifest_of
from shipway.app.status import VersionLine, line_of
from shipway.app.workspace import Workspace
from shipway.core.bundle import Manifest
from shipway.core.comparison import Difference, compare_bundles, compare_inputs, compare_metrics
from shipway.core.error import ShipwayError
from shipway.core.gate import Outcome
from shipway.core.projection import State, VersionState


class Composition(msgspec.Struct, frozen=True, kw_only=True):
    """What a version's bundle is made of.

    Attributes:
        bundle: its digest.
        format: the library of its native form.
        runtime: what runs the form that is served.
        parity: how its forms compare.
        inputs: how many columns it reads.
        rows: rows it learned from; None where nothing says.
        frame: digest of the frame it learned from; empty where nothing says.
        size_bytes: of all its files.
    """

    bundle: str
    format: str
    runtime: str
    parity: str
    inputs: int
    rows: int | None
    frame: str
    size_bytes: int


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Versions side by side.

    Attributes:
        versions: each in a line, in the order they were named.
        metrics: check to value, low and high of each version; None where it was not measured.
        gates: gate to what it said of each version; None where it said nothing.
        bundles: what each is made of; None for a version without a bundle.
        differences: how each version after the first differs from the first.
    """

    versions: list[VersionLine]
    metrics: dict[str, list[tuple[float, float, float] | None]]
    gates: dict[str, list[Outcome | None]]
    bundles: list[Composition | None]
    differences: list[Difference]


def compare_models(project: Project, refs: Sequence[str]) -> Comparison:
    """Return versions side by side, of one model or of several.

    Args:
        project: whose.
        refs: the versions, as `model@number` or `model@alias`; the later ones are compared with the first.

    Raises:
        ShipwayError: SW-104 for a version there is not, SW-106 for fewer than two, or one that is named twice.
    """
    with closing(Workspace(project)) as workspace:
        state = workspace.peek()
        versions = [find_version(state, ref) for ref in refs]
        names = [version.ref for version in versions]
        if len(set(names)) < max(len(names), 2):
            fact = f"{', '.join(names) or 'nothing'} was named, where two different versions are to be compared"
            raise ShipwayError("SW-106", fact, "name two or more, such as delay@1 delay@2")
        manifests = [None if version.bundle is None else manifest_of(workspace, version) for version in versions]
        bundles = [None if manifest is None else _compose(workspace, manifest) for manifest in manifests]
    lines = [line_of(state, version) for version in versions]
    checks = dict.fromkeys(name for line in lines for name in line.metrics)
    verdicts = [state.verdicts.get(version.subject, {}) for version in versions]
    gates = dict.fromkeys(name for given in verdicts for name in given)
    return Comparison(
        versions=lines,
        metrics={name: [line.metrics.get(name) for line in lines] for name in checks},
        gates={name: [given[name].outcome if name in given else None for given in verdicts] for name in gates},
        bundles=bundles,
        differences=[
            _compare(state, versions[0], version, manifests[0], manifest)
            for version, manifest in list(zip(versions, manifests, strict=True))[1:]
        ],
    )


def _compare(
    state: State, first: VersionState, other: VersionState, before: Manifest | None, after: Manifest | None
) -> Difference:
    old, new = line_of(state, first).metrics, line_of(state, other).metrics
    found = first.evidence, other.evidence
    same = {name: found[0][name].n == found[1][name].n for name in old.keys() & new.keys()}
    said = compare_metrics(old, new, same_rows=same)
    inputs = () if before is None or after is None else compare_inputs(before, after)
    if before is not None and after is not None:
        said += compare_bundles(before, after)
    else:
        lacking = [version.ref for version in (first, other) if version.bundle is None]
        said.append(f"{' and '.join(lacking)} {'have' if len(lacking) > 1 else 'has'} no bundle to compare")
    return Difference(ref=other.ref, against=first.ref, inputs=inputs, said=tuple(said))


def _compose(workspace: Workspace, manifest: Manifest) -> Composition:
    rows = manifest.training.get("rows")
    return Composition(
        bundle=manifest.digest,
        format=manifest.format,
        runtime=manifest.runtime,
        parity=manifest.compared,
        inputs=len(manifest.inputs),
        rows=rows if isinstance(rows, int) else None,
        frame=str(manifest.training.get("frame", "")),
        size_bytes=sum(stored.size_bytes for stored in workspace.blobs.listing(set(manifest.files.values()))),
    )
