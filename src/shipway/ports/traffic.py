"""The port of traffic: who answers which share of a service's requests."""

from typing import Protocol

from shipway.core.service import Routing


class Traffic(Protocol):
    """What splits a service's requests between versions: our own server, a mesh or a gateway.

    Contract (the conformance suite `shipway.testing.traffic` checks it):
        * `apply` is level-triggered: applying the same routing twice changes nothing, and it returns once every later
          request is routed so.
        * A routing with a smaller token than the one in force is refused with SW-803: its writer has been overtaken.
        * A routing that cannot be served (a bundle is missing or damaged) is refused, and the one in force stays.
    """

    def apply(self, routing: Routing) -> None:
        """Put a routing in force.

        Raises:
            ShipwayError: SW-801 if nobody answers, SW-803 for an overtaken token, SW-502 or SW-605 for a version that
                cannot be loaded, SW-802 for one on trial that callers of the stable one could not read.
        """
        ...

    def current(self, service: str) -> Routing | None:
        """Return the routing in force, None before the first; SW-801 if nobody answers."""
        ...
