"""`shipway ledger`."""

from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from shipway.app.count import write_plural
from shipway.app.ledger import Rebuilt, Remembered, Verified, read_entries, rebuild_projection, verify_ledger
from shipway.cli.door import Flag, Given
from shipway.cli.failure import DONE, UsageError
from shipway.cli.render import Console, show_facts, show_table, word, write_instant, write_interval
from shipway.core import body as bodies
from shipway.core.body import Body
from shipway.core.error import ShipwayError
from shipway.core.standing import AliasMoved, VersionApproved, VersionRestored, VersionRetired, VersionTagged
from shipway.core.trial import ExperimentDecided, ExperimentLooked, ExperimentStarted, ExperimentStopped

app = App(
    name="ledger",
    help_epilogue="""\
Examples:
  shipway ledger --limit 50
  shipway ledger --subject model:delay
  shipway ledger --kind verdict-given --json
  shipway ledger --verify        recompute the chain and compare it with its anchor
  shipway ledger --rebuild       fold every entry again: the state must be the same""",
)


@app.default
def ledger(
    *,
    verify: Flag = False,
    rebuild: Flag = False,
    limit: Annotated[int, Parameter(validator=Number(gte=1))] = 20,
    kind: str | None = None,
    subject: str = "",
    door: Given,
) -> int:
    """Show, verify or re-read everything that happened.

    Args:
        verify: recompute the whole chain and compare it with its anchor
        rebuild: drop the projection and fold the whole ledger again
        limit: how many of the newest entries are shown
        kind: only entries of this kind, such as verdict-given
        subject: only entries about subjects that begin so, such as model:delay
        door: how to answer
    """
    if verify and rebuild:
        raise UsageError("--verify and --rebuild stand together", "ask for one of them at a time")
    project = door.project()
    if verify:
        verified = verify_ledger(project)
        door.answer(verified, _show_verified)
        if verified.damage:
            raise ShipwayError(
                "SW-604",
                f"the ledger is damaged in {write_plural(len(verified.damage), 'place')}",
                "restore the ledger and its anchor together from a backup",
            )
    elif rebuild:
        rebuilt = rebuild_projection(project)
        door.answer(rebuilt, _show_rebuilt)
        if rebuilt.before != rebuilt.after:
            raise ShipwayError(
                "SW-605", "the state as kept did not follow from the ledger", "it has been rebuilt: nothing is lost"
            )
    else:
        timezone = project.config.project.timezone
        entries = read_entries(project, limit=limit, kind=kind, subject=subject)
        door.answer(entries, lambda console, found: _show(console, found, timezone))
    return DONE


def _show(console: Console, entries: list[Remembered], timezone: str) -> None:
    if not entries:
        console.print("no entries")
    show_table(
        console,
        ("seq", "at", "actor", "kind", "subject", ""),
        ((str(e.seq), write_instant(e.at, timezone), e.actor, e.kind, e.subject, _say(e.body)) for e in entries),
    )


def _show_verified(console: Console, verified: Verified) -> None:
    facts = {
        "entries": f"{verified.head.seq:,}",
        "head": verified.head.digest,
        "chain": word("good").append(": whole, and as its anchor remembers", style="default"),
    }
    if verified.damage:
        facts["chain"] = word("bad").append(f": {write_plural(len(verified.damage), 'place')}", style="default")
    show_facts(console, facts)
    show_table(console, ("entry", "damage"), ((str(damage.seq), damage.fact) for damage in verified.damage))


def _show_rebuilt(console: Console, rebuilt: Rebuilt) -> None:
    same = "identical" if rebuilt.before == rebuilt.after else "different"
    facts = {"entries": f"{rebuilt.entries:,}", "before": rebuilt.before, "after": rebuilt.after, "state": same}
    show_facts(console, facts)


def _say(body: Body) -> str:
    """Return what an entry says, in a clause."""
    match body:
        case bodies.RunStarted() | bodies.LeakLifted():
            return ""
        case bodies.RunFinished():
            made = ", ".join(f"{name} {artifact.digest[:12]}" for name, artifact in body.outputs.items())
            return f"{body.seconds:.1f} s: {made}"
        case bodies.RunFailed():
            return f"{body.code} {body.fact}"
        case bodies.DataMoved():
            return f"{body.commit[:12]}: {', '.join(f'{name} {count:,}' for name, count in body.rows.items())}"
        case bodies.EvidenceRecorded():
            e = body.evidence
            return f"{e.check} {write_interval(e.value, e.low, e.high)}"
        case bodies.VerdictGiven():
            return f"gate {body.verdict.gate} {body.verdict.outcome}: {body.verdict.reason}"
        case bodies.OverrideGiven():
            return f"{body.override.id}: {body.override.said}"
        case bodies.OverrideRevoked():
            return f"{body.override} by {body.by}: {body.reason}"
        case bodies.OverrideCarried():
            return f"version {body.number} was trained by right of override {body.override}"
        case bodies.VersionOpened():
            return f"version {body.number}" + (f", imported as {body.imported}" if body.imported else "")
        case bodies.VersionRegistered():
            return f"bundle {body.bundle[:12]}"
        case AliasMoved() | VersionApproved() | VersionRetired() | VersionRestored() | VersionTagged():
            return body.said
        case bodies.BundleSigned():
            return f"bundle {body.bundle[:12]} by key {body.key[:12]}"
        case bodies.LeakRefused():
            return f"{body.column}: {body.rows:,} of {body.of:,} rows; {body.example}"
        case bodies.ServiceOpened():
            return f"version {body.variant.version} answers"
        case bodies.ReleaseStarted():
            return f"version {body.candidate.version} against {body.stable.version}"
        case bodies.ReleaseMoved():
            return f"{body.outcome}, {body.weight:.4g} of the requests: {body.reason}"
        case bodies.RetrainAsked():
            return body.reason
        case bodies.RetrainEnded():
            made = "no version" if body.number is None else f"version {body.number}"
            return f"{made}, {body.outcome}: {body.reason}"
        case bodies.TableScored():
            score = body.score
            where = f"{score.into} on {score.branch}" if score.branch else score.into
            return f"{score.rows:,} rows of {score.rows_of} into {where}, by bundle {score.bundle[:12]}"
        case ExperimentStarted():
            return f"{body.plan.units:,} units at most, alpha {body.plan.alpha:g}, by {body.by}"
        case ExperimentLooked():
            return f"look {body.look.number}, {body.look.outcome}: {body.look.said}"
        case ExperimentDecided():
            return f"{body.variant}, by {body.by}: {body.reason}"
        case ExperimentStopped():
            return f"by {body.by}: {body.reason}"
