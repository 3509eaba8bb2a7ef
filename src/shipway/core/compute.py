"""Who does the work of a run: this process, further ones of this machine, or a cluster."""

from typing import Annotated, Literal

import msgspec


class ComputeSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where frames are built.

    Attributes:
        engine: `here` in the process of the run, `local` in processes of this machine, `ray` on Ray.
        workers: how many parts are built at once.
        address: of a Ray cluster, such as `ray://head:10001`; empty for a Ray of the run's own, on 127.0.0.1.
    """

    engine: Literal["here", "local", "ray"] = "here"
    workers: Annotated[int, msgspec.Meta(ge=1)] = 2
    address: str = ""
