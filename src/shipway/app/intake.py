"""Raw inputs that have a contract: what is new of each is taken in, and what was kept of it goes to the sources."""

from collections.abc import Callable, Mapping
from functools import partial

import msgspec
import polars as pl

from shipway.app.count import write_plural
from shipway.app.project import Project
from shipway.app.runner import Made, Outputs, Runner
from shipway.core.contract import Contract, read_contract, write_contract
from shipway.core.error import ShipwayError
from shipway.core.raw import Raw
from shipway.core.table import MAIN, Snapshot
from shipway.data.deposit import pieces_of, quarantine_of, table_of
from shipway.data.intake import Plan, plan_intake, take_in
from shipway.data.kept import live
from shipway.data.sink import branch_of, fold_pending, pending_of
from shipway.kit.canonical import canonical_json, digest_value
from shipway.kit.file import make_folder, write_atomic


def take_inputs(runner: Runner, *, over: Mapping[str, Snapshot] | None = None) -> dict[str, Snapshot]:
    """Take in what is new of every raw input with a contract, and return the tables of all of them by name.

    Args:
        runner: who makes them.
        over: tables that stand in for those of the main branch.

    Raises:
        ShipwayError: what reading an input or holding it to its contract refuses; nothing of it was taken in then.
    """
    config = runner.workspace.project.config
    present = {**present_tables(runner), **(over or {})}
    made: dict[str, Snapshot] = {}
    for name in config.raw:
        raw = config.input(name)
        if raw.stream:
            made |= _take_stream(runner, raw)
        elif raw.contract:
            made |= _take_input(runner, raw, present)
    return made


def present_tables(runner: Runner) -> Mapping[str, Snapshot]:
    """Return the tables that new data follows: those of main, none where there are none or a forced run lost them."""
    tables = runner.workspace.tables
    head = tables.head(MAIN)
    if head is None:
        return {}
    try:
        return tables.get(head).tables
    except ShipwayError as error:
        if error.code == "SW-605" and runner.force:
            return {}
        raise


def read_input(runner: Runner, raw: Raw, made: Mapping[str, Snapshot]) -> pl.DataFrame:
    """Return the rows of a raw input as the functions under `@source` are given them.

    Raises:
        ShipwayError: SW-204 if it has none.
    """
    snapshot = made.get(table_of(raw.name))
    rows = None if snapshot is None else live(runner.workspace.tables.read(snapshot))
    if rows is None or rows.height == 0:
        hint = f"shipway stream {raw.name} --once takes in what there is; --dead {raw.name} shows what cannot be read"
        if not raw.stream:
            hint = "check that whatever writes it has finished; "
            hint += f"shipway data quarantine {raw.name} shows what was set aside"
        raise ShipwayError("SW-204", f"raw input {raw.name!r} has no rows", hint)
    return rows


def load_contract(project: Project, raw: Raw) -> Contract | None:
    """Return what a raw input is held to, None before its contract is written.

    Raises:
        ShipwayError: SW-221 if the file is no valid contract.
    """
    path = project.root / raw.contract
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as fault:
        raise ShipwayError("SW-221", f"{raw.contract} cannot be read: {fault}", "make it a readable text") from fault
    return read_contract(text, raw.contract)


def store_contract(project: Project, raw: Raw, text: str) -> None:
    """Write a contract beside the project, whole or not at all.

    Raises:
        ShipwayError: SW-602 if its folder cannot be written.
    """
    path = project.root / raw.contract
    try:
        make_folder(path.parent)
        write_atomic(path, text.encode())
    except OSError as fault:
        raise ShipwayError("SW-602", f"cannot write {path} ({fault.strerror})", "let this user write there") from fault


def _take_stream(runner: Runner, raw: Raw) -> dict[str, Snapshot]:
    """Return the table of a stream as it is now: what `shipway stream` committed, with the changes beside it put in."""
    workspace = runner.workspace
    head = workspace.tables.head(branch_of(raw.name))
    present = {} if head is None else dict(workspace.tables.get(head).tables)
    names = (table_of(raw.name), pending_of(raw.name))
    if not any(name in present for name in names):
        return {}
    outputs = runner.make(
        f"take in {raw.name}",
        partial(_fold_stream, runner, raw, present),
        inputs={name: present[name].digest for name in names if name in present},
        params={"raw": msgspec.to_builtins(raw)},
    )
    return {names[0]: msgspec.json.decode(workspace.blobs.get(outputs["raw"].digest), type=Snapshot)}


def _fold_stream(runner: Runner, raw: Raw, present: dict[str, Snapshot], report: Callable[[int, int], None]) -> Made:
    report(0, 1)
    tables = runner.workspace.tables
    made = {**present, **fold_pending(tables, present, raw)}[table_of(raw.name)]
    pending = present[pending_of(raw.name)].rows if pending_of(raw.name) in present else 0
    said = f"{write_plural(made.rows, 'row')} of a stream, {write_plural(pending, 'change')} not yet in its table"
    return Made({"raw": ("table", canonical_json(tables.compact(made)), {"rows": made.rows})}, said=said)


def _take_input(runner: Runner, raw: Raw, present: Mapping[str, Snapshot]) -> dict[str, Snapshot]:
    workspace = runner.workspace
    contract = load_contract(workspace.project, raw)
    names = {"raw": table_of(raw.name), "quarantine": quarantine_of(raw.name), "pieces": pieces_of(raw.name)}
    before = {name: present[name] for name in names.values() if name in present}
    plan = plan_intake(raw, workspace.reader(raw), workspace.tables, before, contract)
    held = {} if contract is None else {name: field.rule for name, field in contract.columns.items()}
    outputs = runner.make(
        f"take in {raw.name}",
        partial(_take, runner, raw, before, contract, plan),
        inputs={
            "pieces": digest_value([plan.anew, [[piece.name, piece.fingerprint] for piece in plan.pieces]]),
            "contract": digest_value(held),
            **{name: snapshot.digest for name, snapshot in before.items()},
        },
        params={"raw": msgspec.to_builtins(raw)},
    )
    if contract is None and "contract" in outputs:
        store_contract(workspace.project, raw, workspace.blobs.get(outputs["contract"].digest).decode())
    return {
        name: msgspec.json.decode(workspace.blobs.get(outputs[output].digest), type=Snapshot)
        for output, name in names.items()
        if output in outputs
    }


def _take(
    runner: Runner,
    raw: Raw,
    before: Mapping[str, Snapshot],
    contract: Contract | None,
    plan: Plan,
    report: Callable[[int, int], None],
) -> Made:
    workspace = runner.workspace
    lake = workspace.tables
    made: dict[str, Snapshot] = dict(before)
    said = "nothing new"
    outputs: Outputs = {}
    if contract is not None or plan.pieces:
        taken = take_in(raw, workspace.reader(raw), lake, before, contract=contract, plan=plan, report=report)
        made |= {name: lake.compact(snapshot) for name, snapshot in taken.tables.items()}
        if plan.pieces:
            said = f"{write_plural(taken.rows, 'row')} of {write_plural(taken.pieces, 'piece')}"
            said += f", {taken.refused:,} refused" if taken.refused else ""
        if contract is None:
            rows = write_plural(taken.rows, "row")
            text = write_contract(raw.name, taken.contract, head=f"{rows} of {raw.uri}")
            outputs["contract"] = ("contract", text.encode(), {"columns": len(taken.contract.columns)})
            said += f"; its contract is {raw.contract}"
    for output, name in (
        ("raw", table_of(raw.name)),
        ("quarantine", quarantine_of(raw.name)),
        ("pieces", pieces_of(raw.name)),
    ):
        if name in made:
            outputs[output] = ("table", canonical_json(made[name]), {"rows": made[name].rows})
    return Made(outputs, said=said)
