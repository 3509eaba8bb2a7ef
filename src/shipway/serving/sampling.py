"""Which requests are traced, and what OpenTelemetry's environment variables say of it.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/. What the project says comes first.
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from secrets import token_hex
from typing import Final
from urllib.parse import unquote

from shipway.core.error import ShipwayError
from shipway.core.span import Attribute
from shipway.kit.suggestion import did_you_mean
from shipway.kit.version import VERSION
from shipway.serving.setting import Settings

FROM_ENVIRONMENT: Final = "environment"
"""What is written in place of a collector's address, where the environment names it."""
_QUEUE, _BATCH, _DELAY_MS, _TIMEOUT_MS = 2_048, 512, 5_000, 30_000
_RATIO: Final = "traceidratio"
_ROOTS: Final = {"always_on": 1.0, "always_off": 0.0, _RATIO: None}
_SAMPLERS: Final = (*_ROOTS, *(f"parentbased_{name}" for name in _ROOTS))
_KNOWN_PROPAGATORS: Final = ("tracecontext", "baggage", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How requests are traced.

    Attributes:
        share: of those whose caller says nothing of it.
        follows: whether a caller that says so decides for its own.
        reads_parents: whether `traceparent` and `tracestate` are read.
        baggage: entries of the callers' baggage that become attributes.
        resource: what is known of this process.
        queue: spans that may wait to be sent.
        batch: spans that are sent together at most.
        delay_s: how long a span waits for others.
        timeout_s: how long sending some may take, with all attempts.
    """

    share: float = 1.0
    follows: bool = True
    reads_parents: bool = True
    baggage: tuple[str, ...] = ()
    resource: Mapping[str, Attribute]
    queue: int = _QUEUE
    batch: int = _BATCH
    delay_s: float = _DELAY_MS / 1e3
    timeout_s: float = _TIMEOUT_MS / 1e3


def read_sampling(settings: Settings, environment: Mapping[str, str] | None = None) -> Sampling | None:
    """Return how requests are traced; None where they are not.

    Args:
        settings: of the server.
        environment: variables; those of the process where None.

    Raises:
        ShipwayError: SW-102 for a variable that is not valid.
    """
    variables = os.environ if environment is None else environment
    if not _is_on(settings, variables):
        return None
    share, follows = (settings.traces_share, True) if settings.traces_share is not None else _read_sampler(variables)
    propagators = [name.strip() for name in variables.get("OTEL_PROPAGATORS", "").split(",") if name.strip()]
    for name in propagators:
        if name not in _KNOWN_PROPAGATORS:
            hint = "set tracecontext,baggage"
            raise ShipwayError("SW-102", f"OTEL_PROPAGATORS names {name!r}, which is not read here", hint)
    queue = _read_count(variables, "OTEL_BSP_MAX_QUEUE_SIZE", _QUEUE)
    batch = _read_count(variables, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", _BATCH)
    return Sampling(
        share=share,
        follows=follows,
        reads_parents=not propagators or "tracecontext" in propagators,
        baggage=settings.traces_baggage if not propagators or "baggage" in propagators else (),
        resource=_describe_process(settings.traces_name, variables),
        queue=queue,
        batch=min(batch, queue),
        delay_s=_read_count(variables, "OTEL_BSP_SCHEDULE_DELAY", _DELAY_MS) / 1e3,
        timeout_s=_read_count(variables, "OTEL_BSP_EXPORT_TIMEOUT", _TIMEOUT_MS) / 1e3,
    )


def find_collector(settings: Settings) -> str:
    """Return where spans are sent, empty where the environment names it."""
    return "" if settings.traces == FROM_ENVIRONMENT else settings.traces


def _is_on(settings: Settings, variables: Mapping[str, str]) -> bool:
    if variables.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    said = variables.get("OTEL_TRACES_EXPORTER", "").strip()
    if said not in ("", "otlp", "none"):
        raise ShipwayError("SW-102", f"OTEL_TRACES_EXPORTER is {said!r}", "set otlp, or none to trace nothing")
    return said != "none" and (bool(settings.traces) or said == "otlp")


def _read_sampler(variables: Mapping[str, str]) -> tuple[float, bool]:
    """Return the share of requests that nobody decided on, and whether callers decide on theirs."""
    name = variables.get("OTEL_TRACES_SAMPLER", "").strip() or "parentbased_always_on"
    if name not in _SAMPLERS:
        raise ShipwayError("SW-102", f"OTEL_TRACES_SAMPLER is {name!r}", did_you_mean(name, _SAMPLERS))
    root = name.removeprefix("parentbased_")
    share = _ROOTS[root]
    if share is None:
        said = variables.get("OTEL_TRACES_SAMPLER_ARG", "").strip() or "1"
        try:
            share = float(said)
        except ValueError:
            share = -1.0
        if not 0.0 <= share <= 1.0:
            raise ShipwayError("SW-102", f"OTEL_TRACES_SAMPLER_ARG is {said!r}", "set a share from 0 to 1")
    return share, root != name


def _read_count(variables: Mapping[str, str], name: str, usual: int) -> int:
    said = variables.get(name, "").strip()
    if not said:
        return usual
    if not (said.isascii() and said.isdecimal() and 0 < int(said[:12]) < 1 << 31):
        raise ShipwayError("SW-102", f"{name} is {said[:30]!r}", "set a whole number above 0")
    return int(said)


def _describe_process(name: str, variables: Mapping[str, str]) -> Mapping[str, Attribute]:
    resource: dict[str, Attribute] = {
        "service.name": name,
        "service.instance.id": token_hex(16),
        "host.name": socket.gethostname(),
        "process.pid": os.getpid(),
        "telemetry.sdk.name": "shipway",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.version": VERSION,
    }
    for part in variables.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        key, is_pair, value = part.partition("=")
        if is_pair and key.strip():
            resource[unquote(key.strip())] = unquote(value.strip())
    if service := variables.get("OTEL_SERVICE_NAME", "").strip():
        resource["service.name"] = service
    return resource
