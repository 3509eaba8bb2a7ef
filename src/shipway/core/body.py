"""What an entry of the ledger can say: one typed body for each kind."""

from typing import Any, TypeAlias

import msgspec

from shipway.core.artifact import Artifact
from shipway.core.check import Evidence
from shipway.core.error import ShipwayError
from shipway.core.gate import Verdict
from shipway.core.ledger import Draft, Entry
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
    """

    branch: str
    commit: str
    before: str | None
    verdict: str
    rows: dict[str, int]


class EvidenceRecorded(msgspec.Struct, frozen=True, kw_only=True, tag="evidence-recorded"):
    """A check was measured."""

    evidence: Evidence


class VerdictGiven(msgspec.Struct, frozen=True, kw_only=True, tag="verdict-given"):
    """A gate decided.

    Attributes:
        verdict: what it said.
        gates: all gates that guarded the subject then; what others said of it before no longer counts. Empty in entries
            that do not say.
    """

    verdict: Verdict
    gates: tuple[str, ...] = ()


class VersionOpened(msgspec.Struct, frozen=True, kw_only=True, tag="version-opened"):
    """A trained model got its number.

    Attributes:
        model: the model's name.
        number: from 1, without gaps.
        key: key of the run that trained it; one key is one version.
        cut: nothing known later was learned from, microseconds since 1970 UTC.
    """

    model: str
    number: int
    key: str
    cut: int


class VersionRegistered(msgspec.Struct, frozen=True, kw_only=True, tag="version-registered"):
    """A version passed its gate and has a bundle that may be released."""

    model: str
    number: int
    bundle: str


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


Body: TypeAlias = (
    RunStarted
    | RunFinished
    | RunFailed
    | DataMoved
    | EvidenceRecorded
    | VerdictGiven
    | VersionOpened
    | VersionRegistered
    | LeakRefused
    | LeakLifted
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
