"""`shipway models`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number

from shipway.app.model import export_bundle, list_models, show_model
from shipway.cli.door import Flag, Given, read_time
from shipway.cli.failure import UsageError
from shipway.cli.render import show_facts
from shipway.cli.version import (
    show_aliases,
    show_comparison,
    show_exported,
    show_history,
    show_standing,
    show_version,
    show_versions,
)

if TYPE_CHECKING:
    from shipway.app.status import VersionLine

app = App(
    name="models",
    help_epilogue="""\
A version is named by its number (delay@2) or by an alias (delay@champion); a model's name alone is its newest version

Examples:
  shipway models
  shipway models show delay@2
  shipway models search 'auc > 0.7' --feature origin_flights_1h --tag team=risk
  shipway models compare delay@champion delay@3
  shipway models alias delay@champion delay@3 --reason "better on short flights"
  shipway models approve delay@3 --by ana --reason "looked at the slices"
  shipway models history delay
  shipway models page
  shipway models export delay@2 bundle""",
)

Reason = Annotated[str, Parameter(required=True)]
"""The type of a reason that is asked for."""


@app.default
@app.command(name="list", help="Show every version of every model")
def show_all(*, door: Given) -> None:
    """Show every version of every model."""
    project = door.project()
    timezone = project.config.project.timezone
    door.answer(list_models(project), lambda console, lines: show_versions(console, lines, timezone))


@app.command(name="show", help="Show everything known of a version")
def show(ref: str, /, *, door: Given) -> None:
    """Show everything known of a version.

    Args:
        ref: the version, such as delay@2 or delay@champion; a model's name alone is its newest
        door: how to answer
    """
    project = door.project()
    timezone = project.config.project.timezone
    door.answer(show_model(project, ref), lambda console, detail: show_version(console, detail, timezone))


@app.command(name="search", help="Find versions by what was measured, their names, tags, features, data or use")
def search(
    *conditions: str,
    model: str | None = None,
    alias: str | None = None,
    tag: tuple[str, ...] = (),
    use: Literal["registered", "approved", "serving", "retired"] | None = None,
    feature: str | None = None,
    data: str | None = None,
    since: str | None = None,
    until: str | None = None,
    sort: str = "",
    limit: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    door: Given,
) -> None:
    """Find versions by what was measured, their names, tags, features, data or use; all that is said has to hold.

    Args:
        conditions: on what was measured, such as 'auc > 0.7'; auc.low and auc.high are the ends of its interval
        model: only versions of this model
        alias: only those that this name points at
        tag: only those tagged so: a name, or name=value; may be given several times
        use: only those that have a bundle, are approved, answer for a service, or are retired
        feature: only those that read this feature, or any feature of this view
        data: only those trained on the frame whose digest begins so
        since: only those cut at this time or later
        until: only those cut before this time
        sort: a check; the greatest value comes first
        limit: how many at most
        door: how to answer
    """
    from shipway.app.search import Wanted, search_models

    project = door.project()
    wanted = Wanted(
        conditions=conditions,
        model=model,
        alias=alias,
        tags=tag,
        use=use,
        feature=feature,
        data=data,
        since=read_time(since, "--since", project),
        until=read_time(until, "--until", project),
        sort=sort,
        limit=limit,
    )
    timezone = project.config.project.timezone
    found = search_models(project, wanted)
    door.answer(found, lambda console, lines: show_versions(console, lines, timezone, empty="no version is so"))


@app.command(name="compare", help="Show versions side by side, and what differs")
def compare(*refs: str, door: Given) -> None:
    """Show versions side by side, and what differs.

    Args:
        refs: two versions or more; the later ones are compared with the first
        door: how to answer
    """
    from shipway.app.comparison import compare_models

    project = door.project()
    timezone = project.config.project.timezone
    door.answer(compare_models(project, refs), lambda console, found: show_comparison(console, found, timezone))


@app.command(name="alias", help="Show the names of versions, let one point at a version, or remove it")
def alias(
    name: str | None = None,
    ref: str | None = None,
    /,
    *,
    remove: Flag = False,
    expect: str | None = None,
    by: str = "",
    reason: str = "",
    door: Given,
) -> None:
    """Show the names of versions, let one point at a version, or remove it; no request is routed by it.

    Args:
        name: a model, to show its names; or the name, such as delay@champion
        ref: the version it is to point at, such as delay@3
        remove: remove the name
        expect: do it only if the name points at this version until now; none for a name that must be new
        by: who does it; by default who runs the command
        reason: why, which is remembered
        door: how to answer
    """
    from shipway.app.standing import list_aliases, move_alias, remove_alias

    if remove and ref is not None:
        raise UsageError("a name is to be moved and removed at once", "leave out the version, or --remove")
    project = door.project()
    timezone = project.config.project.timezone
    if name is not None and remove:
        lines = [remove_alias(project, name, by=by, reason=reason, expect=expect)]
    elif name is not None and ref is not None:
        lines = [move_alias(project, name, ref, by=by, reason=reason, expect=expect)]
    else:
        lines = list_aliases(project, name)
    door.answer(lines, lambda console, found: show_aliases(console, found, timezone))


@app.command(name="approve", help="Approve a version as the bundle it has")
def approve(ref: str, /, *, by: Reason, reason: Reason, bundle: str | None = None, door: Given) -> None:
    """Approve a version as the bundle it has.

    Args:
        ref: the version
        by: who approves it
        reason: why, which is remembered
        bundle: the first digits of the bundle that was looked at; refused if it is another one now
        door: how to answer
    """
    from shipway.app.standing import approve_version

    _answer(door, approve_version(door.project(), ref, by=by, reason=reason, bundle=bundle))


@app.command(name="retire", help="Take a version out of use: it is released no more")
def retire(ref: str, /, *, reason: Reason, by: str = "", anyway: Flag = False, door: Given) -> None:
    """Take a version out of use: it is released no more.

    Args:
        ref: the version
        reason: why, which is remembered
        by: who does it; by default who runs the command
        anyway: also while a service routes to it, which goes on, or a name points at it, which is removed
        door: how to answer
    """
    from shipway.app.standing import retire_version

    _answer(door, retire_version(door.project(), ref, by=by, reason=reason, anyway=anyway))


@app.command(name="restore", help="Take a retired version back into use")
def restore(ref: str, /, *, reason: Reason, by: str = "", door: Given) -> None:
    """Take a retired version back into use.

    Args:
        ref: the version
        reason: why, which is remembered
        by: who does it; by default who runs the command
        door: how to answer
    """
    from shipway.app.standing import restore_version

    _answer(door, restore_version(door.project(), ref, by=by, reason=reason))


@app.command(name="tag", help="Tag a version, take tags from it, or write a note on it")
def tag_one(
    ref: str,
    tags: tuple[str, ...] = (),
    /,
    *,
    remove: tuple[str, ...] = (),
    note: str = "",
    by: str = "",
    door: Given,
) -> None:
    """Tag a version, take tags from it, or write a note on it.

    Args:
        ref: the version
        tags: such as team=risk, or a name alone
        remove: the name of a tag to take away; may be given several times
        note: a text that stays with the version
        by: who does it; by default who runs the command
        door: how to answer
    """
    from shipway.app.standing import tag_version

    _answer(door, tag_version(door.project(), ref, tags, remove=remove, note=note, by=by))


@app.command(name="history", help="Show who served what since when, and what became of versions")
def history(subject: str, /, *, door: Given) -> None:
    """Show who served what since when, and what became of versions.

    Args:
        subject: a model, a version, or a service; service:NAME where a model has the same name
        door: how to answer
    """
    from shipway.app.tenure import read_history

    project = door.project()
    timezone = project.config.project.timezone
    door.answer(read_history(project, subject), lambda console, found: show_history(console, found, timezone))


@app.command(name="page", help="Write the whole registry as one HTML page")
def page(*, out: Path | None = None, door: Given) -> None:
    """Write the whole registry as one HTML page.

    Args:
        out: the folder that gets index.html; by default docs/models in the project
        door: how to answer
    """
    from shipway.app.report.registry import write_registry

    project = door.project()
    written = write_registry(project, project.root / "docs" / "models" if out is None else out)
    door.answer({"page": str(written)}, show_facts)


@app.command(name="export", help="Write a version's bundle into a folder, and read it back")
def export(ref: str, folder: Path, /, *, door: Given) -> None:
    """Write a version's bundle into a folder, and read it back.

    Args:
        ref: the version, such as delay@2; a model's name alone is its newest
        folder: where to; it must be empty or absent
        door: how to answer
    """
    door.answer(export_bundle(door.project(), ref, folder), show_exported)


def _answer(door: Given, line: "VersionLine") -> None:
    timezone = door.project().config.project.timezone
    door.answer(line, lambda console, found: show_standing(console, found, timezone))
