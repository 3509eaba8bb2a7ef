"""Which version scores: one by its name, or the one that a service answers with; and what it is made of."""

from dataclasses import dataclass
from functools import partial

import msgspec

from shipway.app.model import find_version, read_contents
from shipway.app.signing import require_signature
from shipway.app.workspace import Workspace
from shipway.core.bundle import LAYOUT, MANIFEST, Manifest
from shipway.core.error import ShipwayError
from shipway.core.projection import State, VersionState
from shipway.delivery.verification import verify_bundle
from shipway.kit.suggestion import did_you_mean
from shipway.ports.model import open_runtime


@dataclass(frozen=True, slots=True)
class Scorer:
    """A version that scores, shown to predict as when it was packaged.

    Attributes:
        digest: its bundle's name.
        manifest: what the bundle says of itself.
        model: the form that is served.
    """

    digest: str
    manifest: Manifest
    model: bytes

    @property
    def name(self) -> str:
        """Return the version's name, such as `delay@2`."""
        return f"{self.manifest.model}@{self.manifest.version}"


def choose_version(state: State, ref: str) -> VersionState:
    """Return the version that a reference names.

    Args:
        state: what the project remembers.
        ref: a service, for the version that answers; a version, as `model@number` or `model@alias`; or a model, for the
            newest of its versions that may be released. Of a service and a model of one name the service is meant.

    Raises:
        ShipwayError: SW-104 if there is none of that name, SW-407 if it is retired.
    """
    name, at, _ = ref.partition("@")
    service = state.services.get(ref)
    if service is not None:
        return find_version(state, f"{service.model}@{service.stable.version}")
    if name not in state.models:
        known = [*state.models, *state.services]
        raise ShipwayError("SW-104", f"there is no model or service {name!r}", did_you_mean(name, known))
    if not at:
        usable = [each for each in state.models[name] if each.bundle is not None and each.standing.retired is None]
        return usable[-1] if usable else state.models[name][-1]
    version = find_version(state, ref)
    if (word := version.standing.retired) is not None:
        hint = f"shipway models restore {version.ref} takes that back"
        raise ShipwayError("SW-407", f"{version.ref} was retired by {word.by}: {word.said}", hint)
    return version


def open_scorer(workspace: Workspace, ref: str) -> Scorer:
    """Read the bundle that a reference names, whole, and replay its golden rows.

    Raises:
        ShipwayError: as `choose_version`; SW-404 if it has no bundle because a gate did not pass, SW-511 to SW-514 if
            the project asks for signatures and it has none that counts, SW-605 for a file that is missing, SW-606 for a
            bundle of another layout, SW-502 for one that is not what it says, SW-701 to SW-703 where what runs it is
            not here.
    """
    version = choose_version(workspace.peek(), ref)
    require_signature(workspace, version)
    digest, contents = read_contents(workspace, version)
    manifest = msgspec.json.decode(contents[MANIFEST], type=Manifest)
    if manifest.layout != LAYOUT:
        fact = f"bundle {digest[:12]} has layout {manifest.layout}, and this shipway reads layout {LAYOUT}"
        raise ShipwayError("SW-606", fact, "install the shipway that made it, or make it again: shipway run --force")
    config = workspace.project.config
    runtime = partial(open_runtime, unpickle=config.security.unpickle, providers=config.resources.providers)
    damage = verify_bundle(contents, runtime, digest=digest)
    if damage:
        raise ShipwayError("SW-502", f"bundle {digest[:12]}: {damage[0]}", "make it again: shipway run --force")
    return Scorer(digest, manifest, contents[manifest.served])
