"""Bundles as people handle them: built again and compared, verified wherever they are, and looked into."""

from contextlib import closing
from pathlib import Path

import msgspec

from shipway.app.attestation import read_attestations
from shipway.app.basis import find_basis
from shipway.app.candidate import judge, make_runner
from shipway.app.frame import frame_of
from shipway.app.ingest import open_data
from shipway.app.instant import write_instant
from shipway.app.model import find_version, read_contents, write_bundle
from shipway.app.packaging import gather, make_bundle
from shipway.app.progress import Watch, ignore
from shipway.app.project import Project
from shipway.app.run import period_of
from shipway.app.runner import Runner
from shipway.app.training import train
from shipway.app.workspace import Workspace
from shipway.core.attestation import Attestation, read_attestation
from shipway.core.bundle import DRIFT, GOLDEN, LOCK, MANIFEST, Golden, Manifest
from shipway.core.error import ShipwayError
from shipway.core.projection import VersionState
from shipway.core.reference import DriftReference
from shipway.delivery.lock import read_lock
from shipway.delivery.verification import read_beside, read_folder, verify_bundle
from shipway.kit.canonical import digest_bytes
from shipway.ports.model import runtimes


class BuiltBundle(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle that was built again.

    Attributes:
        version: `model@number`.
        bundle: its digest.
        registered: digest of the one that is registered; None where a gate did not pass.
        differs: files that are not those of the registered one.
        files: paths of all its files.
        size_bytes: of all of them together.
        path: where it was written; None where nowhere.
    """

    version: str
    bundle: str
    registered: str | None
    differs: tuple[str, ...]
    files: tuple[str, ...]
    size_bytes: int
    path: str | None


class VerifiedBundle(msgspec.Struct, frozen=True, kw_only=True):
    """What came of verifying a bundle.

    Attributes:
        what: the version or the folder.
        bundle: digest that its manifest has, whatever that says; empty where there is none.
        files: how many there are.
        damage: one sentence for each.
        beside: paths of what is said about it and is not its content.
        signer: name of the key that it is signed by, where that was asked.
    """

    what: str
    bundle: str
    files: int
    damage: list[str]
    beside: list[str]
    signer: str = ""


class InspectedBundle(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a bundle says.

    Attributes:
        what: the version or the folder.
        bundle: its digest.
        manifest: its table of contents.
        golden_rows: how many rows travel with what is due for them.
        sizes: bytes of each file by its path.
        packages: distribution to version of the environment it was made in.
        drift: what its inputs and its predictions looked like; None where it does not say.
        attestations: what is said about it beside it, by kind.
    """

    what: str
    bundle: str
    manifest: Manifest
    golden_rows: int
    sizes: dict[str, int]
    packages: dict[str, str]
    drift: DriftReference | None
    attestations: dict[str, Attestation]


def build_version(project: Project, ref: str, folder: Path | None = None, *, watch: Watch = ignore) -> BuiltBundle:
    """Build the bundle of a trained version from what it was made of, and compare it with the registered one.

    Nothing is registered. A version whose gates did not pass can be built as well, to look into; its manifest says what
    they said.

    Args:
        project: whose.
        ref: the version, as `model@number`; a model's name alone is its newest version.
        folder: where to write it; it must be empty or absent.
        watch: told what happens.

    Raises:
        ShipwayError: SW-104 if there is no such version, SW-603 if another process runs the project, SW-401 if its data
            may not be trained on, SW-501 if its code or its data are others since the version was trained, SW-107 if
            the folder is not empty.
    """
    with closing(Workspace(project)) as workspace, workspace.hold():
        version = find_version(workspace.state(), ref)
        runner = make_runner(workspace, watch)
        manifest, files = _build(runner, version)
        registered = None if version.bundle is None else read_contents(workspace, version)[1]
        if folder is not None:
            beside, unpickle = read_attestations(workspace, manifest.digest), project.config.security.unpickle
            write_bundle(folder, files | beside, manifest.digest, unpickle=unpickle)
    differs = (
        ()
        if registered is None
        else tuple(sorted(path for path in {*files, *registered} if files.get(path) != registered.get(path)))
    )
    return BuiltBundle(
        version=version.ref,
        bundle=manifest.digest,
        registered=version.bundle,
        differs=differs,
        files=tuple(sorted(files)),
        size_bytes=sum(len(content) for content in files.values()),
        path=None if folder is None else str(folder.absolute()),
    )


def check_bundle(project: Project | None, what: str) -> VerifiedBundle:
    """Find every damage of a bundle: of the one in a folder, or of the one a version is registered with.

    Args:
        project: whose versions are meant; None where a folder is.
        what: a folder, or the version as `model@number`.

    Raises:
        ShipwayError: SW-502 if the folder holds no bundle, SW-104 if there is no such version, SW-404 if it has none.
    """
    found: Path | dict[str, bytes]
    if project is None:
        found, digest, (files, beside) = Path(what), None, _read_folder(Path(what))
        unpickle = False
    else:
        digest, files, beside = _read_registered(project, what)
        found, unpickle = files, project.config.security.unpickle
    damage = verify_bundle(found, runtimes(unpickle=unpickle), digest=digest)
    return VerifiedBundle(what=what, bundle=_digest_of(files), files=len(files), damage=damage, beside=sorted(beside))


def inspect_bundle(project: Project | None, what: str) -> InspectedBundle:
    """Return everything a bundle says; nothing in it is loaded or run.

    Args:
        project: whose versions are meant; None where a folder is.
        what: a folder, or the version as `model@number`.

    Raises:
        ShipwayError: SW-502 if the folder holds no bundle, or one that cannot be read; SW-104 if there is no such
            version, SW-404 if it has none.
    """
    if project is None:
        files, beside = _read_folder(Path(what))
    else:
        _, files, beside = _read_registered(project, what)
    try:
        manifest = msgspec.json.decode(files[MANIFEST], type=Manifest)
        golden = msgspec.json.decode(files[GOLDEN], type=Golden)
        drift = msgspec.json.decode(files[DRIFT], type=DriftReference) if DRIFT in files else None
    except KeyError as error:
        raise ShipwayError("SW-502", f"{what} has no {error.args[0]}", "name a folder that holds a bundle") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        hint = "shipway bundle verify names every damage"
        raise ShipwayError("SW-502", f"{what} holds a bundle that cannot be read ({error})", hint) from error
    return InspectedBundle(
        what=what,
        bundle=_digest_of(files),
        manifest=manifest,
        golden_rows=golden.rows,
        sizes={path: len(content) for path, content in sorted((files | beside).items())},
        packages=read_lock(files[LOCK].decode(errors="replace")) if LOCK in files else {},
        drift=drift,
        attestations={each.kind: each for each in map(read_attestation, beside.values()) if each is not None},
    )


def _build(runner: Runner, version: VersionState) -> tuple[Manifest, dict[str, bytes]]:
    project = runner.workspace.project
    model, section = project.registry.models.get(version.model), project.config.models.get(version.model)
    ref = version.ref
    if version.imported:
        hint = "import it again: the same model gives the same bundle"
        raise ShipwayError("SW-501", f"{ref} was made elsewhere and imported as {version.imported}", hint)
    if model is None or section is None:
        hint = "put the model back into the project's file and into shipway.toml"
        raise ShipwayError("SW-501", f"{ref} cannot be built again: its model is declared no longer", hint)
    open_data(runner)
    frame, _ = frame_of(runner, model)
    day = write_instant(version.cut, project.config.project.timezone)
    trained = train(runner, model, frame, version.cut, name=f"train {model.name} {day}")
    if trained.key != version.key:
        hint = "shipway run makes a new version of what the project is now"
        raise ShipwayError("SW-501", f"{ref} cannot be built again: the project trains another model by now", hint)
    basis = find_basis(runner, version)
    if basis is None:
        period = period_of(project, section)
        evaluated = judge(runner, model, version, frame, trained, period)[1]
    else:
        period, evaluated = basis.period, basis.evaluated
    return make_bundle(runner, gather(runner, model, version, frame, trained, evaluated, period), _ignore)


def _ignore(done: int, of: int) -> None:
    """Tell nobody how much is done."""


def _read_folder(folder: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    return read_folder(folder), read_beside(folder)


def _read_registered(project: Project, ref: str) -> tuple[str, dict[str, bytes], dict[str, bytes]]:
    with closing(Workspace(project)) as workspace:
        bundle, files = read_contents(workspace, find_version(workspace.peek(), ref))
        return bundle, files, read_attestations(workspace, bundle)


def _digest_of(files: dict[str, bytes]) -> str:
    return digest_bytes(files[MANIFEST]) if MANIFEST in files else ""
