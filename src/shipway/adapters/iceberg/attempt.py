"""One attempt to make the next version of a published table: everything is written, and nothing points to it yet."""

import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from pyiceberg.manifest import ManifestEntry, ManifestEntryStatus, ManifestFile
from pyiceberg.schema import Schema

from shipway.adapters.iceberg.design import Needed, design_table
from shipway.adapters.iceberg.manifest import (
    FILES,
    Listed,
    Manifest,
    decode_list,
    decode_manifest,
    drop_entry,
    encode_list,
    encode_manifest,
    fold,
    keep_entry,
    make_entry,
    read_header,
)
from shipway.adapters.iceberg.metadata import (
    COMMIT,
    LAYOUT,
    MAPPING,
    ROWS,
    Metadata,
    Widened,
    copy_metadata,
    current_schema,
    current_snapshot,
    find_widened,
    forget_history,
    put_schema,
    put_snapshot,
    read_mapping,
    start_metadata,
    write_mapping,
)
from shipway.adapters.iceberg.place import Place, read_file
from shipway.adapters.iceberg.rewriting import rewrite
from shipway.adapters.iceberg.statistic import read_figures, read_footer
from shipway.adapters.iceberg.version import DATA, METADATA, Version, metadata_name, name_in, need_file
from shipway.core.error import ShipwayError
from shipway.core.table import Snapshot
from shipway.kit.canonical import digest_bytes


class Attempt:
    """What is written for the next version of a table.

    Attributes:
        written: names of what was written.
        added: entries that the version adds.
        removed: how many entries it takes away.
        rewritten: how many of the added ones are files written anew.
    """

    def __init__(
        self, table: str, snapshot: Snapshot, *, place: Place, before: Version | None, files: Callable[[str], str]
    ) -> None:
        """Prepare to make a version of a snapshot; nothing is written yet.

        Raises:
            ShipwayError: SW-212 for what Iceberg has no word for.
        """
        self._table, self._snapshot, self._place, self._files = table, snapshot, place, files
        self._before = before
        self._design = design_table(snapshot, table=table)
        self._number = 1 if before is None else before.number + 1
        self._token = f"v{self._number}-{secrets.token_hex(8)}"
        self._id = 1 + secrets.randbits(62)
        self.written: list[str] = []
        self.added = self.removed = self.rewritten = 0

    def make(self, *, commit: str, at_ms: int, keep: int, readable_ms: int) -> Version:
        """Write everything that the version needs but its metadata, and return it.

        Args:
            commit: the commit that is published.
            at_ms: the present instant.
            keep: how many versions stay readable at least.
            readable_ms: how long a version stays readable at least once another took its place.

        Raises:
            ShipwayError: SW-212 for a value that Iceberg does not keep, SW-605 for a file that is missing or damaged.
        """
        metadata = start_metadata(self._place.uri) if self._before is None else copy_metadata(self._before.metadata)
        manifests = self._load(metadata)
        widened = find_widened(current_schema(metadata), self._design.columns)
        moved = any(self._design.names.get(name) != at for name, at in read_mapping(metadata).items())
        if widened is None or moved:
            # What a column means changed under the files of earlier versions: they could not be read right any more.
            self.removed = sum(len(manifest.listed) for manifest in manifests)
            manifests, widened = [], {}
            forget_history(metadata)
        schema = put_schema(metadata, self._design.columns)
        manifests = [self._retain(manifest, widened) for manifest in manifests]
        kept = {listed.key for manifest in manifests for listed in manifest.listed}
        new = {key: needed for key, needed in self._design.needed.items() if key not in kept}
        if new:
            pairs = [self._add(key, needed) for key, needed in new.items()]
            manifests.append(Manifest(listed=[pair[0] for pair in pairs], entries=[pair[1] for pair in pairs]))
        self.added = len(new)
        written = self._write(manifests, schema)
        self._state(metadata, written, commit=commit, at_ms=at_ms, keep=keep, readable_ms=readable_ms)
        return Version(number=self._number, metadata=metadata)

    def _load(self, metadata: Metadata) -> list[Manifest]:
        present = current_snapshot(metadata)
        if present is None:
            return []
        found: list[Manifest] = []
        for file in decode_list(need_file(self._place, name_in(self._place, present["manifest-list"]))):
            header = read_header(need_file(self._place, name_in(self._place, file.manifest_path)))
            if listed := msgspec.json.decode(header[FILES], type=list[Listed]):
                found.append(Manifest(listed=listed, file=file))
        return found

    def _retain(self, manifest: Manifest, widened: Widened) -> Manifest:
        """Return what of a manifest stays: itself where nothing of it changes."""
        keeps = [self._design.keeps(listed) for listed in manifest.listed]
        if all(keeps) and not widened:
            return manifest
        entries = self._decode(manifest)
        gone = [drop_entry(entry, self._id) for entry, stays in zip(entries, keeps, strict=True) if not stays]
        self.removed += len(gone)
        return Manifest(
            listed=[listed for listed, stays in zip(manifest.listed, keeps, strict=True) if stays],
            entries=[keep_entry(entry, widened) for entry, stays in zip(entries, keeps, strict=True) if stays],
            gone=gone,
        )

    def _decode(self, manifest: Manifest) -> list[ManifestEntry]:
        if manifest.entries is not None:
            return manifest.entries
        assert manifest.file is not None
        name = name_in(self._place, manifest.file.manifest_path)
        return decode_manifest(need_file(self._place, name), manifest.file)

    def _add(self, key: str, needed: Needed) -> tuple[Listed, ManifestEntry]:
        if needed.ready:
            return Listed(key=key), self._add_stored(needed)
        uri = self._files(needed.part.digest)
        stored = read_file(uri)
        if digest_bytes(stored) != needed.part.digest:
            raise _damaged(uri, "its bytes do not match its name")
        data, footer = rewrite(stored, needed.columns, table=self._table)
        self.rewritten += 1
        name = self._put(f"{DATA}/{self._token}-{len(self.written)}.parquet", data)
        figures = read_figures(footer, [(column.name, column) for _, column in needed.columns])
        types = {column.field_id: str(column.field_type) for _, column in needed.columns}
        return Listed(key=key, uri=name, types=types), make_entry(name, len(data), figures, self._id)

    def _add_stored(self, needed: Needed) -> ManifestEntry:
        uri = self._files(needed.part.digest)
        if uri.startswith("file:") and not self._place.uri.startswith("file:"):
            fact = f"the data of table {self._table!r} are on this disk, where readers of {self._place.uri} are not"
            raise ShipwayError("SW-212", fact, "keep the project's data in a bucket too, or publish to a folder")
        try:
            footer = read_footer(lambda count: read_file(uri, last_bytes=count))
        except ValueError as fault:
            raise _damaged(uri, str(fault)) from fault
        return make_entry(uri, needed.part.size_bytes, read_figures(footer, needed.columns), self._id)

    def _write(self, manifests: Sequence[Manifest], schema: Schema) -> tuple[str, int]:
        """Write the manifests that are new and the list of all, and return its address."""
        files: list[ManifestFile] = []
        for group in fold(manifests):
            (first, *more) = group
            if not more and first.file is not None:
                files.append(first.file)
                continue
            merged = self._merge(group)
            if not merged.listed and not merged.gone:
                continue
            uri = f"{self._place.uri}/{METADATA}/{self._token}-{len(self.written)}.avro"
            data, file = encode_manifest(merged, schema, uri, self._id)
            self._put(name_in(self._place, uri), data)
            files.append(file)
        number = 1 if self._before is None else self._before.metadata["last-sequence-number"] + 1
        uri = f"{self._place.uri}/{METADATA}/{self._token}-list.avro"
        parent = None if self._before is None else current_snapshot(self._before.metadata)
        data = encode_list(files, uri, self._id, None if parent is None else parent["snapshot-id"], number)
        self._put(name_in(self._place, uri), data)
        return uri, number

    def _merge(self, manifests: Iterable[Manifest]) -> Manifest:
        merged = Manifest(listed=[], entries=[])
        entries: list[ManifestEntry] = []
        for manifest in manifests:
            merged.listed.extend(manifest.listed)
            merged.gone.extend(manifest.gone)
            for entry in self._decode(manifest):
                mine = entry.status == ManifestEntryStatus.ADDED and entry.snapshot_id == self._id
                entries.append(entry if mine else keep_entry(entry, {}))
        merged.entries = entries
        return merged

    def _state(
        self,
        metadata: Metadata,
        written: tuple[str, int],
        *,
        commit: str,
        at_ms: int,
        keep: int,
        readable_ms: int,
    ) -> None:
        uri, number = written
        parent = current_snapshot(metadata)
        snapshot: dict[str, Any] = {
            "snapshot-id": self._id,
            "sequence-number": number,
            "timestamp-ms": max(at_ms, metadata["last-updated-ms"] + 1),
            "manifest-list": uri,
            "summary": self._summarise(parent, commit),
            "schema-id": metadata["current-schema-id"],
        }
        if parent is not None:
            snapshot["parent-snapshot-id"] = parent["snapshot-id"]
        if self._before is not None:
            before = f"{self._place.uri}/{metadata_name(self._before.number)}"
            log = {"metadata-file": before, "timestamp-ms": metadata["last-updated-ms"]}
            metadata["metadata-log"].append(log)
        metadata["properties"][MAPPING] = write_mapping(self._design.names, self._design.known)
        put_snapshot(metadata, snapshot, keep=keep, readable_ms=readable_ms)
        # Metadata files go with the snapshots that they were the first to have.
        surplus = max(0, len(metadata["metadata-log"]) + 1 - len(metadata["snapshots"]))
        metadata["metadata-log"] = metadata["metadata-log"][surplus:]

    def _summarise(self, parent: dict[str, Any] | None, commit: str) -> dict[str, str]:
        if parent is None or not self.removed:
            operation = "append"
        elif parent["summary"][ROWS] == self._snapshot.digest:
            operation = "replace"
        else:
            operation = "overwrite" if self.added else "delete"
        figures = {
            "added-data-files": self.added,
            "deleted-data-files": self.removed,
            "total-data-files": len(self._design.needed),
            "total-records": self._snapshot.rows,
            "total-delete-files": 0,
        }
        words = {"operation": operation, COMMIT: commit, LAYOUT: self._snapshot.stored[0], ROWS: self._snapshot.digest}
        return words | {name: str(value) for name, value in figures.items()}

    def _put(self, name: str, data: bytes) -> str:
        self._place.write(name, data)
        self.written.append(name)
        return f"{self._place.uri}/{name}"


def _damaged(uri: str, said: str) -> ShipwayError:
    return ShipwayError("SW-605", f"stored file {uri} is damaged ({said})", "restore it from a backup")
