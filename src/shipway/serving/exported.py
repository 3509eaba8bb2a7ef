"""Bundles in a folder, as they were exported: what a server without a project serves."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from shipway.core.bundle import MANIFEST, Manifest
from shipway.core.error import ShipwayError
from shipway.core.signature import SIGNATURE
from shipway.kit.canonical import digest_bytes


class Source(Protocol):
    """Where files are found by digest."""

    def get(self, digest: str) -> bytes:
        """Return the bytes with this digest, verified; SW-605 if they are missing or damaged."""
        ...


class Exported:
    """The files of exported bundles by digest, before those of a store."""

    def __init__(self, folder: Path | None, store: Source) -> None:
        """Find the bundles; a file is read when it is asked for.

        Args:
            folder: of bundles, each in a folder of its own, or of one alone; None for none.
            store: has the other files.

        Raises:
            ShipwayError: SW-201 if there is no such folder, SW-502 for a manifest that cannot be read, SW-105 if two
                bundles are one version.
        """
        self._store = store
        self._paths: dict[str, Path] = {}
        self.manifests: dict[str, Manifest] = {}
        self.signatures: dict[str, str] = {}
        for place, digest, manifest in () if folder is None else _find(folder):
            self.manifests[digest] = manifest
            self._paths[digest] = place / MANIFEST
            self._paths.update({content: place / path for path, content in manifest.files.items()})
            signature = place / SIGNATURE
            if signature.is_file():
                self.signatures[digest] = digest_bytes(signature.read_bytes())
                self._paths[self.signatures[digest]] = signature

    def get(self, digest: str) -> bytes:
        """Return the bytes with this digest, verified; SW-605 if they are missing or damaged."""
        path = self._paths.get(digest)
        if path is None:
            return self._store.get(digest)
        try:
            data = path.read_bytes()
        except OSError as fault:
            said = f"{path} cannot be read ({fault.strerror})"
            raise ShipwayError("SW-605", said, "export the bundle again: shipway models export") from fault
        if digest_bytes(data) != digest:
            said = f"{path} is damaged: it is not what the manifest says"
            raise ShipwayError("SW-605", said, "export the bundle again: shipway models export")
        return data


def _find(folder: Path) -> Iterator[tuple[Path, str, Manifest]]:
    if not folder.is_dir():
        raise ShipwayError("SW-201", f"there is no folder {folder}", "name a folder that bundles were exported to")
    seen: dict[tuple[str, int], Path] = {}
    for place in [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]:
        path = place / MANIFEST
        if not path.is_file():
            continue
        data = path.read_bytes()
        try:
            manifest = msgspec.json.decode(data, type=Manifest)
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
            fact = f"{path} cannot be read ({error})"
            raise ShipwayError("SW-502", fact, "export the bundle again: shipway models export") from error
        other = seen.setdefault((manifest.model, manifest.version), place)
        if other != place:
            fact = f"{other} and {place} are both {manifest.model}@{manifest.version}"
            raise ShipwayError("SW-105", fact, "keep one of them")
        yield place, digest_bytes(data), manifest
