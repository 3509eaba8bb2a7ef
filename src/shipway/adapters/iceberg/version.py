"""Numbered versions of a published table: which is the present one, where readers look for it, and which files go."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from shipway.adapters.iceberg.manifest import FILES, MANIFESTS, Listed, read_header
from shipway.adapters.iceberg.metadata import Metadata
from shipway.adapters.iceberg.place import Place
from shipway.core.error import ShipwayError

METADATA: Final = "metadata"
DATA: Final = "data"

_HINT: Final = f"{METADATA}/version-hint.text"
_NUMBERED: Final = re.compile(r"(?:metadata|data)/v(\d+)[.-].*")
_WRITTEN: Final = re.compile(r"(?:metadata|data)/(v\d+-[0-9a-f]+)-.*")
_METADATA: Final = re.compile(r"metadata/v(\d+)\.metadata\.json")


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a published table.

    Attributes:
        number: its number, from 1.
        metadata: what its metadata file holds.
    """

    number: int
    metadata: Metadata


def metadata_name(number: int) -> str:
    """Return the name of a version's metadata file."""
    return f"{METADATA}/v{number}.metadata.json"


def find_version(place: Place) -> Version | None:
    """Return the present version, which may be one that the hint does not say yet; None if there never was one.

    Raises:
        ShipwayError: SW-605 if its metadata is damaged.
    """
    number, found = _read_hint(place), None
    while (data := place.read(metadata_name(number + 1))) is not None:
        number, found = number + 1, data
    if found is None and number > 0:
        found = need_file(place, metadata_name(number))
    if found is None:
        return None
    try:
        return Version(number=number, metadata=msgspec.json.decode(found, type=Metadata))
    except msgspec.DecodeError as fault:
        raise _damaged(place, metadata_name(number)) from fault


def is_followed(place: Place, version: Version) -> bool:
    """Tell whether a version that was just claimed is the present one, or one that this follows.

    A publisher that was kept from the processor for long may claim a number that others had claimed, left behind and
    swept: its name was free again, and nobody will ever look there.
    """
    if _read_hint(place) <= version.number:
        return True
    present = find_version(place)
    mine = version.metadata["current-snapshot-id"]
    return present is not None and any(each["snapshot-id"] == mine for each in present.metadata["snapshots"])


def advance_hint(place: Place, number: int) -> None:
    """Show readers a version, or a later one if there is one by now.

    Two publishers may get here in either order, so whoever wrote the hint looks whether there is more to show.
    """
    if _read_hint(place) < number or place.read(_HINT) is None:
        place.write(_HINT, str(number).encode())
    while place.read(metadata_name(number + 1)) is not None:
        number += 1
        place.write(_HINT, str(number).encode())


def need_file(place: Place, name: str) -> bytes:
    """Return the bytes of a file that a published table consists of; SW-605 if it is gone."""
    data = place.read(name)
    if data is None:
        raise _damaged(place, name)
    return data


def name_in(place: Place, uri: str) -> str:
    """Return the name in a place of a file given its address; SW-605 if it is elsewhere."""
    if not uri.startswith(f"{place.uri}/"):
        hint = "publish to another location: a published table cannot be moved"
        raise ShipwayError("SW-605", f"the table at {place.uri} was published to another place: it needs {uri}", hint)
    return uri.removeprefix(f"{place.uri}/")


def sweep_versions(place: Place, present: Version) -> None:
    """Remove the files of versions that are not kept, and those that killed or beaten publishers left.

    A file carries the number of the version it was written for, and the token of the publisher who wrote it. One of a
    number above the present may be about to be needed. One of a version that is kept is needed where it carries the
    token that the version's own list has. One of a version before those is needed by the oldest that is kept or by
    none, for whatever a version needs of earlier ones, the version before it needed too. So the oldest alone is read,
    however many are kept.

    Raises:
        ShipwayError: SW-605 if a file of the oldest version that is kept is missing or damaged.
    """
    snapshots = present.metadata["snapshots"]
    first = present.number + 1 - len(snapshots)
    tokens = {_token_of(name_in(place, each["manifest-list"])) for each in snapshots}
    try:
        used = set(_find_used(place, snapshots[0]))
    except ShipwayError:
        now = find_version(place)
        if now is None or now.number == present.number:
            raise
        # Others have published since, and let go of what was needed here: they sweep.
        return
    doomed: list[str] = []
    for name in [*place.names(METADATA), *place.names(DATA)]:
        number = _NUMBERED.fullmatch(name)
        if number is None or int(number[1]) > present.number or name in used or _token_of(name) in tokens:
            continue
        if _METADATA.fullmatch(name) is None or int(number[1]) < first:
            doomed.append(name)
    place.remove(doomed)


def _token_of(name: str) -> str | None:
    """Return what all files that one publisher wrote for one version have in their names; None for the metadata."""
    found = _WRITTEN.fullmatch(name)
    return None if found is None else found[1]


def _find_used(place: Place, snapshot: dict[str, Any]) -> Iterator[str]:
    name = name_in(place, snapshot["manifest-list"])
    yield name
    for uri in msgspec.json.decode(read_header(need_file(place, name))[MANIFESTS], type=list[str]):
        manifest = name_in(place, uri)
        yield manifest
        for listed in msgspec.json.decode(read_header(need_file(place, manifest))[FILES], type=list[Listed]):
            if listed.uri is not None:
                yield name_in(place, listed.uri)


def _read_hint(place: Place) -> int:
    """Return the version that readers are shown, 0 for none; where the hint was lost, the last that there is."""
    hint = place.read(_HINT)
    with suppress(ValueError):
        return int(hint or b"")
    numbers = [int(found[1]) for name in place.names(METADATA) if (found := _METADATA.fullmatch(name))]
    return max(numbers, default=0)


def _damaged(place: Place, name: str) -> ShipwayError:
    hint = f"remove {place.uri} and publish the table again: no data is lost by that"
    return ShipwayError("SW-605", f"{place.uri}/{name} is missing or damaged", hint)
