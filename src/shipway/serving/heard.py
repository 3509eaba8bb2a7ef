"""What versions answered together that do not say one number a row, and its rows of the log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shipway.core.service import Role
from shipway.core.tensor import MATRIX, Tensors
from shipway.serving.ask import list_rows
from shipway.serving.interface import Interface
from shipway.serving.outcome import Outcome, Run
from shipway.serving.record import NOTHING, Held, Saying, hold, write_columns
from shipway.serving.version import Served, Version


@dataclass(slots=True, eq=False)
class Heard:
    """Requests of one service that one version answered together.

    Attributes:
        served: the routing that was in force.
        version: what answered.
        run: the requests, all by key or all with tensors.
        outcome: what it said of their rows, one after the other.
        said: that as it waits for the log, where it is held already.
        sent: columns of the tensors that callers sent, where they are written already.
    """

    served: Served
    version: Version
    run: Run
    outcome: Outcome
    said: Held | None = None
    sent: Mapping[str, Any] | None = None

    @property
    def other(self) -> Version | None:
        """Return the version that predicts these requests in shadow."""
        return self.served.stable if self.version is self.served.candidate else self.served.candidate

    @property
    def bytes(self) -> int:
        """Return what the requests hold in memory."""
        return count_bytes(self.run.tensors) + sum(len(ask.call.body) for ask in self.run.asks)

    def write(self) -> None:
        """Write for the log what takes long; any thread may."""
        interface = self.version.interface
        if interface is None or not self.outcome.outputs:
            return
        self.said = hold_outcome(interface, self.outcome, list_kept(self.run))
        if interface.inputs and self.run.tensors:
            self.sent = write_columns(interface.inputs, keep_rows(self.run.tensors, list_kept(self.run)))


def list_kept(run: Run) -> list[int] | None:
    """Return the rows that are logged; None for all of them."""
    if all(ask.kept for ask in run.asks):
        return None
    kept = [ask.kept for ask in run.asks for _ in range(ask.rows)]
    return [row for row, each in enumerate(kept) if each]


def hold_outcome(interface: Interface, outcome: Outcome, kept: Sequence[int] | None) -> Held:
    """Return what a version said, as it waits for the log; any thread may.

    Args:
        interface: what it says.
        outcome: what it said.
        kept: the rows that are logged; None for all of them.
    """
    return hold(interface.said, keep_rows(outcome.outputs, kept)) if outcome.outputs and outcome.rows else NOTHING


def log_outcome(
    served: Served,
    number: int,
    role: Role,
    run: Run,
    outcome: Outcome,
    version: Version | None = None,
    *,
    interface: Interface | None = None,
    said: Held | None = None,
) -> None:
    """Log what a version said of requests.

    Args:
        served: the routing that was in force.
        number: of the version that said it.
        role: what for.
        run: the requests.
        outcome: what it said.
        version: which read them; None where what is logged was kept, or comes from one that no routing names.
        interface: of that one.
        said: that as it waits for the log, where it is held already.
    """
    interface = interface or (None if version is None else version.interface) or served.interface
    kept = list_kept(run)
    asks, requests, keys = list_rows(run.asks)
    rows = range(len(asks)) if kept is None else kept
    if interface is None or served.outputs is None or not len(rows):
        return
    if said is None:
        said = hold_outcome(interface, outcome, kept)
    asked = [asks[row] for row in rows]
    served.outputs.add(
        interface.said,
        Saying(
            version=number,
            role=role,
            token=served.routing.token,
            online=version.variant.online if version is not None and run.asks[0].sent is None else "",
            latency_us=outcome.latency_us,
            request=[requests[row] for row in rows],
            row=[keys[row] for row in rows],
            at=[ask.at for ask in asked],
            unit=[ask.unit for ask in asked],
            weight=[ask.weight for ask in asked],
            answer_us=[ask.answer_us for ask in asked],
            error={place: outcome.errors[row].code for place, row in enumerate(rows) if row in outcome.errors},
            held=said,
        ),
    )


def log_inputs(heard: Heard) -> None:
    """Log what callers sent, as it was read for the version that answered."""
    version, run = heard.version, heard.run
    interface, outputs = version.interface, heard.served.outputs
    if run.asks[0].sent is None or not run.tensors or interface is None or version.bundle is None or outputs is None:
        return
    asks, requests, keys = list_rows(run.asks)
    kept = list_kept(run)
    rows = range(len(asks)) if kept is None else kept
    asked = [(requests[row], keys[row], asks[row].at) for row in rows]
    if not asked:
        return
    tensors = keep_rows(run.tensors, kept)
    if interface.matrix:
        heard.served.log.add_sent(
            interface.read, version.bundle.manifest.inputs, asked, tensors[MATRIX].astype(np.float32)
        )
    else:
        outputs.add_inputs(interface.read, interface.inputs, asked, heard.sent or write_columns(
            interface.inputs, tensors
        ))  # fmt: skip


def count_bytes(tensors: Tensors) -> int:
    """Return about how many bytes tensors take."""
    return sum(
        values.nbytes if values.dtype.kind != "O" else sum(60 + len(str(text)) for text in values.flat)
        for values in tensors.values()
    )


def keep_rows(tensors: Tensors, kept: Sequence[int] | None) -> Tensors:
    """Return some of the rows of tensors; all of them for None."""
    return tensors if kept is None else {name: values[list(kept)] for name, values in tensors.items()}
