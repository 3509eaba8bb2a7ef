"""`shipway check`."""

from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from shipway.app.check import Checked, check_project
from shipway.app.target import check_target
from shipway.cli.door import Flag, Given
from shipway.cli.failure import DONE, OUTCOMES
from shipway.cli.place import need_address, read_tables, show_questions
from shipway.cli.proposal import import_rules, infer
from shipway.cli.render import (
    Console,
    show_facts,
    show_overrides,
    show_table,
    show_title,
    show_way_out,
    word,
    write_value,
)
from shipway.core.projection import OverrideState

app = App(
    name="check",
    help_epilogue="""\
The exit code is 3 if a gate fails for the data or for the newest version of a model, 4 if one holds

Examples:
  shipway check
  shipway check quality
  shipway check data --rows
  shipway check data --page data.html
  shipway check override data --by ana --reason "the feed of May 3 is short by one airport, known and harmless"
  shipway check revoke 3f2a90 --by ana --reason "it was not harmless"
  shipway check infer --every 7d --into rules.py
  shipway check import suite.json --source orders
  shipway check --json | jq '.outcome'
  shipway check --at duckdb:warehouse.db
  shipway check data --at postgresql://reader@db.example.com/shop --schema staging --main public
  shipway check --at duckdb:warehouse.db --sql""",
)

app.command(infer, name="infer", help="Propose a gate from the data there is")
app.command(import_rules, name="import", help="Write a Pandera schema or a Great Expectations suite as a gate")


@app.default
def check(
    gate: str | None = None,
    /,
    *,
    rows: Flag = False,
    page: Path | None = None,
    at: str | None = None,
    schema: str | None = None,
    main: str | None = None,
    table: Annotated[tuple[str, ...], Parameter(show_default=False)] = (),
    sql: Flag = False,
    door: Given,
) -> int:
    """Ask the gates: data now, versions on what was measured of them.

    Args:
        gate: only this gate
        rows: show some of the rows that break a rule on data
        page: write all of it as an HTML page to this file
        at: ask the gates before training of tables where they lie, duckdb:PATH or postgresql://USER@HOST/DATABASE
        schema: the schema that the tables lie in
        main: the schema that holds them as the main branch does, for rules on new rows and against main
        table: where the table of a source has another name, SOURCE=TABLE or SOURCE=SCHEMA.TABLE
        sql: show what would be asked of the warehouse, and ask nothing
        door: how to answer
    """
    project = door.project()
    if page is not None:
        check_target(page)
    if at is None:
        need_address(schema=schema, main=main, table=table, sql=sql)
        checked = check_project(project, gate, rows=rows or page is not None)
    else:
        from shipway.app.warehouse import Whereabouts, check_warehouse, list_questions

        where = Whereabouts(at, Path.cwd(), schema or "", main or "", read_tables(table))
        if sql:
            door.answer(list_questions(project, where, gate), show_questions)
            return DONE
        checked = check_warehouse(project, where, gate, rows=rows or page is not None)
    if page is not None:
        from shipway.app.report.check import write_check

        write_check(project, checked, page)
    shown = checked if rows else msgspec.structs.replace(checked, rows=[])
    door.answer(shown, lambda console, found: _show(console, found, page))
    return OUTCOMES[checked.outcome]


@app.command(name="override", help="Let data be trained on that a gate before training did not pass")
def override(
    gate: str,
    /,
    *,
    by: Annotated[str, Parameter(required=True)],
    reason: Annotated[str, Parameter(required=True)],
    data: str | None = None,
    door: Given,
) -> None:
    """Let data be trained on that a gate before training did not pass.

    It counts for this data and this failure alone, and every model trained by right of it goes on showing it.

    Args:
        gate: the gate
        by: who takes the responsibility
        reason: why, which is remembered with who said so
        data: the data that is meant, such as data:3f2a90c1b7de; by default what waits, or else what is on main
        door: how to answer
    """
    from shipway.app.override import give_override

    door.answer(give_override(door.project(), gate, by=by, reason=reason, data=data), _show_given)


@app.command(name="revoke", help="Take an override back")
def revoke(
    override: str,
    /,
    *,
    by: Annotated[str, Parameter(required=True)],
    reason: Annotated[str, Parameter(required=True)],
    door: Given,
) -> None:
    """Take an override back: nothing more is trained by right of it.

    Args:
        override: its id, or the first digits of it
        by: who takes it back
        reason: why, which is remembered with who said so
        door: how to answer
    """
    from shipway.app.override import revoke_override

    door.answer(revoke_override(door.project(), override, by=by, reason=reason), _show_given)


def _show_given(console: Console, given: OverrideState) -> None:
    show_overrides(console, [given])
    if given.revoked_at is None:
        console.print("shipway run goes on with this data, and with no other")


def _show(console: Console, checked: Checked, page: Path | None) -> None:
    for verdict in checked.verdicts:
        waits = "  waits to be admitted" if verdict.subject == checked.waiting else ""
        show_title(console, f"{verdict.gate}", f"{verdict.subject}{waits}")
        show_table(console, (), ((word(f.outcome), f.rule, f.reason) for f in verdict.findings))
        console.print()
    for failing in checked.rows:
        show_title(console, failing.rule, f"some of the rows in {failing.subject}")
        columns = list(failing.rows[0]) if failing.rows else []
        show_table(console, columns, ([write_value(row[name]) for name in columns] for row in failing.rows))
        console.print()
    show_overrides(console, checked.overrides)
    for refusal in checked.refusals:
        show_title(console, "main is not trained on", refusal.fact)
    data = [verdict for verdict in checked.verdicts if verdict.subject.startswith("data:")]
    show_way_out(console, data, checked.overrides)
    if page is not None:
        show_facts(console, {"page": str(page)})
    console.print(word(checked.outcome))
