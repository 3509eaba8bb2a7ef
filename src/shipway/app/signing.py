"""Signing the bundles of a project and of others, and asking whether one is signed by whom the project trusts."""

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from shipway.adapters.file.fault import translate_fault
from shipway.app.model import find_version, read_contents
from shipway.app.project import Project
from shipway.app.shelf import stock_shelf
from shipway.app.workspace import Workspace
from shipway.core.body import BundleSigned
from shipway.core.bundle import MANIFEST
from shipway.core.error import ShipwayError
from shipway.core.projection import VersionState
from shipway.core.signature import ATTESTATIONS, SIGNATURE, read_signature, refuse_signature, refuse_unsigned
from shipway.delivery.verification import read_folder, verify_bundle
from shipway.kit.canonical import digest_bytes
from shipway.kit.file import write_atomic
from shipway.ports.adapter import load_adapter
from shipway.ports.model import runtimes
from shipway.ports.signature import Signer, Verifier

PASSWORD: Final = "SHIPWAY_KEY_PASSWORD"
"""The environment variable with the password of a private key that is locked by one."""


class SignedBundle(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle with a signature that counts.

    Attributes:
        what: the version, or the folder.
        bundle: its digest.
        key: name of the key, the SHA-256 of its public half in PEM.
        files: how many files the signature names.
    """

    what: str
    bundle: str
    key: str
    files: int


def sign_version(project: Project, ref: str, key: Path) -> SignedBundle:
    """Sign the bundle of a version, and remember it.

    Args:
        project: whose.
        ref: the version, as `model@number`; a model's name alone is its newest version.
        key: the private key, PEM.

    Raises:
        ShipwayError: SW-104 if there is no such version, SW-404 if it has no bundle, SW-502 or SW-605 if that is
            damaged, SW-514 if the key cannot be used.
    """
    signer = _open_signer(key)
    with closing(Workspace(project)) as workspace, TemporaryDirectory() as place:
        version = find_version(workspace.peek(), ref)
        bundle, contents = read_contents(workspace, version)
        folder = Path(place, version.ref)
        for path, content in contents.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        _require_whole(contents, bundle, unpickle=project.config.security.unpickle)
        signature = signer.sign(folder, beside=ATTESTATIONS)
        name = _name_signer(signature, contents)
        digest = workspace.blobs.put(signature)
        body = BundleSigned(model=version.model, number=version.number, bundle=bundle, signature=digest, key=name)
        workspace.remember((version.subject, body))
        workspace.store_state()
        stock_shelf(workspace)
    return SignedBundle(what=version.ref, bundle=bundle, key=name, files=len(contents))


def sign_folder(folder: Path, key: Path) -> SignedBundle:
    """Sign an exported bundle: the signature is a file beside its content.

    Args:
        folder: the bundle.
        key: the private key, PEM.

    Raises:
        ShipwayError: SW-502 if the folder is no bundle, or a damaged one; SW-514 if the key cannot be used; SW-601 or
            SW-602 if the signature cannot be written.
    """
    signer = _open_signer(key)
    contents = read_folder(folder)
    _require_whole(contents, None, folder)
    signature = signer.sign(folder, beside=ATTESTATIONS)
    with translate_fault(folder):
        write_atomic(folder / SIGNATURE, signature)
    return SignedBundle(
        what=str(folder),
        bundle=digest_bytes(contents[MANIFEST]),
        key=_name_signer(signature, contents),
        files=len(contents),
    )


def verify_version(project: Project, ref: str, keys: Sequence[Path]) -> SignedBundle:
    """Verify the bundle of a version and its signature.

    Args:
        project: whose.
        ref: the version, as `model@number`; a model's name alone is its newest version.
        keys: the public keys that are trusted; those of the project where there are none.

    Raises:
        ShipwayError: SW-104 or SW-404 if there is no such bundle, SW-502 or SW-605 if it is damaged, SW-511 if it is
            not signed, SW-512 or SW-513 if its signature does not count, SW-514 if a key cannot be used.
    """
    with closing(Workspace(project)) as workspace:
        version = find_version(workspace.peek(), ref)
        bundle, contents = read_contents(workspace, version)
        _require_whole(contents, bundle, unpickle=project.config.security.unpickle)
        what = version.ref
        signature = workspace.blobs.get(version.signature) if version.signature else None
        return _verify(what, bundle, contents, signature, keys or project.signers)


def verify_folder(folder: Path, keys: Sequence[Path]) -> SignedBundle:
    """Verify an exported bundle and its signature.

    Args:
        folder: the bundle.
        keys: the public keys that are trusted.

    Raises:
        ShipwayError: as `verify_version`.
    """
    contents = read_folder(folder)
    _require_whole(contents, None, folder)
    place = folder / SIGNATURE
    signature = place.read_bytes() if place.is_file() else None
    return _verify(str(folder), digest_bytes(contents[MANIFEST]), contents, signature, keys)


def require_signature(workspace: Workspace, version: VersionState) -> None:
    """Refuse a version that the project may not release, if it asks for signatures and this one has none that counts.

    Raises:
        ShipwayError: SW-511, SW-512 or SW-513 for the version; SW-514 for a key of the project's.
    """
    keys = workspace.project.signers
    if not keys:
        return
    what = version.ref
    if not version.signature:
        raise refuse_unsigned(what)
    bundle, contents = read_contents(workspace, version)
    _verify(what, bundle, contents, workspace.blobs.get(version.signature), keys)


def _verify(
    what: str, bundle: str, contents: Mapping[str, bytes], signature: bytes | None, keys: Sequence[Path]
) -> SignedBundle:
    verifier: Verifier = load_adapter("verifier.key")(keys)
    if signature is None:
        raise refuse_unsigned(what)
    digests = {path: digest_bytes(content) for path, content in contents.items()}
    return SignedBundle(what=what, bundle=bundle, key=verifier.verify(signature, digests), files=len(digests))


def _open_signer(key: Path) -> Signer:
    return load_adapter("signer.key")(key, password=os.environ.get(PASSWORD, ""))


def _name_signer(signature: bytes, contents: Mapping[str, bytes]) -> str:
    """Return the name of the key a signature is by, after looking that it names what is signed and nothing else."""
    signed = read_signature(signature)
    otherwise = signed.compare({path: digest_bytes(content) for path, content in contents.items()})
    if otherwise:
        raise refuse_signature(f"is of other files: {otherwise[0]}")
    return signed.signer


def _require_whole(
    contents: Mapping[str, bytes], bundle: str | None, folder: Path | None = None, *, unpickle: bool = False
) -> None:
    """Refuse a bundle that is not what its manifest says: who signs or vouches for it would vouch for the damage."""
    damage = verify_bundle(contents, runtimes(unpickle=unpickle), digest=bundle)
    if damage:
        where = "" if folder is None else f"{folder}: "
        hint = "fetch the bundle again, or make it again: shipway run --force"
        raise ShipwayError("SW-502", f"{where}{damage[0]}", hint)
