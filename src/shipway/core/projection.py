"""What a person sees is a projection: a pure fold over the ledger that can be dropped and rebuilt identically."""

from collections.abc import Iterable

import msgspec

from shipway.core import body as bodies
from shipway.core.artifact import Artifact, Ref
from shipway.core.body import read_body
from shipway.core.check import Evidence
from shipway.core.gate import Outcome, Verdict
from shipway.core.ledger import GENESIS, Entry
from shipway.core.override import Override
from shipway.core.release import Release, routing_of
from shipway.core.score import Score
from shipway.core.service import Routing, Variant
from shipway.core.standing import (
    AliasMove,
    AliasMoved,
    Standing,
    VersionApproved,
    VersionRestored,
    VersionRetired,
    VersionTagged,
    apply_saying,
    point_of,
)
from shipway.core.tenure import Share
from shipway.core.trial import (
    ExperimentDecided,
    ExperimentLooked,
    ExperimentStarted,
    ExperimentStopped,
    Trial,
    apply_trial,
)
from shipway.kit.canonical import digest_value

LAYOUT = 9
"""Version of the state's shape; a stored state of another layout is dropped and rebuilt."""


class RunState(msgspec.Struct, kw_only=True):
    """The last that is known of a task with one key: `running`, `finished` or `failed`."""

    task: str
    key: str
    state: str
    started_at: int
    inputs: dict[str, str] = {}
    ended_at: int | None = None
    seconds: float = 0.0
    peak_mb: float = 0.0
    outputs: dict[str, Artifact] = {}
    error: str = ""


class OverrideState(msgspec.Struct, kw_only=True):
    """One override, when it was given, and when, by whom and why it was revoked, if it was."""

    id: str
    override: Override
    given_at: int
    revoked_at: int | None = None
    revoked_by: str = ""
    revoked_reason: str = ""

    @property
    def said(self) -> str:
        """Return who overrode what and why, and that it was revoked."""
        revoked = "" if self.revoked_at is None else f"; revoked by {self.revoked_by}: {self.revoked_reason}"
        return f"{self.override.said}{revoked}"


class VersionState(msgspec.Struct, kw_only=True):
    """One version of a model: how it was made, what its gate said, and whether it may be released.

    `overrides` are the ids of those by right of which it was trained, `signature` is the digest of its bundle's,
    `signed_by` names the key that is by, `standing` is what people said of it since, and `imported` says what it was
    brought in as, where it was not trained here.
    """

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
    signature: str = ""
    signed_by: str = ""
    imported: str = ""
    overrides: list[str] = []
    standing: Standing = msgspec.field(default_factory=Standing)

    @property
    def ref(self) -> str:
        """Return what people call the version, as `model@number`."""
        return f"{self.model}@{self.number}"

    @property
    def subject(self) -> str:
        """Return what entries about this version are about."""
        return str(Ref(kind="model", name=self.model, version=str(self.number)))


class LeakState(msgspec.Struct, kw_only=True):
    """One declared leak: what was refused, and whether the refusal was lifted to price it."""

    name: str
    refusals: dict[str, bodies.LeakRefused] = {}
    lifted: bool = False


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict in the life of a release or of a service, with the domain time it was given as of."""

    at: int
    verdict: Verdict


class RetrainState(msgspec.Struct, kw_only=True):
    """One retrain: when and why it was asked for, and what it came to; `outcome` is None until then."""

    service: str
    model: str
    asked_at: int
    reason: str
    number: int | None = None
    outcome: Outcome | None = None
    ended: str = ""


class ServiceState(msgspec.Struct, kw_only=True):
    """One service: the version that answers, the release that walks, and everything that was decided about it.

    Attributes:
        name: the service's name.
        model: the model's name.
        stable: the version that answers.
        opened_at: domain time of its first version.
        release: id of the release that walks; None where none does.
        history: domain time from which on each version was the stable one.
        shares: which versions answered how much, from each change on.
        releases: every release, in order.
        judgements: subject (a release's step, or the service) to the verdicts on it, in order.
        retrains: every retrain, in order.
        token: place in the ledger of the newest decision on who answers.
    """

    name: str
    model: str
    stable: Variant
    opened_at: int
    release: str | None = None
    history: list[tuple[int, int]] = []
    shares: list[Share] = []
    releases: list[Release] = []
    judgements: dict[str, list[Judgement]] = {}
    retrains: list[RetrainState] = []
    token: int = 0

    @property
    def subject(self) -> str:
        """Return what verdicts on the service's live windows are about."""
        return str(Ref(kind="service", name=self.name, version="live"))

    @property
    def walking(self) -> Release | None:
        """Return the release that walks, or None."""
        return next((release for release in self.releases if release.id == self.release), None)

    @property
    def versions(self) -> tuple[int, ...]:
        """Return the numbers of the versions that may have answered: the stable ones in their order, then others."""
        tried = (release.candidate.version for release in self.releases)
        return tuple(dict.fromkeys([*(number for _, number in self.history), *tried]))

    @property
    def routing(self) -> Routing:
        """Return how requests are to be shared now."""
        return routing_of(self.name, self.model, self.stable, self.walking, self.token)


class ScoreState(msgspec.Struct, frozen=True, kw_only=True):
    """The newest scoring of a table or file, and when it was."""

    score: Score
    at: int


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
        aliases: model name to each name of its versions, with its moves in order.
        leaks: leak name to what became of it.
        services: service name to what was decided about it.
        overrides: id to every override that was ever given.
        scores: `branch:table`, or `:file`, to what scored it last.
        experiments: experiment name to its runs in order.
    """

    layout: int = LAYOUT
    seq: int = 0
    head: str = GENESIS
    runs: dict[str, RunState] = {}
    branches: dict[str, str] = {}
    verdicts: dict[str, dict[str, Verdict]] = {}
    evidence: dict[str, dict[str, Evidence]] = {}
    models: dict[str, list[VersionState]] = {}
    aliases: dict[str, dict[str, list[AliasMove]]] = {}
    leaks: dict[str, LeakState] = {}
    services: dict[str, ServiceState] = {}
    overrides: dict[str, OverrideState] = {}
    scores: dict[str, ScoreState] = {}
    experiments: dict[str, list[Trial]] = {}

    @property
    def digest(self) -> str:
        """Return the digest of the whole state: equal histories give equal states."""
        return digest_value(self)

    def version(self, model: str, number: int) -> VersionState | None:
        """Return one version of a model, or None."""
        found = [v for v in self.models.get(model, []) if v.number == number]
        return found[0] if found else None

    def aliases_of(self, model: str, number: int) -> list[str]:
        """Return the names that point at a version now, in the order of the alphabet."""
        return sorted(name for name, moves in self.aliases.get(model, {}).items() if point_of(moves) == number)

    def serving(self, model: str, number: int) -> dict[str, float]:
        """Return the services that route to a version now, each with the share of its requests that it answers."""
        found = {
            name: service.shares[-1].weights.get(number)
            for name, service in self.services.items()
            if service.model == model and service.shares
        }
        return {name: weight for name, weight in found.items() if weight is not None}


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
            state.runs[body.key] = RunState(
                task=body.task, key=body.key, state="running", started_at=entry.at, inputs=body.inputs
            )
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
            if body.at is not None:
                _keep_judgement(state, Judgement(at=body.at, verdict=body.verdict))
        case bodies.OverrideGiven():
            name = body.override.id
            state.overrides[name] = OverrideState(id=name, override=body.override, given_at=entry.at)
        case bodies.OverrideRevoked():
            given = state.overrides.get(body.override)
            if given is not None:
                given.revoked_at, given.revoked_by, given.revoked_reason = entry.at, body.by, body.reason
        case bodies.OverrideCarried():
            version = state.version(body.model, body.number)
            if version is not None and body.override not in version.overrides:
                version.overrides.append(body.override)
        case bodies.VersionOpened():
            version = VersionState(
                model=body.model,
                number=body.number,
                key=body.key,
                cut=body.cut,
                opened_at=entry.at,
                imported=body.imported,
            )
            state.models.setdefault(body.model, []).append(version)
        case bodies.VersionRegistered():
            version = state.version(body.model, body.number)
            if version is not None:
                version.bundle, version.registered_at = body.bundle, entry.at
        case VersionApproved() | VersionRetired() | VersionRestored() | VersionTagged():
            version = state.version(body.model, body.number)
            if version is not None:
                apply_saying(version.standing, body, entry.at)
        case AliasMoved():
            move = AliasMove(at=entry.at, number=body.number, by=body.by, reason=body.reason)
            state.aliases.setdefault(body.model, {}).setdefault(body.alias, []).append(move)
        case bodies.BundleSigned():
            _keep_signature(state, body, entry.seq)
        case bodies.LeakRefused():
            state.leaks.setdefault(body.leak, LeakState(name=body.leak)).refusals[body.column] = body
        case bodies.LeakLifted():
            state.leaks.setdefault(body.leak, LeakState(name=body.leak)).lifted = True
        case bodies.ServiceOpened():
            state.services[body.service] = ServiceState(
                name=body.service,
                model=body.model,
                stable=body.variant,
                opened_at=body.at,
                history=[(body.at, body.variant.version)],
                shares=[Share(at=body.at, stable=body.variant.version, reason="opened")],
                token=entry.seq,
            )
        case bodies.ReleaseStarted():
            _start_release(state.services[body.service], body, entry.seq)
        case bodies.ReleaseMoved():
            _move_release(state, body, entry.seq)
        case bodies.RetrainAsked():
            retrain = RetrainState(service=body.service, model=body.model, asked_at=body.at, reason=body.reason)
            state.services[body.service].retrains.append(retrain)
        case bodies.RetrainEnded():
            for retrain in state.services[body.service].retrains:
                if retrain.asked_at == body.asked_at:
                    retrain.number, retrain.outcome, retrain.ended = body.number, body.outcome, body.reason
        case ExperimentStarted() | ExperimentLooked() | ExperimentDecided() | ExperimentStopped():
            apply_trial(state.experiments, body, entry.at, entry.seq)
        case bodies.TableScored():
            place = f"{body.score.branch}:{body.score.into}"
            state.scores[place] = ScoreState(score=body.score, at=entry.at)


def _keep_signature(state: State, body: bodies.BundleSigned, seq: int) -> None:
    """Keep a signature with its version, and with every variant of its bundle that answers or walks."""
    version = state.version(body.model, body.number)
    if version is not None and version.bundle == body.bundle:
        version.signature, version.signed_by = body.signature, body.key
    for service in state.services.values():
        if service.stable.bundle == body.bundle:
            service.stable, service.token = msgspec.structs.replace(service.stable, signature=body.signature), seq
        release = service.walking
        if release is not None and release.candidate.bundle == body.bundle:
            release.candidate = msgspec.structs.replace(release.candidate, signature=body.signature)
            service.token = seq


def _start_release(service: ServiceState, body: bodies.ReleaseStarted, seq: int) -> None:
    release = Release(
        id=body.release,
        service=body.service,
        model=body.model,
        walk=body.walk,
        candidate=body.candidate,
        stable=body.stable,
        started_at=body.at,
        since=body.at,
    )
    service.releases.append(release)
    service.release, service.token = release.id, seq
    service.shares.append(_share(service, release, body.at, f"release {release.id} began"))


def _move_release(state: State, body: bodies.ReleaseMoved, seq: int) -> None:
    for service in state.services.values():
        for release in service.releases:
            if release.id == body.release:
                release.step, release.since, release.outcome = body.step, body.at, body.outcome
                release.verdict, service.token = body.verdict, seq
                if body.outcome != "walking":
                    release.ended_at, release.reason, service.release = body.at, body.reason, None
                if body.outcome == "promoted":
                    service.stable = release.candidate
                    service.history.append((body.at, release.candidate.version))
                service.shares.append(_share(service, release, body.at, body.reason))


def _share(service: ServiceState, release: Release, at: int, reason: str) -> Share:
    """Return who answers how much from an instant on, given a release that has just moved."""
    if release.outcome != "walking":
        return Share(at=at, stable=service.stable.version, release=release.id, reason=reason)
    candidate, weight = release.candidate.version, release.weight
    return Share(
        at=at, stable=service.stable.version, candidate=candidate, weight=weight, release=release.id, reason=reason
    )


def _keep_judgement(state: State, judgement: Judgement) -> None:
    """Keep a verdict with the service it is about, directly or through one of its releases."""
    subject = judgement.verdict.subject
    for service in state.services.values():
        if subject == service.subject or any(subject.startswith(f"release:{r.id}@") for r in service.releases):
            service.judgements.setdefault(subject, []).append(judgement)


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
