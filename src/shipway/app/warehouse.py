"""What the gates on data say of tables that lie in a warehouse, and frames that are built of them there."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from shipway.app.check import Checked, FailingRows
from shipway.app.gate import data_gates
from shipway.app.project import Project
from shipway.app.reading import open_rows
from shipway.app.workspace import Workspace
from shipway.core.data_measure import tables_of
from shipway.core.error import ShipwayError
from shipway.core.gate import Gate, checks_of, decide, worst_of
from shipway.core.raw import Raw, holds_password
from shipway.data.plan import Plan, plan_frame
from shipway.data.warehouse.check import measure_warehouse, write_questions
from shipway.data.warehouse.frame import build_frame_there, spell_questions, write_frame_questions
from shipway.data.warehouse.relation import Place, Question, relate
from shipway.data.warehouse.spelling import spelling_of
from shipway.kit.suggestion import did_you_mean
from shipway.ports.adapter import BUILT_IN, load_adapter
from shipway.ports.warehouse import Warehouse

_KIND: Final = "warehouse."


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where the tables of a project lie.

    Attributes:
        uri: the address of the warehouse, secrets by name.
        folder: where a relative path in it begins.
        schema: the schema of the tables; empty where the warehouse's own search finds them.
        main: the schema that holds them as the main branch does; empty where none does.
        tables: source name to the name of its table, or to SCHEMA.TABLE, where they differ.
    """

    uri: str
    folder: Path
    schema: str = ""
    main: str = ""
    tables: Mapping[str, str] | None = None


def check_warehouse(project: Project, where: Whereabouts, gate: str | None = None, *, rows: bool = False) -> Checked:
    """Ask the gates before training of the tables in a warehouse, where they lie; nothing is written anywhere.

    Args:
        project: whose gates.
        where: where the tables are.
        gate: only this one.
        rows: whether rows that break rules are given.

    Raises:
        ShipwayError: SW-104 for a gate or source that is not declared, SW-201 if the warehouse cannot be opened, SW-209
            for a table that is not there, SW-403 for a check that it cannot compute.
    """
    gates = _choose(project, gate)
    checks, places, mains, keys = _locate(project, where, gates)
    subject = f"warehouse:{_name(where.uri)}"
    with closing(Workspace(project)) as workspace, _open(where) as warehouse:
        measured = measure_warehouse(
            checks, warehouse, places, mains=mains, subject=subject, now=workspace.now, log_digest="", keys=keys
        )
    evidence = {name: each.evidence for name, each in measured.items()}
    verdicts = [decide(each, subject, evidence) for each in gates]
    found: list[FailingRows] = []
    for each, verdict in zip(gates, verdicts, strict=True):
        for rule, finding in zip(each.rules, verdict.findings, strict=True):
            examples = measured[rule.check.name].examples
            if rows and finding.outcome != "pass" and examples is not None:
                found.append(FailingRows(subject=subject, rule=finding.rule, rows=examples.to_dicts()))
    return Checked(
        outcome=worst_of([verdict.outcome for verdict in verdicts]),
        verdicts=verdicts,
        waiting=None,
        overrides=[],
        refusals=[],
        rows=found,
        evidence=list(evidence.values()),
    )


def list_questions(project: Project, where: Whereabouts, gate: str | None = None) -> list[Question]:
    """Return the questions that `check_warehouse` would ask, in SQL.

    Raises:
        ShipwayError: as there.
    """
    checks, places, mains, keys = _locate(project, where, _choose(project, gate))
    with closing(Workspace(project)) as workspace, _open(where) as warehouse:
        return write_questions(checks, warehouse, places, mains=mains, now=workspace.now, keys=keys)


def build_warehouse_frame(project: Project, where: Whereabouts, name: str) -> pl.DataFrame:
    """Build a model's frame of the tables in a warehouse, where they lie; nothing is written anywhere.

    Args:
        project: whose.
        where: where the tables are.
        name: the model.

    Raises:
        ShipwayError: SW-104 for a model or source that is not declared, SW-201 if the warehouse cannot be opened,
            SW-209 for a table that is not there, SW-403 for features that it cannot compute, and what building a frame
            refuses.
    """
    plan = _plan(project, name)
    with _open(where) as warehouse:
        return build_frame_there(plan, warehouse, _place(project, where, plan.tables))


def list_frame_questions(project: Project, where: Whereabouts, name: str) -> list[Question]:
    """Return the questions that `build_warehouse_frame` would ask, in SQL, the frame last.

    Raises:
        ShipwayError: as there.
    """
    plan = _plan(project, name)
    with _open(where) as warehouse:
        return write_frame_questions(plan, warehouse, _place(project, where, plan.tables))


def spell_frame(
    project: Project, name: str, dialect: str, schema: str = "", tables: Mapping[str, str] | None = None
) -> list[Question]:
    """Return a model's frame, and what has to hold before it is right, in the SQL of a warehouse that is not asked.

    Args:
        project: whose; its columns have the types of the data that was admitted.
        name: the model.
        dialect: a name of `shipway.data.warehouse.spelling`.
        schema: the schema that the tables lie in there.
        tables: source name to the name of its table, or to SCHEMA.TABLE, where they differ.

    Raises:
        ShipwayError: SW-104 for a model, source or dialect that there is none of, SW-401 if no data was admitted,
            SW-403 for features that the dialect has no words for.
    """
    plan, spelling = _plan(project, name), spelling_of(dialect)
    places = _place(project, Whereabouts("", project.root, schema, tables=tables), plan.tables)
    with closing(Workspace(project)) as workspace:
        admitted = workspace.admitted(plan.tables)
        types = {table: open_rows(workspace, snapshot).schema for table, snapshot in admitted.items()}
    return spell_questions(plan, lambda table: relate(table, places[table], types[table], spelling), spelling)


def _plan(project: Project, name: str) -> Plan:
    models = project.registry.models
    if name not in models:
        raise ShipwayError("SW-104", f"there is no model {name!r}", did_you_mean(name, models))
    return plan_frame(models[name], project.registry.sources)


def _choose(project: Project, gate: str | None) -> list[Gate]:
    gates = data_gates(project.registry)
    names = [each.name for each in gates]
    if gate is not None and gate not in names:
        raise ShipwayError("SW-104", f"there is no gate {gate!r} before training", did_you_mean(gate, names))
    return [each for each in gates if gate in (None, each.name)]


def _locate(project: Project, where: Whereabouts, gates: Sequence[Gate]) -> tuple[Any, Any, Any, Any]:
    """Return the checks of gates, and of each table that they read its place, its place on main and its key."""
    checks = checks_of(gates)
    places = _place(project, where, dict.fromkeys(table for check in checks for table in tables_of(check.measure)))
    mains = {name: Place(place.table, where.main) for name, place in places.items()} if where.main else None
    return checks, places, mains, {source.name: source.key for source in project.registry.sources.values()}


def _place(project: Project, where: Whereabouts, names: Iterable[str]) -> dict[str, Place]:
    """Return where the tables of sources lie."""
    sources = project.registry.sources
    for source in where.tables or {}:
        if source not in sources:
            raise ShipwayError("SW-104", f"there is no source {source!r}", did_you_mean(source, sources))
    places: dict[str, Place] = {}
    for name in names:
        schema, _, table = (where.tables or {}).get(name, name).rpartition(".")
        places[name] = Place(table, schema or where.schema)
    return places


def _open(where: Whereabouts) -> AbstractContextManager[Warehouse]:
    raw = Raw(name="the warehouse", uri=where.uri)
    if holds_password(where.uri):
        hint = "put it into the environment and write its name in single quotes: '${WAREHOUSE_PASSWORD}'"
        raise ShipwayError("SW-201", "the address of the warehouse holds a password", hint)
    try:
        return load_adapter(f"{_KIND}{raw.scheme}")(where.uri, where.folder)
    except ShipwayError as error:
        if error.code != "SW-702":
            raise
        kinds = [name.removeprefix(_KIND) for name in BUILT_IN if name.startswith(_KIND)]
        fact = f"nothing can be asked at an address of kind {raw.scheme!r}"
        raise ShipwayError("SW-201", fact, did_you_mean(raw.scheme, kinds, most=len(kinds))) from error


def _name(uri: str) -> str:
    """Return what people call a database: the last part of its address, without what follows a question mark."""
    return uri.partition("?")[0].rstrip("/").replace(":", "/").rpartition("/")[2]
