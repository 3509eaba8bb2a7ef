"""Features of a version whose own online store nobody fills, out of the store that the project keeps current."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from shipway.core.error import ShipwayError
from shipway.core.feature_set import FILE, FeatureSets
from shipway.core.online import Layout, Scalar
from shipway.ports.online import Online, open_online
from shipway.serving.direct import Features
from shipway.serving.reader import FeatureReader


class CurrentReader:
    """Reads a layout's features, as `FeatureReader` does, and goes over to another store when that takes the place."""

    def __init__(self, state: Path, layout: Layout, own: Online) -> None:
        """Look at what is served.

        Args:
            state: the project's folder of state.
            layout: the features.
            own: the version's own store, which is read where the project keeps none current.

        Raises:
            ShipwayError: SW-801 if the store does not keep what the features read, SW-605 if it cannot be told.
        """
        self._state = state
        self._layout = layout
        self._own = own
        self._online: Online | None = None
        self._seen: tuple[int, int] | None = None
        self._reader = FeatureReader(layout, own)
        self._places: tuple[int, ...] | None = None
        self._refresh()

    def read(self, rows: Sequence[Mapping[str, Scalar]], at: Sequence[int]) -> list[Features]:
        """Read the features of some rows, as `FeatureReader.read` does.

        Raises:
            ShipwayError: as the store raises, and as for another one that takes its place.
        """
        self._refresh()
        found = self._reader.read(rows, at)
        return found if self._places is None else [self._pick(each, self._places) for each in found]

    def close(self) -> None:
        """Close the store."""
        if self._online is not None:
            self._online.close()
            self._online = None

    def _refresh(self) -> None:
        try:
            found = (self._state / FILE).stat()
        except OSError:
            return
        seen = found.st_ino, found.st_mtime_ns
        if seen == self._seen:
            return
        try:
            sets = msgspec.json.decode((self._state / FILE).read_bytes(), type=FeatureSets)
        except (OSError, msgspec.MsgspecError) as error:
            hint = "fill the store: shipway features materialise"
            raise ShipwayError("SW-605", f"{self._state / FILE} is damaged ({error})", hint) from error
        layout = sets.adopt(self._layout)
        online = open_online(self._state, sets.uri, sets.online, readonly=True)
        self.close()
        self._online, self._seen = online, seen
        self._reader = FeatureReader(layout, online)
        self._places = tuple(layout.streams.index(stream) for stream in self._layout.streams)

    @staticmethod
    def _pick(found: Features, places: Sequence[int]) -> Features:
        """Return what is said of the layout's own streams."""
        return Features(
            found.values,
            tuple(found.newest[place] for place in places),
            tuple(found.watermarks[place] for place in places) if found.watermarks else (),
            found.expired,
        )
