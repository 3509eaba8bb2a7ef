"""What is traced, read and set while the server runs: the trace extension of the Open Inference Protocol.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_trace.md. Settings of one model, or
service, come before those of all. They last as long as the process; the project says how the next one begins.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import msgspec

from shipway.kit.suggestion import did_you_mean
from shipway.serving.refusal import refuse
from shipway.serving.tracer import Share, Tracer

Setting: TypeAlias = str | int | list[str] | None
OFF: Final = "OFF"
ON: Final = "TIMESTAMPS"
_FIXED: Final = {"trace_file": "", "log_frequency": "0", "trace_mode": "opentelemetry"}
_NAMES: Final = ("trace_level", "trace_rate", "trace_count", *_FIXED)
_MOST: Final = 1 << 31


def describe_traces(tracer: Tracer, name: str = "") -> dict[str, Any]:
    """Return what is traced, as the protocol writes it.

    Args:
        tracer: decides it.
        name: of a model or a service; empty for what has no settings of its own.
    """
    share = tracer.find_share(name)
    rate = round(1 / share.share) if share.share else 0
    return {
        "trace_level": [ON if share.on else OFF],
        "trace_rate": str(rate),
        "trace_count": str(-1 if share.left is None else share.left),
        **_FIXED,
    }


def set_traces(tracer: Tracer, wanted: Mapping[str, Setting], name: str = "") -> None:
    """Set what is traced from now on.

    Args:
        tracer: decides it.
        wanted: settings by name; None for what holds for all, or held when the server started.
        name: of a model or a service; empty for all that have no settings of their own.

    Raises:
        RefusedError: 422 for a setting that is not known, or cannot be had here; then nothing is set.
    """
    share, usual = tracer.find_share(name), tracer.find_share("") if name else tracer.first
    on, part, left = share.on, share.share, share.left
    for setting, value in wanted.items():
        said = value if isinstance(value, list) else [] if value is None else [str(value)]
        match setting:
            case "trace_level":
                on = _read_level(said, usual)
            case "trace_rate":
                part = 1 / _read_number(setting, said, 1) if said else usual.share
            case "trace_count":
                left = _read_number(setting, said, -1) if said else usual.left
                left = None if left == -1 else left
            case _:
                _require_fixed(setting, said)
    if name and wanted and all(value is None for value in wanted.values()):
        tracer.set_share(name, None)
    elif wanted:
        tracer.set_share(name, Share(on=on, share=part, left=left))


def _read_level(said: list[str], usual: Share) -> bool:
    if not said:
        return usual.on
    if said not in ([OFF], [ON]):
        raise refuse(422, f"trace_level is {msgspec.json.encode(said).decode()[:60]}", f"send [{ON!r}], or [{OFF!r}]")
    return said == [ON]


def _read_number(setting: str, said: list[str], least: int) -> int:
    text = said[0] if len(said) == 1 else ""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 11 and least <= int(text) < _MOST):
        shown = msgspec.json.encode(said).decode()[:60]
        raise refuse(422, f"{setting} is {shown}", f"send a whole number, {least} at least")
    return int(text)


def _require_fixed(setting: str, said: list[str]) -> None:
    if setting not in _FIXED:
        raise refuse(422, f"there is no trace setting {setting[:50]!r}", did_you_mean(setting, _NAMES))
    if said and said != [_FIXED[setting]]:
        hint = "leave it away: the project says where traces are sent"
        raise refuse(422, f"{setting} is {_FIXED[setting]!r} and cannot be set", hint)
