"""Gates that nobody had to write: rules that a project's own data suggests, as source text to read and keep."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from shipway.app.project import Project, name_module
from shipway.app.status import INGEST
from shipway.app.workspace import Workspace
from shipway.core.argument import take_width
from shipway.core.check import Rule
from shipway.core.data_measure import tables_of
from shipway.core.error import ShipwayError
from shipway.core.expectation import is_suite, read_suite, refuse_suite
from shipway.core.feature import Expr, Label, Source
from shipway.core.proposal import Omission, Proposed, Survey, write_gate, write_module, write_rule
from shipway.core.schema import is_schema, read_schema
from shipway.core.table import MAIN, Commit
from shipway.data.proposal import propose_rules
from shipway.infra.branch import Branches
from shipway.kit.suggestion import did_you_mean
from shipway.ports.adapter import load_adapter, needs_extra


class ProposedRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that data suggests: what about, as it stands in a project's file, why, and the numbers behind it."""

    table: str
    kind: str
    rule: str
    why: str
    seen: dict[str, Any]


class Inferred(msgspec.Struct, frozen=True, kw_only=True):
    """A gate that data suggests.

    Attributes:
        gate: its name.
        commit: the data it was taken from.
        every: how long a delivery is taken to be.
        alarms: how many false alarms a year the bounds are set for.
        bounds: how many bounds share them.
        tables: how much of each table it rests on.
        rules: the rules.
        left: what is not proposed, and why.
        text: the source text.
        path: the file it was written to; None where it was not.
    """

    gate: str
    commit: str
    every: str
    alarms: float
    bounds: int
    tables: list[Survey]
    rules: list[ProposedRule]
    left: list[Omission]
    text: str
    path: str | None


def infer_gate(
    project: Project,
    sources: Sequence[str] = (),
    *,
    every: str = "1d",
    alarms: float = 1.0,
    branch: str | None = None,
    by: Sequence[str] = (),
    name: str = "inferred",
    into: Path | None = None,
) -> Inferred:
    """Propose a gate before training from the data there is.

    Args:
        project: whose data.
        sources: only for these; the others may be referred to.
        every: how long a delivery is.
        alarms: how many false alarms a year are put up with, over all rules whose bound is estimated.
        branch: a branch, tag or commit; by default main, or what waits to be admitted where there is no main yet.
        by: `TABLE.COLUMN`, the instants that deliveries are told by, where it is not the first declared.
        name: what the gate is called.
        into: a new file to write it to, as a function that takes the sources.

    Raises:
        ShipwayError: SW-104 for a source or column that is not declared, SW-106 for a duration or a number of alarms
            that is none, SW-107 if the file is there, SW-209 for an unknown branch, SW-401 if there is no data.
    """
    registry = project.registry
    if into is not None:
        refuse_present(into)
    width = take_width(every, "`--every`")
    if not alarms > 0:
        raise ShipwayError("SW-106", f"{alarms:g} false alarms a year cannot be asked for", "write a number above 0")
    for source in sources:
        if source not in registry.sources:
            raise ShipwayError("SW-104", f"there is no source {source!r}", did_you_mean(source, registry.sources))
    told_by = _read_instants(registry.sources, by)
    labels, unnamed = _find_labels(project)
    with closing(Workspace(project)) as workspace:
        commit = _find_commit(workspace, branch)
        tables = {
            source: workspace.tables.read(commit.tables[source.name])
            for source in registry.sources.values()
            if source.name in commit.tables
        }
        now = workspace.now
        proposed = propose_rules(
            tables, every_us=width, alarms=alarms, now=now, by=told_by, labels=labels, only=list(sources)
        )
    text = write_proposed(name, proposed, commit, as_module=into is not None)
    if into is not None:
        write_new(into, text)
    return Inferred(
        gate=name,
        commit=commit.id,
        every=every,
        alarms=alarms,
        bounds=proposed.bounds,
        tables=list(proposed.surveys),
        rules=[
            ProposedRule(table=each.table, kind=each.kind, rule=write_rule(each.rule), why=each.why, seen=each.seen)
            for each in proposed.rules
        ],
        left=[*proposed.left, *unnamed],
        text=text,
        path=None if into is None else str(into),
    )


def write_proposed(name: str, proposed: Proposed, commit: Commit, *, as_module: bool) -> str:
    """Return the source text of what was proposed."""
    groups: list[tuple[str, list[tuple[Rule, str]]]] = [
        (survey.said, [(each.rule, each.why) for each in proposed.rules if each.table == survey.table])
        for survey in proposed.surveys
    ]
    groups = [group for group in groups if group[1]]
    if not groups:
        raise ShipwayError("SW-402", "there is nothing that a rule could be taken from", "ingest some rows first")
    if not as_module:
        return write_gate(name, groups)
    head = (
        f"Rules that data {commit.id[:12]} suggests, for deliveries of {proposed.every} and "
        f"{proposed.alarms:g} false alarms a year."
    )
    tables = list(dict.fromkeys(node for each in proposed.rules for node in tables_of(each.rule.check.measure)))
    return write_module(name, tables, groups, head=head)


def refuse_present(path: Path) -> None:
    """Refuse to write over a file."""
    if path.exists():
        raise ShipwayError("SW-107", f"{path} is there already", "name a new file: nothing is written over")
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise ShipwayError("SW-107", f"{path.name} is no name of a Python file", "write such as rules.py")


def write_new(path: Path, text: str) -> None:
    """Write a file that was not there before; SW-107 if it is by now, SW-602 if it cannot be written."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text.replace("THIS_FILE", path.stem))
    except FileExistsError as error:
        raise ShipwayError("SW-107", f"{path} is there already", "name a new file") from error
    except OSError as error:
        raise ShipwayError("SW-602", f"{path} cannot be written: {error.strerror}", "name another folder") from error


def _read_instants(sources: Mapping[str, Source], by: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in by:
        table, dot, column = each.partition(".")
        if table not in sources or not dot:
            hint = f"write TABLE.COLUMN; {did_you_mean(table, sources)}"
            raise ShipwayError("SW-104", f"{each!r} names no column of a source", hint)
        found[table] = sources[table][column].name
    return found


def _find_labels(project: Project) -> tuple[list[tuple[Label, Expr]], list[Omission]]:
    """Return the labels of models that the project's file has under their own name, and those that it has not."""
    module = sys.modules.get(name_module(project.config.project.name))
    labels: dict[str, tuple[Label, Expr]] = {}
    left: dict[str, Omission] = {}
    for model in project.registry.models.values():
        name = model.label.name
        if getattr(module, name, None) is model.label:
            labels[name] = (model.label, model.at)
        else:
            why = f"no variable of the project's file is called {name}, as the label is"
            left[name] = Omission(table=model.on.name, what=f"timely({name}, ...)", why=why)
    return list(labels.values()), list(left.values())


def _find_commit(workspace: Workspace, branch: str | None) -> Commit:
    if branch is not None:
        if not workspace.has_data:
            raise ShipwayError("SW-209", f"there is no branch {branch!r}", "shipway run ingests data")
        branches = Branches(workspace.catalog)
        return branches.get(branches.find(branch))
    heads = [workspace.tables.head(each) for each in (MAIN, INGEST)] if workspace.exists else []
    head = next((each for each in heads if each is not None), None)
    return workspace.main_commit() if head is None else workspace.tables.get(head)


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """A gate made of another tool's rules.

    Attributes:
        gate: its name.
        origin: what it was.
        rules: the rules, with what each was taken from.
        left: what has no word, and why.
        text: the source text.
        path: the file it was written to; None where it was not.
    """

    gate: str
    origin: str
    rules: list[ProposedRule]
    left: list[Omission]
    text: str
    path: str | None


def import_gate(
    project: Project, what: str, *, source: str | None = None, name: str = "imported", into: Path | None = None
) -> Imported:
    """Write another tool's rules in shipway's words.

    Args:
        project: whose source is judged.
        what: a suite of Great Expectations as JSON, a Pandera schema as JSON or YAML, or one as `module:name`.
        source: the source whose rows are judged; may be left out where there is only one.
        name: what the gate is called.
        into: a new file to write it to, as a function that takes the source.

    Raises:
        ShipwayError: SW-104 for a source that is not declared, SW-106 for a document that is neither, SW-107 if the
            file is there, SW-201 if there is no such document, SW-402 if nothing of it has a word, SW-701 if Pandera is
            not installed and needed.
    """
    if into is not None:
        refuse_present(into)
    sources = project.registry.sources
    if source is None and len(sources) != 1:
        raise ShipwayError("SW-106", "it is not said which source is judged", f"--source, of {', '.join(sources)}")
    chosen = source or next(iter(sources))
    if chosen not in sources:
        raise ShipwayError("SW-104", f"there is no source {chosen!r}", did_you_mean(chosen, sources))
    document = _read_document(what, project.root)
    if is_suite(document):
        foreign = read_suite(document, sources[chosen])
    elif is_schema(document):
        foreign = read_schema(document, sources[chosen])
    else:
        raise refuse_suite(what)
    if not foreign.rules:
        fact = f"nothing of {what} has a word: {foreign.left[0].what}: {foreign.left[0].why}" if foreign.left else ""
        raise ShipwayError("SW-402", fact or f"{what} asks for nothing", "write the rules with shipway's words")
    groups = [(f"{foreign.origin}, from {what}", foreign.rules)]
    head = f"Rules of {foreign.origin}, from {what}."
    text = write_gate(name, groups) if into is None else write_module(name, [chosen], groups, head=head)
    if into is not None:
        write_new(into, text)
    rules = [
        ProposedRule(table=chosen, kind="imported", rule=write_rule(rule), why=why, seen={})
        for rule, why in foreign.rules
    ]
    path = None if into is None else str(into)
    return Imported(gate=name, origin=foreign.origin, rules=rules, left=list(foreign.left), text=text, path=path)


def _read_document(what: str, root: Path) -> Any:
    """Return a suite or schema as it was written."""
    path = Path(what)
    module, colon, attribute = what.partition(":")
    if colon and not path.exists() and module.replace(".", "").isidentifier() and attribute.isidentifier():
        try:
            return load_adapter("schemas.pandera")().load(what, root)
        except ModuleNotFoundError as error:
            raise needs_extra((error.name or "").partition(".")[0], what) from error
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ShipwayError("SW-201", f"{what} cannot be read: {error}", "name a file, or module:name") from error
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        if path.suffix not in (".yaml", ".yml"):
            raise ShipwayError("SW-106", f"{what} is no JSON: {error}", "name a .json or .yaml file") from error
    try:
        return load_adapter("schemas.pandera")().parse(text)
    except ModuleNotFoundError as error:
        raise needs_extra((error.name or "").partition(".")[0], what) from error
