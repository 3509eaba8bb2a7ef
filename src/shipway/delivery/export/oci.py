"""A bundle as an OCI image layout: an image of data, that registries keep and clusters mount.

Equal bundles give equal bytes: instants are zero, owners are root, paths are sorted, and gzip writes no time. Whoever
copies the layout into a registry keeps the digest. The image has no program in it; it is mounted as a volume, or copied
from by the image that runs (`COPY --from`), as the Dockerfile of the other export does with the folder.
"""

import gzip
import io
import tarfile
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from shipway.core.signature import SIGNATURE
from shipway.delivery.export.parcel import Parcel
from shipway.kit.canonical import canonical_json, digest_bytes

FOLDER: Final = "bundle"
"""The folder of the image that the bundle is in."""
_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_INDEX: Final = "application/vnd.oci.image.index.v1+json"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
_REF: Final = "org.opencontainers.image.ref.name"
_LEVEL: Final = 9


def write_oci(parcel: Parcel) -> dict[str, bytes]:
    """Return the files of an OCI image layout (image-layout specification 1.0.0) that holds a bundle.

    The forms of the model are a layer of their own, so that registries keep those of versions that share them once. The
    signature, where there is one, is the last: the layers below are those of the bundle that is not signed.
    """
    manifest = parcel.manifest
    model = {path: content for path, content in parcel.contents.items() if path in (manifest.native, manifest.served)}
    rest = {path: content for path, content in parcel.contents.items() if path not in model}
    groups = [model, rest] + ([] if parcel.signature is None else [{SIGNATURE: parcel.signature}])
    tars = [_write_tar(group) for group in groups]
    layers = [gzip.compress(tar, compresslevel=_LEVEL, mtime=0) for tar in tars]
    labels = {
        "org.opencontainers.image.title": parcel.name,
        "org.opencontainers.image.version": str(manifest.version),
        "org.opencontainers.image.description": f"shipway bundle {parcel.digest} of {parcel.name}",
        "dev.shipway.bundle.digest": parcel.digest,
        "dev.shipway.bundle.model": manifest.model,
    }
    config = canonical_json(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Labels": labels, "WorkingDir": f"/{FOLDER}"},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest_bytes(tar)}" for tar in tars]},
            "history": [{"created_by": f"shipway bundle export {parcel.name} --as oci"} for _ in tars],
        }
    )
    image = canonical_json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _describe(_CONFIG, config),
            "layers": [_describe(_LAYER, layer) for layer in layers],
            "annotations": labels,
        }
    )
    index = {
        "schemaVersion": 2,
        "mediaType": _INDEX,
        "manifests": [_describe(_MANIFEST, image) | {"annotations": {_REF: str(manifest.version)}}],
    }
    blobs = {f"blobs/sha256/{digest_bytes(blob)}": blob for blob in (config, image, *layers)}
    return {
        "oci-layout": canonical_json({"imageLayoutVersion": "1.0.0"}),
        "index.json": canonical_json(index),
        **blobs,
    }


def _describe(media: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": media, "digest": f"sha256:{digest_bytes(blob)}", "size": len(blob)}


def _write_tar(files: Mapping[str, bytes]) -> bytes:
    """Return an archive of files below the image's folder that depends on their paths and contents only."""
    paths = {PurePosixPath(FOLDER, path): content for path, content in files.items()}
    folders = sorted({parent for path in paths for parent in path.parents if parent.name})
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for folder in folders:
            entry = tarfile.TarInfo(str(folder))
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for path in sorted(paths):
            entry = tarfile.TarInfo(str(path))
            entry.size, entry.mode = len(paths[path]), 0o644
            archive.addfile(entry, io.BytesIO(paths[path]))
    return written.getvalue()
