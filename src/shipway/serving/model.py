"""Bundles as the server holds them: read by digest, verified, and shown to predict as when they were made."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from shipway.core.bundle import GOLDEN, LAYOUT, Golden, Manifest
from shipway.core.error import ShipwayError
from shipway.core.online import Layout
from shipway.ports.model import Predictor, Runtime
from shipway.serving.exported import Source
from shipway.serving.vector import Encoder, find_texts, make_encoder

_AGAIN = "fetch the bundle again, or make it again with shipway run --force"


@dataclass(frozen=True, slots=True, eq=False)
class LoadedBundle:
    """A bundle that may serve.

    Attributes:
        digest: its name.
        manifest: what it says of itself.
        predictor: the model in the form that is served.
        layout: what its features read; None for a bundle that answers by vector only.
        texts: places of the text columns among the layout's.
        encoder: makes of vectors what the model reads; None where there is no layout.
    """

    digest: str
    manifest: Manifest
    predictor: Predictor
    layout: Layout | None = None
    texts: tuple[int, ...] = ()
    encoder: Encoder | None = None


def load_bundle(digest: str, blobs: Source, open_runtime: Callable[[str], Runtime]) -> LoadedBundle:
    """Load a bundle and replay its golden rows, which warms the model up as well.

    Args:
        digest: the bundle's name.
        blobs: where its files are.
        open_runtime: opens what runs the form that is served, by its name.

    Raises:
        ShipwayError: SW-605 for a file that is missing or damaged, SW-606 for a bundle that is newer than this server,
            SW-502 for one that is not what it says, or predicts otherwise than when it was made, SW-701 and SW-702
            where what runs it is not here.
    """
    manifest = _read_manifest(digest, blobs.get(digest))
    for path in (manifest.served, GOLDEN):
        if path not in manifest.files:
            raise _damaged(digest, f"names no {path}")
    layout = None if manifest.features is None else manifest.features.make_layout()
    columns = () if layout is None else layout.columns
    names = [column.name for column in manifest.inputs]
    if layout is not None and sorted(names) != sorted(columns):
        odd = sorted(set(names) ^ set(columns))
        raise _damaged(digest, f"has a model and features that differ in {', '.join(odd[:3]) or 'a name used twice'}")
    predictor = open_runtime(manifest.runtime).load(blobs.get(manifest.files[manifest.served]))
    _replay(digest, manifest, blobs.get(manifest.files[GOLDEN]), predictor)
    return LoadedBundle(
        digest=digest,
        manifest=manifest,
        predictor=predictor,
        layout=layout,
        texts=find_texts(manifest.inputs, columns),
        encoder=None if layout is None else make_encoder(manifest.inputs, columns),
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
        tensors = golden.tensors
        odd = manifest.find_odd(golden)
        if odd:
            raise _damaged(digest, f"has golden rows with {odd}")
        otherwise = golden.compare(predictor.infer(tensors), manifest.tolerance)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        raise _damaged(digest, f"has golden rows that cannot be read ({error})") from error
    if otherwise:
        raise _damaged(digest, f"predicts {otherwise}")


def _damaged(digest: str, said: str) -> ShipwayError:
    return ShipwayError("SW-502", f"bundle {digest[:12]} {said}", _AGAIN)
