"""Two or more versions side by side: what was measured, what their gates said, and what they are made of."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import msgspec

from shipway.app.attestation import read_latency
from shipway.app.model import find_version
from shipway.app.project import Project
from shipway.app.release import manifest_of
from shipway.app.status import VersionLine, line_of
from shipway.app.workspace import Workspace
from shipway.core.bundle import Manifest
from shipway.core.comparison import Difference, InputChange, compare_bundles, compare_inputs, compare_metrics
from shipway.core.error import ShipwayError
from shipway.core.gate import Outcome
from shipway.core.latency import LatencyProfile, compare_machines
from shipway.core.projection import VersionState


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
        latencies: how fast a machine ran each, and which machine; None where that was not measured.
        differences: how each version after the first differs from the first.
    """

    versions: list[VersionLine]
    metrics: dict[str, list[tuple[float, float, float] | None]]
    gates: dict[str, list[Outcome | None]]
    bundles: list[Composition | None]
    latencies: list[LatencyProfile | None]
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
        latencies = [None if each.bundle is None else read_latency(workspace, each.bundle) for each in versions]
    lines = [line_of(state, version) for version in versions]
    checks = dict.fromkeys(name for line in lines for name in line.metrics)
    verdicts = [state.verdicts.get(version.subject, {}) for version in versions]
    gates = dict.fromkeys(name for given in verdicts for name in given)
    first, *others = (_Side(*each) for each in zip(lines, versions, manifests, latencies, strict=True))
    return Comparison(
        versions=lines,
        metrics={name: [line.metrics.get(name) for line in lines] for name in checks},
        gates={name: [given[name].outcome if name in given else None for given in verdicts] for name in gates},
        bundles=bundles,
        latencies=latencies,
        differences=[_compare(first, other) for other in others],
    )


@dataclass(frozen=True, slots=True)
class _Side:
    """One of two versions that are compared."""

    line: VersionLine
    version: VersionState
    manifest: Manifest | None
    latency: LatencyProfile | None


def _compare(first: _Side, other: _Side) -> Difference:
    old, new = first.line, other.line
    found = first.version.evidence, other.version.evidence
    same = {name: found[0][name].n == found[1][name].n for name in old.metrics.keys() & new.metrics.keys()}
    said = compare_metrics(old.metrics, new.metrics, same_rows=same)
    inputs: tuple[InputChange, ...] = ()
    if first.manifest is not None and other.manifest is not None:
        inputs = compare_inputs(first.manifest, other.manifest)
        said += compare_bundles(first.manifest, other.manifest)
        why = compare_machines(first.latency, other.latency, ref=new.ref, against=old.ref)
        said += [why] if why else []
    else:
        lacking = [side.line.ref for side in (first, other) if side.manifest is None]
        said.append(f"{' and '.join(lacking)} {'have' if len(lacking) > 1 else 'has'} no bundle to compare")
    return Difference(ref=new.ref, against=old.ref, inputs=inputs, said=tuple(said))


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
