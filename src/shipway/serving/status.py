"""What the server tells of itself."""

import msgspec

from shipway.serving.exporter import SpanState
from shipway.serving.log import LogState
from shipway.serving.meter import Counts
from shipway.serving.version import Served


class VersionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A version behind a service.

    Attributes:
        version: its number.
        bundle: digest of its bundle.
        online: the store its features are read from.
        role: stable or candidate.
        error: why it cannot predict; None if it can.
    """

    version: int
    bundle: str
    online: str
    role: str
    error: str | None


class ServiceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A service.

    Attributes:
        model: the model's name.
        weight: the candidate's share.
        token: the routing's token.
        versions: those behind it.
    """

    model: str
    weight: float
    token: int
    versions: tuple[VersionStatus, ...]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the server tells of itself.

    Attributes:
        version: of shipway.
        replay: whether callers may name the instant.
        services: by name.
        faults: what cannot be served, and why.
        bundles: digests of the bundles in memory.
        counts: requests since the start.
        fallbacks: how often each service fell back on what: `last`, `previous` or `score`.
        p50_us: half of the callers of the window waited no longer, within 2 %; None without callers.
        p99_us: all but one in a hundred waited no longer.
        window_s: seconds that the quantiles look back.
        log: how the prediction log stands.
        spans: how the sending of traces stands; None where nothing is traced.
    """

    version: str
    replay: bool
    services: dict[str, ServiceStatus]
    faults: dict[str, str]
    bundles: list[str]
    counts: Counts
    fallbacks: dict[str, dict[str, int]]
    p50_us: int | None
    p99_us: int | None
    window_s: int
    log: LogState
    spans: SpanState | None


def describe_service(served: Served) -> ServiceStatus:
    """Return what is told of a service."""
    versions = tuple(
        VersionStatus(
            version=version.variant.version,
            bundle=version.variant.bundle,
            online=version.variant.online,
            role="stable" if version is served.stable else "candidate",
            error=None if version.fault is None else f"{version.fault.code} {version.fault.fact}",
        )
        for version in served.versions
    )
    routing = served.routing
    return ServiceStatus(model=routing.model, weight=routing.weight, token=routing.token, versions=versions)
