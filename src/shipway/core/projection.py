"""What a person sees is a projection: a pure fold over the ledger that can be dropped and rebuilt identically."""

from collections.abc import Iterable

import msgspec

from shipway.core import body as bodies
from shipway.core.artifact import Artifact, Ref
from shipway.core.body import read_body
from shipway.core.check import Evidence
from shipway.core.gate import Outcome, Verdict
from shipway.core.ledger import GENESIS, Entry
from shipway.kit.canonical import digest_value

LAYOUT = 2
"""Version of the state's shape; a stored state of another layout is dropped and rebuilt."""


class RunState(msgspec.Struct, kw_only=True):
    """The last that is known of a task with one key: `running`, `finished` or `failed`."""

    task: str
    key: str
    state: str
    started_at: int
    ended_at: int | None = None
    seconds: float = 0.0
    peak_mb: float = 0.0
    outputs: dict[str, Artifact] = {}
    error: str = ""


class VersionState(msgspec.Struct, kw_only=True):
    """One version of a model: how it was made, what its gate said, and whether it may be released."""

    model: str
    number: int
    key: str
    cut: int
    opened_at: int
    outcome: Outcome | None = None
    reason: str = ""
    evidence: dict[str, Evidence] = {}
    bundle: str | None = None
    registered_at: int | None = None

    @property
    def subject(self) -> str:
        """Return what entries about this version are about."""
        return str(Ref(kind="model", name=self.model, version=str(self.number)))


class LeakState(msgspec.Struct, kw_only=True):
    """One declared leak: what was refused, and whether the refusal was lifted to price it."""

    name: str
    refusals: dict[str, bodies.LeakRefused] = {}
    lifted: bool = False


class State(msgspec.Struct, kw_only=True):
    """Everything projected from a project's ledger up to one entry.

    Attributes:
        layout: version of this shape.
        seq: the last entry folded in.
        head: its digest, which stands for the whole history up to it.
        runs: task key to its run.
        branches: branch of data to commit, as the ledger remembers it.
        verdicts: subject to gate name to the newest verdict.
        evidence: subject to check name to the newest evidence.
        models: model name to its versions in order.
        leaks: leak name to what became of it.
    """

    layout: int = LAYOUT
    seq: int = 0
    head: str = GENESIS
    runs: dict[str, RunState] = {}
    branches: dict[str, str] = {}
    verdicts: dict[str, dict[str, Verdict]] = {}
    evidence: dict[str, dict[str, Evidence]] = {}
    models: dict[str, list[VersionState]] = {}
    leaks: dict[str, LeakState] = {}

    @property
    def digest(self) -> str:
        """Return the digest of the whole state: equal histories give equal states."""
        return digest_value(self)

    def version(self, model: str, number: int) -> VersionState | None:
        """Return one version of a model, or None."""
        found = [v for v in self.models.get(model, []) if v.number == number]
        return found[0] if found else None


def fold(state: State, entries: Iterable[Entry]) -> State:
    """Bring a state up to date with the entries that follow it; the state given is changed and returned."""
    for entry in entries:
        _apply(state, entry)
        state.seq, state.head = entry.seq, entry.digest
    return state


def _apply(state: State, entry: Entry) -> None:
    body = read_body(entry)
    match body:
        case bodies.RunStarted():
            state.runs[body.key] = RunState(task=body.task, key=body.key, state="running", started_at=entry.at)
        case bodies.RunFinished():
            run = state.runs[body.key]
            run.state, run.ended_at, run.outputs = "finished", entry.at, body.outputs
            run.seconds, run.peak_mb = body.seconds, body.peak_mb
        case bodies.RunFailed():
            run = state.runs[body.key]
            run.state, run.ended_at, run.error = "failed", entry.at, f"{body.code} {body.fact}"
        case bodies.DataMoved():
            state.branches[body.branch] = body.commit
        case bodies.EvidenceRecorded():
            evidence = body.evidence
            state.evidence.setdefault(evidence.subject, {})[evidence.check] = evidence
            for version in _versions(state, evidence.subject):
                version.evidence[evidence.check] = evidence
        case bodies.VerdictGiven():
            _judge(state, body.verdict, body.gates)
        case bodies.VersionOpened():
            version = VersionState(model=body.model, number=body.number, key=body.key, cut=body.cut, opened_at=entry.at)
            state.models.setdefault(body.model, []).append(version)
        case bodies.VersionRegistered():
            version = state.version(body.model, body.number)
            if version is not None:
                version.bundle, version.registered_at = body.bundle, entry.at
        case bodies.LeakRefused():
            state.leaks.setdefault(body.leak, LeakState(name=body.leak)).refusals[body.column] = body
        case bodies.LeakLifted():
            state.leaks.setdefault(body.leak, LeakState(name=body.leak)).lifted = True


def _judge(state: State, verdict: Verdict, gates: tuple[str, ...]) -> None:
    given = state.verdicts.setdefault(verdict.subject, {})
    given[verdict.gate] = verdict
    if gates:
        given = {name: said for name, said in given.items() if name in gates}
        state.verdicts[verdict.subject] = given
    outcomes = {said.outcome for said in given.values()}
    outcome: Outcome = "fail" if "fail" in outcomes else "hold" if "hold" in outcomes else "pass"
    reason = verdict.reason if verdict.outcome == outcome else _reason(given.values(), outcome)
    for version in _versions(state, verdict.subject):
        version.outcome, version.reason = outcome, reason


def _reason(verdicts: Iterable[Verdict], outcome: Outcome) -> str:
    """Return why the worst of some verdicts came out as it did."""
    return "; ".join(verdict.reason for verdict in verdicts if verdict.outcome == outcome)


def _versions(state: State, subject: str) -> list[VersionState]:
    return [version for versions in state.models.values() for version in versions if version.subject == subject]
