"""The gates on data as a project declares them."""

from shipway.core.data_check import has_rows
from shipway.core.gate import Gate, make_gate
from shipway.core.registry import Registry


def data_gates(registry: Registry) -> list[Gate]:
    """Return a project's gates before training, or, if it declares none, one that asks every source for rows."""
    gates = registry.gates_before("training")
    rules = [has_rows(source) >= 1 for source in registry.sources.values()]
    return gates or [make_gate("data", *rules, before="training")]
