"""The registry, a projection: the versions of a project's models, what is known of each, and their bundles."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import msgspec

from shipway.app.attestation import read_attestations, read_latency
from shipway.app.project import Project
from shipway.app.scaffold import stage_target
from shipway.app.status import VersionLine, line_of
from shipway.app.workspace import Workspace
from shipway.core.bundle import CHECKSUMS, MANIFEST, Manifest
from shipway.core.check import Evidence
from shipway.core.checksum import write_checksums
from shipway.core.error import ShipwayError
from shipway.core.gate import Verdict
from shipway.core.latency import LatencyProfile
from shipway.core.projection import ScoreState, State, VersionState
from shipway.core.signature import SIGNATURE
from shipway.core.standing import resolve_alias
from shipway.delivery.verification import verify_bundle
from shipway.kit.file import make_folder, write_atomic
from shipway.kit.suggestion import did_you_mean
from shipway.ports.model import runtimes


class VersionDetail(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known of a version.

    Attributes:
        version: the version in a line.
        evidence: what was measured.
        verdicts: what its gates said.
        bundle: the manifest of its bundle; None if it may not be released.
        scores: tables and files that it scored last.
        latency: how fast a machine ran it, and which machine; None where that was not measured.
    """

    version: VersionLine
    evidence: list[Evidence]
    verdicts: list[Verdict]
    bundle: Manifest | None
    scores: list[ScoreState] = []
    latency: LatencyProfile | None = None


class ExportedBundle(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle written to a folder, and read back as it was written."""

    path: str
    bundle: str
    files: tuple[str, ...]
    size_bytes: int


def list_models(project: Project) -> list[VersionLine]:
    """Return every version of every model of a project, oldest first within a model."""
    with closing(Workspace(project)) as workspace:
        state = workspace.peek()
    return [line_of(state, version) for versions in state.models.values() for version in versions]


def show_model(project: Project, ref: str) -> VersionDetail:
    """Return everything known of a version.

    Args:
        project: whose.
        ref: the version, as `model@number` or `model@alias`; a model's name alone is its newest version.

    Raises:
        ShipwayError: SW-104 if there is no such version, SW-605 if its bundle is damaged.
    """
    with closing(Workspace(project)) as workspace:
        state = workspace.peek()
        version = find_version(state, ref)
        return detail_of(workspace, state, version)


def detail_of(workspace: Workspace, state: State, version: VersionState) -> VersionDetail:
    """Return everything known of a version; SW-605 if its bundle is damaged."""
    bundle = version.bundle
    return VersionDetail(
        version=line_of(state, version),
        evidence=list(version.evidence.values()),
        verdicts=list(state.verdicts.get(version.subject, {}).values()),
        bundle=None if bundle is None else _read_manifest(workspace, bundle),
        scores=[each for each in state.scores.values() if each.score.bundle == bundle],
        latency=None if bundle is None else read_latency(workspace, bundle),
    )


def list_model(state: State, name: str) -> list[VersionState]:
    """Return every version of a model, oldest first; SW-104 where there is none."""
    if name not in state.models:
        raise ShipwayError("SW-104", f"there is no version of a model {name!r}", did_you_mean(name, state.models))
    return state.models[name]


def find_version(state: State, ref: str) -> VersionState:
    """Return the version a reference names: by its number, by an alias, or the newest where it names only a model.

    Raises:
        ShipwayError: SW-104 if there is none.
    """
    name, _, said = ref.partition("@")
    versions = list_model(state, name)
    if not said:
        return versions[-1]
    numbers = [each.number for each in versions]
    if not said.isdecimal():
        return versions[numbers.index(resolve_alias(state.aliases.get(name, {}), name, said, numbers))]
    if int(said) not in numbers:
        there = ", ".join(each.ref for each in versions)
        raise ShipwayError("SW-104", f"there is no version {ref!r}", f"there is {there}")
    return versions[numbers.index(int(said))]


def export_bundle(project: Project, ref: str, folder: Path) -> ExportedBundle:
    """Write the bundle of a version into a folder and read it back.

    The folder is whole or absent: files are written beside it and moved there in one step. The signature of a
    bundle that is signed lies beside its content.

    Args:
        project: whose.
        ref: the version, as `model@number` or `model@alias`; a model's name alone is its newest version.
        folder: where to; it must be empty or absent.

    Raises:
        ShipwayError: SW-104 if there is no such version, SW-404 if it has no bundle because a gate did not pass, SW-107
            if the folder is not empty, SW-502 or SW-605 if the bundle is damaged, SW-601 or SW-602 if it cannot be
            written.
    """
    with closing(Workspace(project)) as workspace:
        version = find_version(workspace.peek(), ref)
        bundle, contents = read_contents(workspace, version)
        contents |= read_attestations(workspace, bundle)
        if version.signature:
            contents[SIGNATURE] = workspace.blobs.get(version.signature)
    write_bundle(folder, contents, bundle, unpickle=project.config.security.unpickle)
    size = sum(len(content) for content in contents.values())
    return ExportedBundle(path=str(folder.absolute()), bundle=bundle, files=tuple(sorted(contents)), size_bytes=size)


def write_bundle(folder: Path, contents: Mapping[str, bytes], bundle: str, *, unpickle: bool) -> None:
    """Write a bundle's files into a folder, which is whole or absent, and read them back.

    Args:
        folder: where to; it must be empty or absent.
        contents: every file by its path.
        bundle: its digest.
        unpickle: whether its model may run code.

    Raises:
        ShipwayError: SW-107 if the folder is not empty, SW-502 if what was read back is not the bundle, SW-601 or
            SW-602 if it cannot be written.
    """
    with stage_target(folder) as staged:
        for path, content in contents.items():
            make_folder((staged / path).parent)
            write_atomic(staged / path, content)
        _verify(staged, bundle, unpickle)


def read_contents(workspace: Workspace, version: VersionState) -> tuple[str, dict[str, bytes]]:
    """Return the digest of a version's bundle, and every file of it by its path.

    Raises:
        ShipwayError: SW-404 if it has no bundle because a gate did not pass, SW-605 if a file is lost or damaged,
            SW-606 if a newer shipway wrote it.
    """
    if version.bundle is None:
        raise ShipwayError(
            "SW-404",
            f"{version.ref} has no bundle: its gates said {version.outcome or 'nothing yet'}",
            f"shipway models show {version.ref} says why",
        )
    manifest = _read_manifest(workspace, version.bundle)
    digests = {**manifest.files, MANIFEST: version.bundle}
    contents = {path: workspace.blobs.get(digest) for path, digest in digests.items()}
    contents[CHECKSUMS] = write_checksums(digests)
    return version.bundle, contents


def _verify(folder: Path, bundle: str, unpickle: bool) -> None:
    """Read a bundle back, recompute its checksums and replay its golden rows."""
    damage = verify_bundle(folder, runtimes(unpickle=unpickle), digest=bundle)
    if damage:
        raise ShipwayError("SW-502", damage[0], "make the bundle again: shipway run --force")


def _read_manifest(workspace: Workspace, digest: str) -> Manifest:
    try:
        return msgspec.json.decode(workspace.blobs.get(digest), type=Manifest)
    except msgspec.MsgspecError as error:
        raise ShipwayError(
            "SW-606", f"bundle {digest[:12]} cannot be read: {error}", "a newer shipway wrote it: upgrade this one"
        ) from error
