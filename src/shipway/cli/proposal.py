"""`shipway check infer` and `shipway check import`."""

from pathlib import Path
from typing import TYPE_CHECKING

from shipway.app.count import write_plural
from shipway.cli.door import Given
from shipway.cli.render import Console

if TYPE_CHECKING:
    from shipway.app.proposal import Imported, Inferred


def infer(
    *sources: str,
    every: str = "1d",
    alarms: float = 1.0,
    branch: str | None = None,
    by: tuple[str, ...] = (),
    name: str = "inferred",
    into: Path | None = None,
    door: Given,
) -> None:
    """Propose a gate from the data there is, each rule with why.

    Args:
        sources: only for these sources
        every: how long a delivery is
        alarms: false alarms a year that are put up with, over all rules with an estimated bound
        branch: branch, tag or commit; by default main, or what waits where there is no main yet
        by: TABLE.COLUMN, the instant that a table's deliveries are told by
        name: what the gate is called
        into: a new Python file to write it to
        door: how to answer
    """
    from shipway.app.proposal import infer_gate

    inferred = infer_gate(
        door.project(), sources, every=every, alarms=alarms, branch=branch, by=by, name=name, into=into
    )
    rules = f"{write_plural(len(inferred.rules), 'rule')} for deliveries of {inferred.every}"
    door.note("inferred", f"{rules}, {len(inferred.left)} left out; --json says all of why")
    door.answer(inferred, _show_inferred)


def _show_inferred(console: Console, inferred: "Inferred") -> None:
    if inferred.path is None:
        console.print(inferred.text, end="", soft_wrap=True)
        for omission in inferred.left:
            console.print(f"# not proposed: {omission.what}: {omission.why}", soft_wrap=True)
    else:
        console.print(f"wrote {inferred.path}: read it, and keep what is meant", soft_wrap=True)


def import_rules(
    what: str,
    /,
    *,
    source: str | None = None,
    name: str = "imported",
    into: Path | None = None,
    door: Given,
) -> None:
    """Write a Pandera schema or a Great Expectations suite as a gate.

    Args:
        what: a suite as JSON, a schema as JSON or YAML, or module:name
        source: the source that it judges; needed where there are several
        name: what the gate is called
        into: a new Python file to write it to
        door: how to answer
    """
    from shipway.app.proposal import import_gate

    imported = import_gate(door.project(), what, source=source, name=name, into=into)
    rules = f"{write_plural(len(imported.rules), 'rule')} of a {imported.origin}"
    door.note("imported", f"{rules}, {len(imported.left)} without a word")
    door.answer(imported, _show_imported)


def _show_imported(console: Console, imported: "Imported") -> None:
    if imported.path is None:
        console.print(imported.text, end="", soft_wrap=True)
    else:
        console.print(f"wrote {imported.path}: read it, and keep what is meant", soft_wrap=True)
    for omission in imported.left:
        console.print(f"# no word: {omission.what}: {omission.why}", soft_wrap=True)
