"""Which version scores: one by its name, or the one that a service answers with; and what it is made of."""

from dataclasses import dataclass
from functools import partial

import msgspec

from shipway.app.model import find_version
from shipway.app.workspace import Workspace
from shipway.core.bundle import CHECKSUMS, LAYOUT, MANIFEST, Manifest
from shipway.core.error import ShipwayError
from shipway.core.projection import State
from shipway.delivery.bundle import write_checksums
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


def find_bundle(state: State, ref: str) -> str:
    """Return the digest of the bundle that a reference names.

    Args:
        state: what the project remembers.
        ref: a service, for the version that answers; a version, as `model@number`; or a model, for the newest of its
            versions that may be released. Of a service and a model of one name the service is meant.

    Raises:
        ShipwayError: SW-104 if there is none of that name, SW-404 if it has no bundle because a gate did not pass.
    """
    name, at, _ = ref.partition("@")
    if ref in state.services:
        return state.services[ref].stable.bundle
    if name not in state.models:
        known = [*state.models, *state.services]
        raise ShipwayError("SW-104", f"there is no model or service {name!r}", did_you_mean(name, known))
    versions = [find_version(state, ref)] if at else state.models[name]
    bundles = [version.bundle for version in versions if version.bundle is not None]
    if not bundles:
        said = f"{ref} has no bundle" if at else f"no version of {name} has a bundle"
        newest = versions[-1]
        raise ShipwayError(
            "SW-404",
            f"{said}: its gates said {newest.outcome or 'nothing yet'}",
            f"shipway models show {newest.model}@{newest.number} says why",
        )
    return bundles[-1]


def open_scorer(workspace: Workspace, ref: str) -> Scorer:
    """Read the bundle that a reference names, whole, and replay its golden rows.

    Raises:
        ShipwayError: as `find_bundle`; SW-605 for a file that is missing, SW-606 for a bundle that is newer than this
            shipway, SW-502 for one that is not what it says, SW-701 or SW-702 where what runs it is not here.
    """
    digest = find_bundle(workspace.peek(), ref)
    blobs = workspace.blobs
    content = blobs.get(digest)
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except msgspec.MsgspecError as error:
        raise ShipwayError(
            "SW-606", f"bundle {digest[:12]} cannot be read: {error}", "make it again with this shipway: shipway run"
        ) from error
    if manifest.layout > LAYOUT:
        fact = f"bundle {digest[:12]} has layout {manifest.layout}, and this shipway reads layout {LAYOUT}"
        raise ShipwayError("SW-606", fact, "install a newer shipway here")
    files = {path: blobs.get(name) for path, name in manifest.files.items()}
    sums = write_checksums({**manifest.files, MANIFEST: digest})
    runtime = partial(open_runtime, providers=workspace.project.config.resources.providers)
    damage = verify_bundle({**files, MANIFEST: content, CHECKSUMS: sums}, runtime, digest=digest)
    if damage:
        raise ShipwayError("SW-502", f"bundle {digest[:12]}: {damage[0]}", "make it again: shipway run --force")
    return Scorer(digest, manifest, files[manifest.served])
