"""Versions: trained models with a number, what they are compared with, and what a registered one was made of."""

import msgspec

from shipway.app.frame import frame_of
from shipway.app.ingest import require_admission
from shipway.app.progress import Event
from shipway.app.runner import Runner
from shipway.app.training import Trained
from shipway.core.artifact import Artifact, Ref
from shipway.core.body import Body, OverrideCarried, VersionOpened
from shipway.core.bundle import Manifest
from shipway.core.error import ShipwayError
from shipway.core.feature import Expr, FeatureView, flatten
from shipway.core.label import LabelKind, read_kind
from shipway.core.model import Model
from shipway.core.projection import VersionState
from shipway.kit.canonical import canonical_json


def open_version(runner: Runner, model: Model, trained: Trained, cut: int) -> VersionState:
    """Return the version a trained model is, giving it the next number if it is new.

    By right of which overrides it was trained is remembered of it in the same step, also of one that was known before:
    the same model may come of data that needed none.
    """
    overrides = [override.id for override in require_admission(runner).overrides]
    versions = runner.workspace.state().models.get(model.name, [])
    known = next((version for version in versions if version.key == trained.key), None)
    number = len(versions) + 1 if known is None else known.number
    bodies: list[Body] = []
    if known is None:
        bodies.append(VersionOpened(model=model.name, number=number, key=trained.key, cut=cut))
    bodies += [
        OverrideCarried(model=model.name, number=number, override=override)
        for override in overrides
        if known is None or override not in known.overrides
    ]
    subject = str(Ref(kind="model", name=model.name, version=str(number)))
    state = runner.workspace.remember(*((subject, body) for body in bodies)) if bodies else runner.workspace.state()
    version = state.version(model.name, number)
    assert version is not None
    return version


def current_of(runner: Runner, version: VersionState, kind: LabelKind) -> VersionState | None:
    """Return the registered version that a version would replace, or None if it would be the first.

    That is the one with the latest cut not after its own, and of those with one cut the newest: a version is compared
    with what could have been in service when it was trained, never with one that has seen more.

    One whose model is lost is passed over, and that is told, in a run that makes everything again and for a version
    that is registered already: what would make the lost one may be gone for good. A new version is never let off so.
    One that predicts another kind of label, which a label may become under its name, is passed over always.

    Args:
        runner: reads bundles.
        version: what is compared.
        kind: of the label that it predicts.
    """
    versions = runner.workspace.state().models.get(version.model, [])
    earlier = [v for v in versions if v.bundle is not None and v.number < version.number and v.cut <= version.cut]
    lenient = runner.force or version.bundle is not None
    ordered = sorted(earlier, key=lambda v: (v.cut, v.number), reverse=True)
    there = (v for v in ordered if not (lenient and _is_lost(runner, v)))
    return next((v for v in there if is_alike(runner, v, version, kind)), None)


def is_alike(runner: Runner, registered: VersionState, version: VersionState, kind: LabelKind) -> bool:
    """Tell whether a registered version predicts the kind of label that a version does, and say so where not.

    Raises:
        ShipwayError: SW-605 if its bundle is lost.
    """
    theirs = read_kind(_manifest_of(runner, registered).training)
    if theirs != kind:
        said = f"{registered.ref} is not compared with: it predicts a {theirs}, and {version.ref} a {kind}"
        runner.watch(Event(stage="note", step="other label", said=said))
    return theirs == kind


def trained_of(runner: Runner, version: VersionState) -> Trained:
    """Return a registered version's model out of its bundle.

    Raises:
        ShipwayError: SW-502 if the bundle is not what its name says.
    """
    manifest = _manifest_of(runner, version)
    inputs = runner.workspace.blobs.put(canonical_json(manifest.inputs))
    return Trained(
        manifest.format,
        Artifact(kind="model", digest=manifest.files[manifest.native], facts=manifest.training),
        Artifact(kind="inputs", digest=inputs),
        manifest.training,
    )


def frame_of_version(runner: Runner, model: Model, version: VersionState, frame: Artifact) -> Artifact:
    """Return the frame a registered version reads: the model's, unless a feature has another definition by now.

    A version that is compared must be fed what it was trained on, not what is called like that today.

    Args:
        runner: runs and remembers.
        model: the model as it is declared now.
        version: the registered version.
        frame: the model's frame.

    Raises:
        ShipwayError: as `frame_of`, where the version's features can no longer be built.
    """
    views, now = _manifest_of(runner, version).keyed.views, _definitions(model.features)
    if all(now.get(name) == then for name, then in _definitions(views).items()):
        return frame
    then = msgspec.structs.replace(model, features=views, rising=(), falling=(), baselines={})
    return frame_of(runner, then, name=f"frame {version.ref}")[0]


def _is_lost(runner: Runner, version: VersionState) -> bool:
    """Tell whether a registered version's model is missing or damaged, and say so to who watches."""
    try:
        runner.workspace.blobs.get(trained_of(runner, version).model.digest)
    except ShipwayError as error:
        if error.code != "SW-605":
            raise
        said = f"{version.ref} is not compared with: {error.fact}"
        runner.watch(Event(stage="note", step="bundle lost", said=said))
        return True
    return False


def _manifest_of(runner: Runner, version: VersionState) -> Manifest:
    if version.bundle is None:
        raise ShipwayError("SW-104", f"{version.subject} has no bundle", "only a version that passed its gate has one")
    return msgspec.json.decode(runner.workspace.blobs.get(version.bundle), type=Manifest)


def _definitions(views: tuple[FeatureView, ...]) -> dict[str, tuple[Expr, tuple[str, ...] | None]]:
    """Return what each column of a frame is: its expression, and the keys of whose it is."""
    return {
        flatten(view.name, name): (expr, None if view.entity is None else view.entity.keys)
        for view in views
        for name, expr in view.features.items()
    }
