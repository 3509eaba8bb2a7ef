"""What both clients are made of at the start."""

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from shipway.client.endpoint import Endpoints
from shipway.client.policy import Budget, Latencies, Policy
from shipway.client.pursuit import Shared

if TYPE_CHECKING:
    import ssl


def open_shared(urls: Sequence[str], policy: Policy, now: Callable[[], float]) -> Shared:
    """Return what all calls of a client have in common.

    Args:
        urls: of the servers.
        policy: how patient it is.
        now: the stopwatch, seconds.
    """
    return Shared(
        policy=policy,
        endpoints=Endpoints(urls, now),
        retries=Budget(policy.retry_share, policy.retry_burst),
        hedges=Budget(policy.hedge_share, 1.0),
        latencies=Latencies(),
        now=now,
        draw=random.random,
    )


def open_tls(shared: Shared, given: "ssl.SSLContext | None") -> "ssl.SSLContext | None":
    """Return how TLS is spoken: as given, or as the system trusts where any server asks for it."""
    if given is not None or not any(endpoint.secure for endpoint in shared.endpoints.all):
        return given
    import ssl

    return ssl.create_default_context()
