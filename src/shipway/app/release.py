"""Services and releases as use cases: each decision is one append to the ledger, and made twice it is made once."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, TypeAlias

import msgspec

from shipway.app.promise import require_traffic
from shipway.app.signing import require_signature
from shipway.app.workspace import Workspace
from shipway.core.artifact import Ref
from shipway.core.body import (
    Body,
    EvidenceRecorded,
    ReleaseMoved,
    ReleaseStarted,
    ServiceOpened,
    VerdictGiven,
    VersionOpened,
    VersionRegistered,
)
from shipway.core.bundle import Manifest
from shipway.core.caller import ODD_HINT, find_odd
from shipway.core.config import ModelSection, ServiceSection
from shipway.core.error import ShipwayError
from shipway.core.gate import Finding, Verdict
from shipway.core.projection import ServiceState, State, VersionState
from shipway.core.release import Release
from shipway.core.service import Variant
from shipway.kit.canonical import canonical_json, digest_value
from shipway.kit.file import hold_lock
from shipway.kit.suggestion import did_you_mean

Remembered: TypeAlias = tuple[str, Body]
"""An entry to be appended, with its subject."""


@contextmanager
def deciding(workspace: Workspace) -> Generator[State]:
    """Let nobody else decide about services for the time of the block, and give the state as it stands.

    A person at the command line and the controller decide on the same state; without this, both could start a release.
    """
    if not workspace.exists:
        # Nothing was ever registered, so whatever is decided comes to a refusal, which leaves nothing behind.
        yield workspace.peek()
        return
    with hold_lock(workspace.folder / "decision.lock", wait=True):
        yield workspace.peek()


def open_service(workspace: Workspace, name: str, number: int, at: int) -> ServiceState:
    """Let a service begin to answer with a version, at once: there is nothing to try it against.

    Args:
        workspace: the project's state.
        name: the service; one that is open stays as it is.
        number: the version of its model.
        at: domain time, microseconds since 1970 UTC.

    Raises:
        ShipwayError: SW-104 for a service or version there is not, SW-804 for a version without a bundle, SW-406 for
            one that lacks approvals, SW-407 for one that is retired, SW-404 for one that no gate before traffic passed.
    """
    section = section_of(workspace, name)
    with deciding(workspace) as state:
        if name in state.services:
            return state.services[name]
        version = _find(state, section.model, number)
        variant = variant_of(workspace, version)
        _refuse_version(workspace, version)
        require_traffic(workspace, state, version)
        body = ServiceOpened(service=name, model=section.model, variant=variant, at=at)
        return workspace.remember((f"service:{name}", body)).services[name]


def start_release(workspace: Workspace, name: str, number: int, at: int, *, online: str | None = None) -> ServiceState:
    """Let a version begin its walk on a service; one that walks already goes on walking.

    Args:
        workspace: the project's state.
        name: the service.
        number: the version of its model.
        at: domain time, microseconds since 1970 UTC.
        online: name of the online store that the version reads; that of its feature views where None.

    Raises:
        ShipwayError: SW-104 for a service or version there is not; SW-804 for a service that is not open, while another
            version walks, and for a version that has no bundle, answers already, was taken back before, or says less
            than callers know; SW-406 for one that lacks approvals, SW-407 for one that is retired, SW-404 for one that
            no gate before traffic passed.
    """
    section = section_of(workspace, name)
    with deciding(workspace) as state:
        service = _opened(state, name)
        version = _find(state, service.model, number)
        candidate = variant_of(workspace, version, online)
        walking = service.walking
        if walking is not None and walking.candidate == candidate:
            return service
        _refuse_start(service, number)
        _refuse_version(workspace, version)
        if odd := say_odd(workspace, state, service, version):
            raise ShipwayError("SW-804", f"{version.ref} {odd}", ODD_HINT)
        require_traffic(workspace, state, version)
        return workspace.remember(_started(service, section, candidate, at)).services[name]


def release_feed(workspace: Workspace, name: str, at: int, online: str) -> ServiceState:
    """Release the model of a service's stable version on another online store, as a version of its own.

    The version and its release are one append, so that nobody ever meets the version without its feed.

    Args:
        workspace: the project's state.
        name: the service.
        at: domain time, microseconds since 1970 UTC.
        online: name of the online store that the version reads.

    Raises:
        ShipwayError: SW-603 while the project runs, which may be giving the same number to another version; otherwise
            as `start_release`.
    """
    section = section_of(workspace, name)
    with workspace.hold(), deciding(workspace) as state:
        service = _opened(state, name)
        stable = _find(state, service.model, service.stable.version)
        version, bodies = derive_version(workspace, state, stable, online)
        _refuse_start(service, version.number)
        _refuse_version(workspace, version)
        candidate = variant_of(workspace, version, online)
        return workspace.remember(*bodies, _started(service, section, candidate, at)).services[name]


def stop_release(workspace: Workspace, name: str, at: int, *, by: str, reason: str) -> ServiceState:
    """Take back the version that walks on a service, by a person's word.

    Args:
        workspace: the project's state.
        name: the service.
        at: domain time, microseconds since 1970 UTC.
        by: who says so.
        reason: why.

    Raises:
        ShipwayError: SW-104 for a service there is not, SW-804 where nothing walks.
    """
    section_of(workspace, name)
    with deciding(workspace) as state:
        release = _opened(state, name).walking
        if release is None:
            raise ShipwayError("SW-804", f"nothing walks on {name!r}", f"shipway release {name} shows what did")
        return workspace.remember(*take_back(release, at, "person", "goes on", reason, by=by)).services[name]


def take_back(release: Release, at: int, gate: str, rule: str, reason: str, *, by: str) -> list[Remembered]:
    """Return what is remembered of a walk that ends for a reason no check has measured.

    Args:
        release: the release, walking.
        at: domain time, microseconds since 1970 UTC.
        gate: the name that the verdict stands under.
        rule: what was asked.
        reason: why it does not hold.
        by: who says so.
    """
    finding = Finding(rule=rule, outcome="fail", reason=reason, evidence=None)
    verdict = Verdict(gate=gate, subject=release.subject, outcome="fail", findings=(finding,), by=by)
    moved = ReleaseMoved(
        release=release.id,
        outcome="rolled back",
        step=release.step,
        weight=0.0,
        verdict=digest_value(verdict),
        reason=f"{by}: {reason}",
        at=at,
    )
    return [(release.subject, VerdictGiven(verdict=verdict, at=at)), (f"release:{release.id}", moved)]


def derive_version(
    workspace: Workspace, state: State, of: VersionState, online: str
) -> tuple[VersionState, list[Remembered]]:
    """Return a version with the model of another one for another feed, and what has to be remembered for it to be.

    Evidence and verdicts before release are about the model, which is the same, so they are the new version's too; what
    a walk has to judge is its feed.

    Args:
        workspace: the project's state; the new manifest is stored in it.
        state: the state that the version follows.
        of: a registered version.
        online: the feed, which names the version together with the other one.

    Returns:
        The version, and nothing to remember where it is there already.

    Raises:
        ShipwayError: SW-804 if the other version has no bundle.
    """
    key = digest_value([of.key, "feed", online])
    versions = state.models[of.model]
    for version in versions:
        if version.key == key:
            return version, []
    manifest = msgspec.structs.replace(manifest_of(workspace, of), version=len(versions) + 1)
    bundle = workspace.blobs.put(canonical_json(manifest))
    version = VersionState(
        model=of.model, number=manifest.version, key=key, cut=of.cut, opened_at=of.opened_at, bundle=bundle
    )
    subject = version.subject
    opened = VersionOpened(model=of.model, number=version.number, key=key, cut=of.cut)
    carried = {each.id: msgspec.structs.replace(each, subject=subject) for each in of.evidence.values()}
    given = state.verdicts.get(of.subject, {})
    bodies: list[Body] = [opened, *(EvidenceRecorded(evidence=each) for each in carried.values())]
    for verdict in given.values():
        findings = tuple(
            msgspec.structs.replace(f, evidence=carried[f.evidence].id if f.evidence in carried else None)
            for f in verdict.findings
        )
        moved = msgspec.structs.replace(verdict, subject=subject, findings=findings)
        bodies.append(VerdictGiven(verdict=moved, gates=tuple(given)))
    bodies.append(VersionRegistered(model=of.model, number=version.number, bundle=bundle))
    return version, [(subject, body) for body in bodies]


def next_version(
    state: State, service: ServiceState, at: int, section: ModelSection | None = None
) -> VersionState | None:
    """Return the newest of `next_versions`; None where there is none."""
    found = next_versions(state, service, at, section)
    return found[-1] if found else None


def next_versions(
    state: State, service: ServiceState, at: int, section: ModelSection | None = None
) -> list[VersionState]:
    """Return the versions that a service could be released to by itself, the newest last.

    Each is newer than the stable one, has a bundle, learned from nothing known later than now, was never tried, is in
    use, and has the approvals that its model asks for.

    Args:
        state: what is known.
        service: the service.
        at: domain time, microseconds since 1970 UTC.
        section: what shipway.toml says of its model; no approvals are asked for where None.
    """
    tried = {release.candidate.version for release in service.releases}
    return [
        version
        for version in state.models.get(service.model, [])
        if is_ready(version, section)
        and version.number > service.stable.version
        and version.cut <= at
        and version.number not in tried
    ]


def say_odd(workspace: Workspace, state: State, service: ServiceState, version: VersionState) -> str:
    """Return what callers of a service would miss in a version, and whom they know, as a clause; empty for nothing.

    Args:
        workspace: the project's state.
        state: what is known.
        service: the service.
        version: one with a bundle, which is to be tried on it.

    Raises:
        ShipwayError: as `manifest_of`.
    """
    stable = _find(state, service.model, service.stable.version)
    odd = find_odd(manifest_of(workspace, stable), manifest_of(workspace, version))
    return f"{odd}, and callers of {service.name!r} know {stable.ref}" if odd else ""


def is_ready(version: VersionState, section: ModelSection | None) -> bool:
    """Tell whether a version has a bundle, the approvals its model asks for, and was not retired."""
    retired = version.standing.retired is not None
    return version.bundle is not None and not retired and _missing_approvals(version, section) <= 0


def model_section_of(workspace: Workspace, model: str) -> ModelSection | None:
    """Return what shipway.toml says of a model; None where it says nothing of it any more."""
    return workspace.project.config.models.get(model)


def variant_of(workspace: Workspace, version: VersionState, online: str | None = None) -> Variant:
    """Return a version as it stands behind a service, reading the store of its views unless another is named.

    Raises:
        ShipwayError: as `manifest_of`; SW-511, SW-512 or SW-513 if the project asks for signatures and this bundle has
            none that counts.
    """
    manifest = manifest_of(workspace, version)
    require_signature(workspace, version)
    store = online or manifest.keyed.make_layout().namespace
    bundle = version.bundle or manifest.digest
    return Variant(version=version.number, bundle=bundle, online=store, signature=version.signature)


def manifest_of(workspace: Workspace, version: VersionState) -> Manifest:
    """Return the manifest of a version's bundle.

    Raises:
        ShipwayError: SW-804 if it has none, SW-605 if that is lost, SW-606 if a newer shipway wrote it.
    """
    if version.bundle is None:
        raise ShipwayError(
            "SW-804",
            f"{version.ref} has no bundle: its gates said {version.outcome or 'nothing yet'}",
            f"shipway models show {version.ref} says why",
        )
    try:
        return msgspec.json.decode(workspace.blobs.get(version.bundle), type=Manifest)
    except msgspec.MsgspecError as error:
        hint = "another shipway wrote it: make the bundle again with shipway run --force"
        raise ShipwayError("SW-606", f"bundle {version.bundle[:12]} cannot be read: {error}", hint) from error


def section_of(workspace: Workspace, name: str) -> ServiceSection:
    """Return what shipway.toml says of a service; SW-104 for one it does not configure."""
    services: dict[str, Any] = workspace.project.config.services
    if name not in services:
        hint = did_you_mean(name, services) if services else "add a [services.NAME] section with the model that answers"
        raise ShipwayError("SW-104", f"shipway.toml configures no service {name!r}", hint)
    return services[name]


def _started(service: ServiceState, section: ServiceSection, candidate: Variant, at: int) -> Remembered:
    release = f"{service.name}/{len(service.releases) + 1}"
    body = ReleaseStarted(
        release=release,
        service=service.name,
        model=service.model,
        walk=section.steps,
        candidate=candidate,
        stable=service.stable,
        at=at,
    )
    return f"release:{release}", body


def _refuse_start(service: ServiceState, number: int) -> None:
    name, walking = service.name, service.walking
    ref = str(Ref(kind="model", name=service.model, version=str(number))).removeprefix("model:")
    if walking is not None:
        raise ShipwayError(
            "SW-804",
            f"version {walking.candidate.version} walks on {name!r}, at {walking.walk[walking.step].name}",
            f"wait for its end, or take it back: shipway release stop {name} --because WHY",
        )
    if number == service.stable.version:
        raise ShipwayError("SW-804", f"{ref} is what {name!r} answers with already", "release another version")
    for release in service.releases:
        if release.candidate.version == number and release.outcome == "rolled back":
            raise ShipwayError(
                "SW-804",
                f"{ref} was taken back before: {release.reason}",
                "mend that, and release the version which shipway run makes then",
            )


def _refuse_version(workspace: Workspace, version: VersionState) -> None:
    """Refuse to release a version that is retired, or that too few people have approved as the bundle it has."""
    word, section = version.standing.retired, model_section_of(workspace, version.model)
    if word is not None:
        hint = f"shipway models restore {version.ref} --reason WHY takes it back into use"
        raise ShipwayError("SW-407", f"{version.ref} was retired by {word.by}: {word.said}", hint)
    missing = _missing_approvals(version, section)
    if section is not None and missing > 0:
        who = f" of {', '.join(section.approvers)}" if section.approvers else ""
        given = section.approvals - missing
        fact = f"{version.ref} has {given} of the {section.approvals} approvals{who} that a release asks for"
        raise ShipwayError("SW-406", fact, f"shipway models approve {version.ref} --by NAME --reason WHY")


def _missing_approvals(version: VersionState, section: ModelSection | None) -> int:
    if section is None:
        return 0
    return section.approvals - len(version.standing.approvals_of(version.bundle, section.approvers))


def _opened(state: State, name: str) -> ServiceState:
    if name not in state.services:
        raise ShipwayError(
            "SW-804", f"service {name!r} has no version yet to try another one against", "shipway control opens it"
        )
    return state.services[name]


def _find(state: State, model: str, number: int) -> VersionState:
    version = state.version(model, number)
    if version is None:
        there = ", ".join(f"{model}@{each.number}" for each in state.models.get(model, []))
        hint = f"there is {there}" if there else "shipway run makes one"
        raise ShipwayError("SW-104", f"there is no version {model}@{number}", hint)
    return version
