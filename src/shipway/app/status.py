"""Where a project stands, read from its ledger's projection; light, so that a script may ask every second."""

from contextlib import closing

import msgspec

from shipway.app.ledger import find_loss
from shipway.app.project import Project
from shipway.app.service import ServiceLine, list_services
from shipway.app.stream import StreamLine, list_streams
from shipway.app.workspace import Workspace
from shipway.core.admission import Refusal, recall_admission, subject_of
from shipway.core.gate import Outcome, Verdict
from shipway.core.projection import OverrideState, RunState, ScoreState, State, VersionState
from shipway.core.standing import Approval, Word
from shipway.core.table import MAIN, Commit
from shipway.infra.branch import Branches
from shipway.kit.file import lock_holder

INGEST = "ingest"
"""The branch that new data waits on until its gate has spoken."""


class VersionLine(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a model in a line.

    Attributes:
        ref: its name, as `model@number`.
        model: the model's name.
        number: the version's number.
        cut: nothing known later was learned from, microseconds since 1970 UTC.
        outcome: what its gates came to; None while none has spoken.
        reason: why, in words.
        bundle: digest of its bundle; None if it may not be released.
        registered_at: since when it may be released, microseconds since 1970 UTC.
        metrics: check name to value, low and high, for what was measured on at least a row.
        overrides: those by right of which it was trained on data that a gate did not pass.
        aliases: names that point at it.
        serving: the services that route to it, with its share of their requests.
        approvals: those of the bundle it has, one a person.
        retired: who took it out of use, and why; None where it is in use.
        tags: tag to value.
        notes: what people wrote on it.
    """

    ref: str
    model: str
    number: int
    cut: int
    outcome: Outcome | None
    reason: str
    bundle: str | None
    registered_at: int | None
    metrics: dict[str, tuple[float, float, float]]
    overrides: list[OverrideState] = []
    aliases: list[str] = []
    serving: dict[str, float] = {}
    approvals: list[Approval] = []
    retired: Word | None = None
    tags: dict[str, str] = {}
    notes: list[Word] = []


class TaskLine(msgspec.Struct, frozen=True, kw_only=True):
    """The newest run of a task that did not end well: `failed`, `interrupted`, or still `running`."""

    task: str
    state: str
    since: int
    error: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Where a project stands.

    Attributes:
        project: its name.
        owner: who answers for it.
        root: its folder.
        holder: number of the process that runs it now; None if none does.
        entries: length of the ledger.
        head: digest of its newest entry.
        lost: what of the ledger is gone, in words; empty if nothing is.
        commit: the data on the main branch; None before any was admitted.
        rows: table to rows, on the main branch.
        data: verdicts on that data.
        waiting: data that was checked and not admitted; None if there is none.
        held: verdicts on the data that waits.
        overrides: those that stand for either of the two.
        refusals: what keeps the main branch from being trained on, as far as the ledger says.
        models: model name to its versions, also for models that have none yet.
        services: every service that is configured, with the version that answers and the one that walks.
        tasks: tasks whose newest run has not ended well.
        streams: where the raw inputs stand that are streams.
        scores: what scored each table and file last.
    """

    project: str
    owner: str
    root: str
    holder: int | None
    entries: int
    head: str
    lost: str
    commit: str | None
    rows: dict[str, int]
    data: list[Verdict]
    waiting: str | None
    held: list[Verdict]
    overrides: list[OverrideState]
    refusals: list[Refusal]
    models: dict[str, list[VersionLine]]
    services: list[ServiceLine]
    tasks: list[TaskLine]
    streams: list[StreamLine] = []
    scores: list[ScoreState] = []


def read_status(project: Project) -> Status:
    """Return where a project stands; nothing is written, and a run that is going on is not disturbed.

    Raises:
        ShipwayError: SW-602 if the state's folder cannot be used, SW-604 or SW-605 if it is damaged.
    """
    with closing(Workspace(project)) as workspace:
        state = workspace.peek()
        head = workspace.ledger.head() if workspace.exists else None
        lost = find_loss(workspace)
        commits = _read_branches(workspace)
        holder = lock_holder(workspace.folder / "run.lock")
    main, waiting = commits.get(MAIN), commits.get(INGEST)
    asked = [recall_admission(state, commit.data) for commit in (main, waiting) if commit is not None]
    standing = dict.fromkeys(override.id for admission in asked for override in admission.overrides)
    named = dict.fromkeys([*project.config.models, *state.models])
    return Status(
        project=project.config.project.name,
        owner=project.config.project.owner,
        root=str(project.root),
        holder=holder,
        entries=head.seq if head else 0,
        head=head.digest if head else "",
        lost=lost,
        commit=None if main is None else main.id,
        rows={} if main is None else {name: snapshot.rows for name, snapshot in main.tables.items()},
        data=verdicts_on_data(state, main),
        waiting=None if waiting is None else waiting.id,
        held=verdicts_on_data(state, waiting),
        overrides=[state.overrides[name] for name in standing],
        refusals=[] if main is None else list(asked[0].refusals),
        models={name: [line_of(state, version) for version in state.models.get(name, [])] for name in named},
        services=list_services(project, state),
        tasks=_unfinished(state, running=holder is not None),
        streams=list_streams(project),
        scores=list(state.scores.values()),
    )


def verdicts_on_data(state: State, commit: Commit | None) -> list[Verdict]:
    """Return what the data gates said about the data of a commit."""
    return [] if commit is None else list(state.verdicts.get(subject_of(commit.data), {}).values())


def line_of(state: State, version: VersionState) -> VersionLine:
    """Return a version in a line."""
    return VersionLine(
        ref=version.ref,
        model=version.model,
        number=version.number,
        cut=version.cut,
        outcome=version.outcome,
        reason=version.reason,
        bundle=version.bundle,
        registered_at=version.registered_at,
        metrics={name: (e.value, e.low, e.high) for name, e in version.evidence.items() if e.n},
        overrides=[state.overrides[name] for name in version.overrides],
        aliases=state.aliases_of(version.model, version.number),
        serving=state.serving(version.model, version.number),
        approvals=version.standing.approvals_of(version.bundle),
        retired=version.standing.retired,
        tags=version.standing.tags,
        notes=version.standing.notes,
    )


def newest_runs(state: State) -> dict[str, RunState]:
    """Return the run of each task that anything was last heard of, whatever its key."""
    return {run.task: run for run in sorted(state.runs.values(), key=lambda run: run.ended_at or run.started_at)}


def _read_branches(workspace: Workspace) -> dict[str, Commit]:
    """Return the commits of the main branch and of the one that waits, without loading a frame library."""
    if not workspace.has_data:
        return {}
    branches = Branches(workspace.catalog)
    heads = branches.branches()
    names = [name for name in (MAIN, INGEST) if name in heads]
    if len(names) == 2 and is_admitted(branches, heads[INGEST], heads[MAIN]):
        names.remove(INGEST)
    return {name: branches.get(heads[name]) for name in names}


def is_admitted(branches: Branches, waiting: str, main: str) -> bool:
    """Tell whether the data of a commit that was to be admitted is on main, or was and something followed it there."""
    same = branches.get(waiting).data == branches.get(main).data
    return same or branches.history.contains(main, waiting)


def _unfinished(state: State, *, running: bool) -> list[TaskLine]:
    newest = newest_runs(state)
    words = {"failed": "failed", "running": "running" if running else "interrupted"}
    return [
        TaskLine(task=run.task, state=words[run.state], since=run.ended_at or run.started_at, error=run.error)
        for run in newest.values()
        if run.state in words
    ]
