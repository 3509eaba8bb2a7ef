"""Bundles on their way to other systems: from a version to a folder in their format."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final, Literal, TypeAlias, TypeGuard, get_args

import msgspec

from shipway.app.model import ExportedBundle, find_version, read_contents
from shipway.app.project import Project
from shipway.app.scaffold import stage_target
from shipway.app.workspace import Workspace
from shipway.core.bundle import MANIFEST, Manifest
from shipway.core.error import ShipwayError
from shipway.core.signature import SIGNATURE
from shipway.delivery.export.bento import write_bento
from shipway.delivery.export.docker import write_docker
from shipway.delivery.export.mlflow import write_mlflow
from shipway.delivery.export.oci import write_oci
from shipway.delivery.export.parcel import Parcel
from shipway.delivery.lock import lock_environment
from shipway.delivery.verification import read_folder, verify_bundle
from shipway.kit.canonical import digest_bytes
from shipway.kit.file import write_atomic
from shipway.kit.suggestion import did_you_mean
from shipway.kit.version import VERSION
from shipway.ports.adapter import load_adapter
from shipway.ports.model import runtimes

Form: TypeAlias = Literal["folder", "oci", "docker", "mlflow", "bento"]
"""The formats a bundle is written in."""


def export_version(project: Project, ref: str, folder: Path, form: Form) -> ExportedBundle:
    """Write the bundle of a version into a folder, in the format of another system or as it is.

    The folder is whole or absent.

    Args:
        project: whose.
        ref: the version, as `model@number`; a model's name alone is its newest version.
        folder: where to; it must be empty or absent.
        form: the format.

    Raises:
        ShipwayError: SW-104 if there is no such version, SW-404 if it has no bundle, SW-501 if the format cannot hold
            it, SW-107 if the folder is not empty, SW-502 or SW-605 if the bundle is damaged, SW-601 or SW-602 if the
            folder cannot be written.
    """
    with closing(Workspace(project)) as workspace:
        version = find_version(workspace.peek(), ref)
        bundle, contents = read_contents(workspace, version)
        signature = workspace.blobs.get(version.signature) if version.signature else None
    return _export(bundle, contents, signature, folder, form, unpickle=project.config.security.unpickle)


def export_folder(source: Path, folder: Path, form: Form) -> ExportedBundle:
    """Write an exported bundle into another folder, in the format of another system.

    Args:
        source: the bundle.
        folder: where to; it must be empty or absent.
        form: the format.

    Raises:
        ShipwayError: as `export_version`.
    """
    contents, beside = read_folder(source), source / SIGNATURE
    if MANIFEST not in contents:
        raise ShipwayError("SW-502", f"{source} is not a bundle", "name a folder that a bundle was exported to")
    signature = beside.read_bytes() if beside.is_file() else None
    return _export(digest_bytes(contents[MANIFEST]), contents, signature, folder, form)


def check_form(form: str) -> Form:
    """Return a format by its name; SW-104 for one there is not."""
    if not _is_form(form):
        forms: tuple[str, ...] = get_args(Form)
        raise ShipwayError(
            "SW-104", f"bundles are not exported as {form!r}", did_you_mean(form, forms, most=len(forms))
        )
    return form


def _is_form(form: str) -> TypeGuard[Form]:
    return form in get_args(Form)


def _export(
    bundle: str,
    contents: dict[str, bytes],
    signature: bytes | None,
    folder: Path,
    form: Form,
    *,
    unpickle: bool = False,
) -> ExportedBundle:
    damage = verify_bundle(contents, runtimes(unpickle=unpickle), digest=bundle)
    if damage:
        raise ShipwayError("SW-502", damage[0], "fetch the bundle again, or make it again: shipway run --force")
    manifest = msgspec.json.decode(contents[MANIFEST], type=Manifest)
    files = _WRITE[form](Parcel(bundle, manifest, contents, signature))
    with stage_target(folder) as staged:
        for path, content in files.items():
            (staged / path).parent.mkdir(parents=True, exist_ok=True)
            write_atomic(staged / path, content)
    size = sum(len(content) for content in files.values())
    return ExportedBundle(path=str(folder.absolute()), bundle=bundle, files=tuple(sorted(files)), size_bytes=size)


def _write_docker(parcel: Parcel) -> dict[str, bytes]:
    if parcel.manifest.runtime == "onnx":
        lock = lock_environment(extras=("serve",)).splitlines()
    else:
        # What runs a native form is one of the libraries that it was made with.
        lock = parcel.contents["lock.txt"].decode().splitlines()
    names = [line.partition("==")[0] for line in lock if "==" in line]
    return write_docker(parcel, [name for name in names if name != "shipway"], VERSION)


_WRITE: Final[dict[Form, Callable[[Parcel], dict[str, bytes]]]] = {
    "folder": lambda parcel: parcel.files,
    "oci": write_oci,
    "docker": _write_docker,
    "mlflow": lambda parcel: write_mlflow(parcel, load_adapter("graph.single"), load_adapter("graph.split")),
    "bento": write_bento,
}
