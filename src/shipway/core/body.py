"""What an entry of the ledger can say: one typed body for each kind."""

from typing import Any, TypeAlias

import msgspec

from shipway.core.artifact import Artifact
from shipway.core.check import Evidence
from shipway.core.error import ShipwayError
from shipway.core.gate import Outcome, Verdict
from shipway.core.ledger import Draft, Entry
from shipway.core.override import Override
from shipway.core.release import ReleaseOutcome
from shipway.core.score import Score
from shipway.core.service import Step, Variant
from shipway.core.standing import AliasMoved, VersionApproved, VersionRestored, VersionRetired, VersionTagged
from shipway.core.trial import ExperimentDecided, ExperimentLooked, ExperimentStarted, ExperimentStopped
from shipway.kit.canonical import canonical_json


class RunStarted(msgspec.Struct, frozen=True, kw_only=True, tag="run-started"):
    """A task began; without a later entry for the same key it was interrupted."""

    task: str
    key: str
    inputs: dict[str, str]
    params: dict[str, Any]


class RunFinished(msgspec.Struct, frozen=True, kw_only=True, tag="run-finished"):
    """A task made its artifacts.

    Attributes:
        task: its name.
        key: digest of everything its result depends on.
        outputs: output name to artifact.
        seconds: real time it took.
        peak_mb: the process's peak memory when it ended, in 10^6 bytes.
    """

    task: str
    key: str
    outputs: dict[str, Artifact]
    seconds: float
    peak_mb: float


class RunFailed(msgspec.Struct, frozen=True, kw_only=True, tag="run-failed"):
    """A task raised."""

    task: str
    key: str
    code: str
    fact: str


class DataMoved(msgspec.Struct, frozen=True, kw_only=True, tag="data-moved"):
    """A branch of data points at another commit, by right of a verdict.

    Attributes:
        branch: which branch moved.
        commit: where to.
        before: where from; None if the branch is new.
        verdict: digest of the verdict that allowed it.
        rows: table name to rows.
        overrides: ids of the overrides without which the verdict would not have.
    """

    branch: str
    commit: str
    before: str | None
    verdict: str
    rows: dict[str, int]
    overrides: tuple[str, ...] = ()


class EvidenceRecorded(msgspec.Struct, frozen=True, kw_only=True, tag="evidence-recorded"):
    """A check was measured.

    Attributes:
        evidence: what was measured.
        at: domain time it was measured as of, for a canary or a live window; None for data and candidates.
    """

    evidence: Evidence
    at: int | None = None


class VerdictGiven(msgspec.Struct, frozen=True, kw_only=True, tag="verdict-given"):
    """A gate decided.

    Attributes:
        verdict: what it said.
        gates: all gates that guarded the subject then; what others said of it before no longer counts. Empty in entries
            that do not say.
        at: domain time it was given as of, for a canary or a live window; None for data and candidates.
    """

    verdict: Verdict
    gates: tuple[str, ...] = ()
    at: int | None = None


class OverrideGiven(msgspec.Struct, frozen=True, kw_only=True, tag="override-given"):
    """A person let data be trained on that a gate did not pass."""

    override: Override


class OverrideRevoked(msgspec.Struct, frozen=True, kw_only=True, tag="override-revoked"):
    """A person took an override back; nothing more is trained by right of it.

    Attributes:
        override: its id.
        by: who.
        reason: why, in words.
    """

    override: str
    by: str
    reason: str


class OverrideCarried(msgspec.Struct, frozen=True, kw_only=True, tag="override-carried"):
    """A version was trained by right of an override, which it carries from then on, also when that is revoked."""

    model: str
    number: int
    override: str


class VersionOpened(msgspec.Struct, frozen=True, kw_only=True, tag="version-opened"):
    """A trained model got its number.

    Attributes:
        model: the model's name.
        number: from 1, without gaps.
        key: key of the run that trained it; one key is one version.
        cut: nothing known later was learned from, microseconds since 1970 UTC.
        imported: what it was brought in as, such as `onnx`; empty for one that was trained here.
    """

    model: str
    number: int
    key: str
    cut: int
    imported: str = ""


class VersionRegistered(msgspec.Struct, frozen=True, kw_only=True, tag="version-registered"):
    """A version passed its gate and has a bundle that may be released."""

    model: str
    number: int
    bundle: str


class BundleSigned(msgspec.Struct, frozen=True, kw_only=True, tag="bundle-signed"):
    """A person signed a version's bundle; the signature takes the place of one before it.

    Attributes:
        model: the model's name.
        number: the version's.
        bundle: what was signed.
        signature: digest of the signature.
        key: name of the key, the SHA-256 of its public half in PEM.
    """

    model: str
    number: int
    bundle: str
    signature: str
    key: str


class LeakRefused(msgspec.Struct, frozen=True, kw_only=True, tag="leak-refused"):
    """A declared leak was refused.

    Attributes:
        leak: its name.
        column: what would have been read too early.
        features: how many features would have read it.
        rows: rows that would have been read too early.
        of: rows that would have been read in all.
        example: one of them, in words.
    """

    leak: str
    column: str
    features: int
    rows: int
    of: int
    example: str


class LeakLifted(msgspec.Struct, frozen=True, kw_only=True, tag="leak-lifted"):
    """A refusal was lifted to price a leak; what was made from it can never be registered."""

    leak: str
    reason: str


class ServiceOpened(msgspec.Struct, frozen=True, kw_only=True, tag="service-opened"):
    """A service began to answer with a version.

    Attributes:
        service: the service's name.
        model: the model's name.
        variant: the version that answers.
        at: domain time, microseconds since 1970 UTC.
    """

    service: str
    model: str
    variant: Variant
    at: int


class ReleaseStarted(msgspec.Struct, frozen=True, kw_only=True, tag="release-started"):
    """A version began its walk on a service.

    Attributes:
        release: the release's id.
        service: the service that moves.
        model: the model's name.
        walk: the steps.
        candidate: the version on trial.
        stable: the version it is tried against.
        at: domain time, microseconds since 1970 UTC.
    """

    release: str
    service: str
    model: str
    walk: tuple[Step, ...]
    candidate: Variant
    stable: Variant
    at: int


class ReleaseMoved(msgspec.Struct, frozen=True, kw_only=True, tag="release-moved"):
    """A release went to its next step, was promoted, or was taken back, by right of a verdict.

    Attributes:
        release: the release's id.
        outcome: `walking` for a next step.
        step: place of the step in the walk.
        weight: the candidate's share from now on.
        verdict: digest of the verdict.
        reason: why, in words.
        at: domain time, microseconds since 1970 UTC.
    """

    release: str
    outcome: ReleaseOutcome
    step: int
    weight: float
    verdict: str
    reason: str
    at: int


class RetrainAsked(msgspec.Struct, frozen=True, kw_only=True, tag="retrain-asked"):
    """A gate over a live window failed in a way that a new version may mend.

    Attributes:
        service: the service whose predictions were judged.
        model: the model to be trained again.
        verdict: digest of the verdict.
        reason: why, in words.
        at: domain time, microseconds since 1970 UTC; nothing known later is learned from.
    """

    service: str
    model: str
    verdict: str
    reason: str
    at: int


class RetrainEnded(msgspec.Struct, frozen=True, kw_only=True, tag="retrain-ended"):
    """A retrain came to a version that was released, or to none.

    Attributes:
        service: as asked.
        model: as asked.
        asked_at: domain time it was asked at, which names it.
        number: the version it made; None where none could be made.
        outcome: what the gates before release said of it.
        reason: why, in words.
    """

    service: str
    model: str
    asked_at: int
    number: int | None
    outcome: Outcome
    reason: str


class TableScored(msgspec.Struct, frozen=True, kw_only=True, tag="table-scored"):
    """A bundle scored every row of a table into another one, or into a file."""

    score: Score


Body: TypeAlias = (
    RunStarted
    | RunFinished
    | RunFailed
    | DataMoved
    | EvidenceRecorded
    | VerdictGiven
    | OverrideGiven
    | OverrideRevoked
    | OverrideCarried
    | VersionOpened
    | VersionRegistered
    | VersionApproved
    | VersionRetired
    | VersionRestored
    | VersionTagged
    | AliasMoved
    | BundleSigned
    | LeakRefused
    | LeakLifted
    | ServiceOpened
    | ReleaseStarted
    | ReleaseMoved
    | RetrainAsked
    | RetrainEnded
    | TableScored
    | ExperimentStarted
    | ExperimentLooked
    | ExperimentDecided
    | ExperimentStopped
)

_DECODER: msgspec.json.Decoder[Body] = msgspec.json.Decoder(Body)


def make_draft(body: Body, *, subject: str, actor: str) -> Draft:
    """Turn a body into a draft for the ledger; its tag is the entry's kind."""
    return Draft(actor=actor, kind=str(type(body).__struct_config__.tag), subject=subject, body=canonical_json(body))


def read_body(entry: Entry) -> Body:
    """Return an entry's typed body.

    Raises:
        ShipwayError: SW-606 for a kind this version does not know.
    """
    try:
        return _DECODER.decode(entry.body)
    except msgspec.ValidationError as error:
        raise ShipwayError(
            "SW-606",
            f"entry {entry.seq} of kind {entry.kind!r} cannot be read: {error}",
            "a newer shipway wrote it: upgrade this one",
        ) from error
