"""The online stores that a replay keeps up to date: those that the routing names, each as late as its name says."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from shipway.core.error import ShipwayError
from shipway.core.online import Layout
from shipway.data.feed import Feed
from shipway.data.materialisation import Materialiser
from shipway.data.pack import PackedOnline
from shipway.kit.duration import parse_duration
from shipway.ports.online import Online, list_online, open_online, remove_online

LATE: Final = "~"
"""Between a store's namespace and how late its events arrive, such as `3f2a~6h`."""


@dataclass(frozen=True, slots=True)
class Fed:
    """A store and what feeds it.

    Attributes:
        layout: which series it keeps.
        online: the store.
        feed: everything that ever happens to it.
        materialiser: applies it.
        lag_us: how late events arrive.
    """

    layout: Layout
    online: Online
    feed: Feed
    materialiser: Materialiser
    lag_us: int


class Stores:
    """The stores of one service, made when a routing first names them and let go when none does any more.

    Files of a store that was let go stay until the next time that nobody reads: a server may still have them open, and
    a routing may name it again.
    """

    def __init__(self, state: Path, make_feed: Callable[[Layout], Feed], *, uri: str = "") -> None:
        """Start without a store.

        Args:
            state: the project's folder of state, where stores are kept if no server keeps them.
            make_feed: makes the feed of a layout.
            uri: of that server.
        """
        self._state = state
        self._uri = uri
        self._make_feed = make_feed
        self._fed: dict[str, Fed] = {}

    def follow(self, wanted: Mapping[str, Layout], at: int) -> None:
        """Have exactly these stores, each with everything known by an instant.

        Args:
            wanted: name to layout.
            at: microseconds since 1970 UTC.

        Raises:
            ShipwayError: SW-805 for a name that is not its layout's; what reading tables and writing stores refuses.
        """
        for name in [name for name in self._fed if name not in wanted]:
            self._fed.pop(name).online.close()
        for name, layout in wanted.items():
            if name not in self._fed:
                self._fed[name] = self._open(name, layout, at)

    def rewind(self, at: int, named: Collection[str]) -> None:
        """Go back to an instant, while nobody reads: what was asked since is to be asked again.

        A store that is up to date answers as of any instant it still reaches back to, however far it has gone on. One
        that is late does not: what has arrived since would be read too early, so it is built anew. Stores in files
        that are not named are removed.

        Args:
            at: microseconds since 1970 UTC.
            named: stores that some routing names.
        """
        # A server may hold stores of other projects, and those of this one are no burden there.
        for name in [] if self._uri else list_online(self._state, self._uri):
            if name not in named:
                remove_online(self._state, self._uri, name)
        for name, fed in list(self._fed.items()):
            if fed.lag_us:
                fed.online.close()
                remove_online(self._state, self._uri, name)
                self._fed[name] = self._open(name, fed.layout, at)

    @property
    def late(self) -> bool:
        """Tell whether there is a store whose events arrive late: what it says of an instant depends on when."""
        return any(fed.lag_us for fed in self._fed.values())

    def advance(self, until: int) -> None:
        """Apply every event that has arrived by an instant."""
        for fed in self._fed.values():
            fed.materialiser.advance(until)

    def sync(self) -> None:
        """Force to the disk what was written."""
        for fed in self._fed.values():
            fed.online.sync()

    def trim(self, at: int) -> None:
        """Drop what no question about an instant or later ones reads any more."""
        for fed in self._fed.values():
            fed.materialiser.trim(at)

    def count(self, after: int, until: int) -> tuple[int, int]:
        """Return how many events arrive with `after < instant <= until`, and how many entries of series they change."""
        events = updates = 0
        for fed in self._fed.values():
            for stream in fed.feed.streams:
                low, high = np.searchsorted(stream.due, (after - fed.lag_us, until - fed.lag_us), side="right")
                events += int(high - low)
                updates += sum(int(np.count_nonzero(one.codes[low:high] >= 0)) for one in stream.series)
        return events, updates

    def close(self) -> None:
        """Close every store."""
        for fed in self._fed.values():
            fed.online.close()
        self._fed.clear()

    def _open(self, name: str, layout: Layout, at: int) -> Fed:
        lag_us = read_lag(name, layout)
        feeds = {fed.layout.namespace: fed.feed for fed in self._fed.values()}
        feed = feeds.get(layout.namespace) or self._make_feed(layout)
        online = self._open_online(name)
        try:
            materialiser = Materialiser(layout, feed, PackedOnline(layout, online), lag_us=lag_us)
            materialiser.bootstrap(at)
        except BaseException:
            online.close()
            raise
        return Fed(layout, online, feed, materialiser, lag_us)

    def _open_online(self, name: str) -> Online:
        try:
            return open_online(self._state, self._uri, name)
        except ShipwayError as error:
            if error.code != "SW-605":
                raise
            # A power cut before the last sync: everything in it comes from the lake, and comes from there again.
            remove_online(self._state, self._uri, name)
            return open_online(self._state, self._uri, name)


def read_lag(name: str, layout: Layout) -> int:
    """Return how late a store's events arrive, microseconds, by its name.

    Raises:
        ShipwayError: SW-805 if it is not the name of a store of this layout.
    """
    namespace, late, lag = name.partition(LATE)
    try:
        lag_us = parse_duration(lag) if late else 0
    except ValueError:
        lag_us = -1
    if namespace != layout.namespace or lag_us < 0:
        raise ShipwayError(
            "SW-805",
            f"the routing names online store {name!r}, and a store of that version is called {layout.namespace!r}",
            f"name it so, or {layout.namespace}{LATE}6h for one that is 6 hours late",
        )
    return lag_us
