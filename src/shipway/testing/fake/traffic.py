"""A fake of the port Traffic."""

from collections.abc import Collection

from shipway.core.error import ShipwayError
from shipway.core.service import Routing


class MemoryTraffic:
    """Routings in a dictionary; what would be served is told from a list of bundles.

    Attributes:
        applied: every routing that was put in force, in order.
    """

    def __init__(self, bundles: Collection[str], *, damaged: Collection[str] = ()) -> None:
        """Start without any routing.

        Args:
            bundles: digests of the bundles that can be served.
            damaged: digests of those that are there and cannot be.
        """
        self._bundles = frozenset(bundles)
        self._damaged = frozenset(damaged)
        self._routings: dict[str, Routing] = {}
        self.applied: list[Routing] = []

    def apply(self, routing: Routing) -> None:
        """Put a routing in force.

        Raises:
            ShipwayError: SW-803 for an overtaken token, SW-502 or SW-605 for a version that cannot be loaded.
        """
        before = self._routings.get(routing.service)
        if before is not None and routing.token < before.token:
            raise ShipwayError("SW-803", f"token {routing.token} was overtaken by {before.token}", "decide anew")
        for variant in (routing.stable, routing.candidate):
            if variant is None:
                continue
            if variant.bundle in self._damaged:
                raise ShipwayError("SW-502", f"bundle {variant.bundle} is damaged", "make it again")
            if variant.bundle not in self._bundles:
                raise ShipwayError("SW-605", f"bundle {variant.bundle} is missing", "put it again")
        self._routings[routing.service] = routing
        self.applied.append(routing)

    def current(self, service: str) -> Routing | None:
        """Return the routing in force, None before the first."""
        return self._routings.get(service)

    def ask(self, service: str, unit: str) -> int:
        """Return the number of the version that would answer a unit."""
        routing = self._routings[service]
        chosen = routing.candidate if routing.choose(unit) else None
        return (chosen or routing.stable).version
