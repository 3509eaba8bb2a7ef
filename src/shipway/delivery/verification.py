"""Whether a bundle is what it was: every file, the manifest, and what the portable model still predicts."""

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from shipway.core.attestation import read_attestation
from shipway.core.bundle import CHECKSUMS, GOLDEN, LAYOUT, MANIFEST, Golden, Manifest
from shipway.core.error import ShipwayError
from shipway.core.signature import ATTESTATIONS
from shipway.kit.canonical import canonical_json, digest_bytes
from shipway.ports.model import Runtime

_LINE: Final = re.compile(rb"([0-9a-f]{64})  ([\x21-\x7e]+)\n")


def verify_bundle(
    read: Mapping[str, bytes] | Path, open_runtime: Callable[[str], Runtime], *, digest: str | None = None
) -> list[str]:
    """Find every damage of a bundle: files changed, missing or added, and golden rows that are predicted otherwise.

    Checksums show accidents. Whoever changes a file on purpose can change them too, and then only the bundle's digest,
    kept elsewhere, shows it.

    Args:
        read: every file of the bundle by its path, or the folder they are in.
        open_runtime: opens what replays the golden rows through the form that is served, by its name; nothing is loaded
            where one of the two is damaged.
        digest: the bundle's name, where it is known.

    Returns:
        One sentence for each damage, without a full stop; none for a bundle that is what its manifest says.

    Raises:
        ShipwayError: SW-502 if there is neither a manifest nor checksums, so that this is no bundle.
    """
    files, odd = (read_folder(read), find_odd(read)) if isinstance(read, Path) else (read, [])
    if MANIFEST not in files and CHECKSUMS not in files:
        where = str(read) if isinstance(read, Path) else "this"
        hint = f"a bundle has the files {MANIFEST} and {CHECKSUMS}: export it again with shipway models export"
        raise ShipwayError("SW-502", f"{where} is not a bundle", hint)
    damage = odd
    manifest = _read_manifest(files, digest, damage)
    claims = {CHECKSUMS: _read_checksums(files, damage)}
    if manifest is not None:
        claims[MANIFEST] = manifest.files
    damage += _compare_files(files, claims)
    if isinstance(read, Path) and MANIFEST in files:
        damage += check_attestations(read_beside(read), digest_bytes(files[MANIFEST]))
    if manifest is not None and all(_is_whole(files, path, manifest) for path in (manifest.served, GOLDEN)):
        damage += _replay(files, manifest, open_runtime)
    return damage


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return every file of the bundle in a folder by its path, without what lies beside its content.

    Links are not followed, and what is no file is not opened. What cannot be read is left out, and so is found to be
    missing.
    """
    return {place: data for place, data in _read_files(folder) if place.partition("/")[0] not in ATTESTATIONS}


def read_beside(folder: Path) -> dict[str, bytes]:
    """Return every file that lies beside the content of the bundle in a folder, by its path."""
    return {place: data for place, data in _read_files(folder) if place.partition("/")[0] in ATTESTATIONS}


def find_odd(folder: Path) -> list[str]:
    """Return what is neither a file nor a folder, one sentence each: a link may lead anywhere and a pipe to nothing."""
    found: list[str] = []
    for path in _walk(folder):
        kind = path.lstat().st_mode
        if not stat.S_ISREG(kind):
            said = "a link" if stat.S_ISLNK(kind) else "no file"
            found.append(f"{path.relative_to(folder).as_posix()} is {said}, and is not followed")
    return found


def _read_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in _walk(folder):
        try:
            if stat.S_ISREG(path.lstat().st_mode):
                yield path.relative_to(folder).as_posix(), path.read_bytes()
        except OSError:
            continue


def _walk(folder: Path) -> list[Path]:
    """Return what is below a folder and is no folder itself; links to folders are not gone into."""
    found: list[Path] = []
    for above, folders, names in os.walk(folder):
        links = [name for name in folders if Path(above, name).is_symlink()]
        found += [Path(above, name) for name in (*links, *names)]
    return sorted(found)


def _is_whole(files: Mapping[str, bytes], path: str, manifest: Manifest) -> bool:
    return path in files and digest_bytes(files[path]) == manifest.files.get(path)


def _read_manifest(files: Mapping[str, bytes], digest: str | None, damage: list[str]) -> Manifest | None:
    data = files.get(MANIFEST)
    if data is None:
        return None
    if digest is not None and digest_bytes(data) != digest:
        damage.append(f"{MANIFEST} is not that of bundle {digest}")
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        damage.append(f"{MANIFEST} cannot be read ({error})")
        return None
    if manifest.layout != LAYOUT:
        damage.append(f"{MANIFEST} has layout {manifest.layout}, and this version reads layout {LAYOUT}")
        return None
    if canonical_json(manifest) != data:
        damage.append(f"{MANIFEST} is not as it was written")
    return manifest


def _read_checksums(files: Mapping[str, bytes], damage: list[str]) -> dict[str, str]:
    claims: dict[str, str] = {}
    for number, line in enumerate(files.get(CHECKSUMS, b"").splitlines(keepends=True), start=1):
        match = _LINE.fullmatch(line)
        if match is None:
            damage.append(f"{CHECKSUMS} cannot be read in line {number}")
        else:
            claims[match[2].decode()] = match[1].decode()
    return claims


def _compare_files(files: Mapping[str, bytes], claims: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Compare every file with what the checksums and the manifest claim it to be."""
    named = {MANIFEST, CHECKSUMS, *(path for claim in claims.values() for path in claim)}
    damage = [f"{path} is missing or cannot be read" for path in sorted(named - files.keys())]
    damage += [f"{path} does not belong to the bundle" for path in sorted(files.keys() - named)]
    for path in sorted((named & files.keys()) - {CHECKSUMS}):
        actual = digest_bytes(files[path])
        for source in sorted(claims.keys() & files.keys() - {path}):
            claimed = claims[source].get(path)
            if claimed is None:
                damage.append(f"{path} is not named in {source}")
            elif claimed != actual:
                damage.append(f"{path} is not what {source} says it is")
    return damage


def check_attestations(beside: Mapping[str, bytes], bundle: str) -> list[str]:
    """Find statements beside a bundle that are about another one; a signature is for who has the key to check.

    Args:
        beside: what lies beside it, by path.
        bundle: its digest.
    """
    damage: list[str] = []
    for path, content in sorted(beside.items()):
        attestation = read_attestation(content)
        if attestation is not None and attestation.bundle != bundle:
            damage.append(f"{path} is about bundle {attestation.bundle[:12]}, not this one")
    return damage


def _replay(files: Mapping[str, bytes], manifest: Manifest, open_runtime: Callable[[str], Runtime]) -> list[str]:
    served = manifest.served
    try:
        golden = msgspec.json.decode(files[GOLDEN], type=Golden)
        odd = manifest.find_odd(golden)
        if odd:
            return [f"{GOLDEN} has {odd}"]
        found = open_runtime(manifest.runtime).load(files[served]).infer(golden.tensors)
        otherwise = golden.compare(found, manifest.tolerance)
    except ShipwayError as error:
        return [f"{served} cannot replay the golden rows: {error.fact}"]
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        return [f"{GOLDEN} cannot be read ({error})"]
    return [f"{served} predicts {otherwise}"] if otherwise else []
