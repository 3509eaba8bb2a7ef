"""`shipway score`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from shipway.app.count import write_plural
from shipway.cli.door import Flag, Given
from shipway.cli.failure import OUTCOMES, UsageError
from shipway.cli.render import Cell, Console, show_facts, show_table, watch_run, write_instant
from shipway.core.table import MAIN
from shipway.kit.text import reveal

if TYPE_CHECKING:
    from shipway.app.score import Scored
    from shipway.core.projection import ScoreState

app = App(
    name="score",
    help_epilogue="""\
The version is a service's, model@number, or the newest of a model that may be released. Rows are never lost and never
multiplied. A command that was killed continues: what was scored is not scored again

The exit code is 3 if a gate on data fails for the result, 4 if one holds: it then waits on branch audit

Examples:
  shipway score delay --on flights
  shipway score delay@2 --on flights --branch backtest --into delay_2
  shipway score delay --on tomorrow.csv --to tomorrow_scored.parquet
  shipway score delay --on "select * from flights where carrier = 'UA'" --into delay_ua
  shipway score churn --on customers.parquet --vectors --key customer --to churn.csv""",
)


@app.default
def score(
    ref: str,
    /,
    *,
    on: str,
    at: str | None = None,
    key: Annotated[str, Parameter(show_default=False)] = "",
    vectors: Flag = False,
    since: Annotated[str, Parameter(name="--from", show_default=False)] = "",
    branch: str = MAIN,
    into: Annotated[str, Parameter(show_default=False)] = "",
    to: Path | None = None,
    force: Flag = False,
    door: Given,
) -> int:
    """Score every row of a table, into a table or a file.

    Args:
        ref: the version, such as delay@2; a model's name alone is its newest, a service's the one that answers
        on: the rows: a table, a raw input, a file, or a question in SQL on tables
        at: the column that says when each row is asked about, or an instant for all; without it, when the model asks
        key: the columns that name a row in the result, separated by commas; without it, those of the model's source
        vectors: rows hold the model's inputs, and no features are built
        since: the version of the tables that is read: a branch, a tag or a commit; without it, the branch
        branch: the branch that takes the result, begun where there is none; main takes what its gates let through
        into: the table of the result; without it, MODEL_scores
        to: a file for the result in place of a table; its ending, .parquet or .csv, says the format
        force: score everything again, also what is scored already
        door: how to answer
    """
    from shipway.app.score import score as score_rows

    if to is not None and (into or branch != MAIN):
        raise UsageError("the result goes to a file, and a table is named too", "write --to FILE, or --into TABLE")
    with watch_run(json=door.json) as watch:
        made = score_rows(
            door.project(),
            ref,
            on,
            at=at,
            key=[name.strip() for name in key.split(",") if name.strip()],
            vectors=vectors,
            since=since,
            branch=branch,
            into=into,
            to=to,
            force=force,
            watch=watch,
        )
    door.answer(made, _show)
    return OUTCOMES[made.outcome or "pass"]


def show_scores(console: Console, scores: "Sequence[ScoreState]", timezone: str) -> None:
    """Show what scored each table and file last."""
    heads = ("scored into", "branch", "version", "rows", "of", "at")
    show_table(console, heads, (_row(each, timezone) for each in scores))


def _row(each: "ScoreState", timezone: str) -> tuple[Cell, ...]:
    score = each.score
    version = f"{score.model}@{score.number}"
    return score.into, score.branch, version, f"{score.rows:,}", score.rows_of, write_instant(each.at, timezone)


def _show(console: Console, made: "Scored") -> None:
    facts = {
        "version": f"{made.version}, bundle {made.bundle[:12]}",
        "scored": f"{write_plural(made.rows, 'row')} of {made.rows_of}",
        "partitions": f"{made.partitions}, of which {made.unchanged} were there" if made.unchanged else made.partitions,
    }
    if made.failed:
        facts["without a prediction"] = write_plural(made.failed, "row")
    for each in made.unseen:
        facts[f"unseen {each.column}"] = f"{write_plural(each.rows, 'row')}, such as {each.example}"
    if made.branch:
        facts["into"] = f"{made.into} on {made.branch}, commit {made.commit[:12]}"
    else:
        facts["into"] = made.into
    show_facts(console, {name: str(said) for name, said in facts.items()})
    for reason in made.reasons:
        console.print(reveal(reason), soft_wrap=True)
    if not made.moved:
        console.print(f"{made.branch} stays where it is; what was tried is on branch audit")
