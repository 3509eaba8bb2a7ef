"""Bundles as the server holds them: read by digest, verified, and shown to predict as when they were made."""

from dataclasses import dataclass

import msgspec

from shipway.core.bundle import GOLDEN, LAYOUT, PORTABLE, Golden, Manifest
from shipway.core.error import ShipwayError
from shipway.core.online import Layout, make_layout
from shipway.ports.blobs import Blobs
from shipway.ports.model import Predictor, Runtime
from shipway.serving.vector import Encoder, find_texts, make_encoder

_AGAIN = "fetch the bundle again, or make it again with shipway run --force"


@dataclass(frozen=True, slots=True, eq=False)
class LoadedBundle:
    """A bundle that may serve.

    Attributes:
        digest: its name.
        manifest: what it says of itself.
        layout: what its features read.
        texts: places of the text columns among the layout's.
        encoder: makes of vectors what the model reads.
        predictor: the portable model.
    """

    digest: str
    manifest: Manifest
    layout: Layout
    texts: tuple[int, ...]
    encoder: Encoder
    predictor: Predictor


def load_bundle(digest: str, blobs: Blobs, runtime: Runtime) -> LoadedBundle:
    """Load a bundle and replay its golden rows, which warms the model up as well.

    Args:
        digest: the bundle's name.
        blobs: where its files are.
        runtime: runs the portable model.

    Raises:
        ShipwayError: SW-605 for a file that is missing or damaged, SW-606 for a bundle that is newer than this server,
            SW-502 for one that is not what it says, or predicts otherwise than when it was made.
    """
    manifest = _read_manifest(digest, blobs.get(digest))
    for path in (PORTABLE, GOLDEN):
        if path not in manifest.files:
            raise _damaged(digest, f"names no {path}")
    layout = make_layout(manifest.spine, manifest.key, manifest.views, manifest.schema)
    names = [column.name for column in manifest.inputs]
    if sorted(names) != sorted(layout.columns):
        odd = sorted(set(names) ^ set(layout.columns))
        raise _damaged(digest, f"has a model and features that differ in {', '.join(odd[:3]) or 'a name used twice'}")
    predictor = runtime.load(blobs.get(manifest.files[PORTABLE]))
    _replay(digest, manifest, blobs.get(manifest.files[GOLDEN]), predictor)
    return LoadedBundle(
        digest=digest,
        manifest=manifest,
        layout=layout,
        texts=find_texts(manifest.inputs, layout.columns),
        encoder=make_encoder(manifest.inputs, layout.columns),
        predictor=predictor,
    )


def _read_manifest(digest: str, data: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _damaged(digest, f"has a manifest that cannot be read ({error})") from error
    if manifest.layout > LAYOUT:
        fact = f"bundle {digest[:12]} has layout {manifest.layout}, and this server reads layout {LAYOUT}"
        raise ShipwayError("SW-606", fact, "install a newer shipway here")
    if manifest.layout != LAYOUT:
        raise _damaged(digest, f"has layout {manifest.layout}, and this server reads layout {LAYOUT}")
    return manifest


def _replay(digest: str, manifest: Manifest, data: bytes, predictor: Predictor) -> None:
    try:
        golden = msgspec.json.decode(data, type=Golden)
        x = golden.x
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        raise _damaged(digest, f"has golden rows that cannot be read ({error})") from error
    if golden.columns != tuple(column.name for column in manifest.inputs):
        raise _damaged(digest, "has golden rows of other columns than the model's")
    predictions, given = predictor.predict(x), len(golden.predictions)
    if not given or predictions.shape != (given,):
        raise _damaged(digest, f"has {given} predictions for {len(x)} golden rows")
    otherwise = golden.compare(predictions, manifest.parity.tolerance)
    if otherwise:
        raise _damaged(digest, f"predicts {otherwise}")


def _damaged(digest: str, said: str) -> ShipwayError:
    return ShipwayError("SW-502", f"bundle {digest[:12]} {said}", _AGAIN)
