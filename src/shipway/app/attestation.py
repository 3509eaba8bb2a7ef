"""What is said about bundles and is not their content: kept beside them, by the bundle's digest."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from shipway.app.workspace import Workspace
from shipway.core.attestation import ATTESTED, Attestation, read_attestation
from shipway.core.bundle import GOLDEN, Golden, Manifest
from shipway.core.latency import LATENCY, LatencyProfile, read_profile
from shipway.delivery.latency import attest_latency
from shipway.kit.canonical import canonical_json
from shipway.kit.file import make_folder, write_atomic
from shipway.ports.model import open_runtime

_KIND: Final = re.compile(r"[a-z][a-z0-9-]*")


def keep_attestation(workspace: Workspace, attestation: Attestation) -> Path:
    """Keep a statement about a bundle, in place of an earlier one of its kind."""
    assert _KIND.fullmatch(attestation.kind), "a kind is the name of a file"
    path = _place(workspace, attestation.bundle, attestation.kind)
    make_folder(path.parent)
    write_atomic(path, canonical_json(attestation))
    return path


def read_attestations(workspace: Workspace, bundle: str) -> dict[str, bytes]:
    """Return every statement about a bundle by the path it has beside it; those that others put there too."""
    return {f"{ATTESTED}/{path.name}": path.read_bytes() for path in _list(workspace.folder, bundle)}


def attest_speed(workspace: Workspace, bundle: str) -> None:
    """Measure how fast this machine runs a bundle's model, and keep that; once is enough."""
    if _place(workspace, bundle, LATENCY).exists():
        return
    manifest = msgspec.json.decode(workspace.blobs.get(bundle), type=Manifest)
    golden = msgspec.json.decode(workspace.blobs.get(manifest.files[GOLDEN]), type=Golden)
    unpickle = workspace.project.config.security.unpickle
    predictor = open_runtime(manifest.runtime, unpickle=unpickle).load(
        workspace.blobs.get(manifest.files[manifest.served])
    )
    keep_attestation(workspace, attest_latency(manifest, predictor, golden))


def read_latency(workspace: Workspace, bundle: str) -> LatencyProfile | None:
    """Return how fast a machine ran a bundle's model; None where nobody measured that."""
    path = _place(workspace, bundle, LATENCY)
    said = read_attestation(path.read_bytes()) if path.is_file() else None
    return None if said is None or said.bundle != bundle else read_profile(said)


def _list(folder: Path, bundle: str) -> Iterator[Path]:
    place = folder / ATTESTED / bundle
    return iter(sorted(path for path in place.glob("*") if path.is_file() and not path.name.startswith(".")))


def _place(workspace: Workspace, bundle: str, kind: str) -> Path:
    return workspace.folder / ATTESTED / bundle / f"{kind}.json"
