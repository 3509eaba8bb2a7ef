"""From what a routing names to versions that predict: bundles by digest, online stores by name, each loaded once."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from shipway.core.error import ShipwayError
from shipway.core.service import Routing, Variant
from shipway.kit.canonical import digest_value
from shipway.kit.priority import give_way
from shipway.ports.adapter import load_adapter
from shipway.ports.blobs import open_blobs
from shipway.ports.log import Log
from shipway.ports.model import runtimes
from shipway.ports.online import Online, open_online
from shipway.ports.signature import Verifier
from shipway.serving.current import CurrentReader
from shipway.serving.exported import Exported
from shipway.serving.interface import make_interface
from shipway.serving.log import LogWriter, PredictionLog
from shipway.serving.model import LoadedBundle, load_bundle
from shipway.serving.reader import FeatureReader
from shipway.serving.record import OutputLog
from shipway.serving.signature import check_signature
from shipway.serving.version import Feed, Served, Version, make_version

KEPT_BUNDLES: Final = 4
"""Bundles kept in memory that no routing names any more, so that a way back is quick."""


class Loader:
    """Loads what routings name; one thread at a time may load for them, and any by name.

    Attributes:
        thread: loads while the server answers, and gives way to the thread that answers.
    """

    def __init__(
        self,
        state: Path,
        writer: LogWriter,
        *,
        files: str = "",
        online: str = "",
        replay: bool = False,
        unpickle: bool = False,
        bundles: Path | None = None,
        signers: Sequence[Path] = (),
        providers: Sequence[str] = (),
        threads: int = 1,
    ) -> None:
        """Open what every version needs.

        Args:
            state: the project's folder of state.
            writer: takes what is predicted to the log.
            files: where bundles are kept if not in the folder of state, such as `s3://bucket/prefix`.
            online: where online stores are kept if not there, such as `redis://host:6379/0`.
            replay: whether every version reads its own store, as a replay fills it; if not, one whose store was never
                written to reads the store that the project keeps current.
            unpickle: whether a model that is source and a pickle may be loaded, which runs code that is in it.
            bundles: a folder of exported bundles that are served beside those of the project.
            signers: files with public keys: no bundle is loaded that is not signed by one of them; none where
                signatures are not asked for.
            providers: what runs ONNX models, in order of preference; the CPU where there is none.
            threads: how many threads one prediction may use.

        Raises:
            ShipwayError: SW-514 if a key cannot be used, SW-703 if a provider is not there.
        """
        self._state = state
        self._replay = replay
        self._online = online
        self._open_runtime = runtimes(unpickle=unpickle, providers=providers, threads=threads)
        if providers:
            self._open_runtime("onnx")  # one that is not there is refused at once, and not with the first bundle
        self._writer = writer
        self._blobs = Exported(bundles, open_blobs(state, files))
        self._verifier: Verifier | None = load_adapter("verifier.key")(signers) if signers else None
        self._bundles: dict[str, LoadedBundle] = {}
        self._turn = threading.Lock()
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="load", initializer=give_way)
        self._stores: dict[str, Online] = {}
        self._current: list[CurrentReader] = []
        self._feeds: dict[tuple[str, str], Feed] = {}
        self._logs: dict[str, tuple[PredictionLog, OutputLog]] = {}

    @property
    def bundles(self) -> list[str]:
        """Return the digests of the bundles in memory."""
        return list(self._bundles)

    @property
    def exported(self) -> dict[Variant, str]:
        """Return the bundles in the server's folder with the models they are versions of."""
        signatures = self._blobs.signatures
        return {
            Variant(version=manifest.version, bundle=digest, online="", signature=signatures.get(digest, "")): (
                manifest.model
            )
            for digest, manifest in self._blobs.manifests.items()
        }

    def seal(self) -> None:
        """Hand the rows that every service gathered for its log to the writer."""
        for _, outputs in list(self._logs.values()):
            outputs.seal()

    def load(self, routing: Routing, *, strict: bool) -> Served:
        """Load the versions of a routing.

        Args:
            routing: what is to be served.
            strict: whether a version that cannot be loaded is refused, or stands there and fails.

        Raises:
            ShipwayError: if strict, what is wrong with a bundle (SW-502, SW-605, SW-606), with its signature (SW-511 to
                SW-513) or with its online store.
        """
        stable = self._load_version(routing, routing.stable, strict=strict)
        candidate = None
        if routing.candidate is not None:
            candidate = self._load_version(routing, routing.candidate, strict=strict)
        if routing.service not in self._logs:
            # Frames come with it, which a server of models alone has no use for.
            open_log: Callable[[Path], Log] = load_adapter("log.parquet")
            opened = open_log(self._state / "log" / routing.service)
            log = PredictionLog(opened, self._writer)
            self._logs[routing.service] = log, OutputLog(opened, self._writer, log)
        log, outputs = self._logs[routing.service]
        return Served(routing, stable, candidate, log, outputs=outputs)

    def load_alone(self, model: str, variant: Variant) -> Version:
        """Load a version that answers by vector only; one that cannot be loaded stands there and fails."""
        try:
            bundle = self._load_bundle(model, variant)
            interface = make_interface(bundle.manifest) if bundle.manifest.classes else None
            return Version(variant, model, bundle, predicts=bundle.manifest.scalar, interface=interface)
        except ShipwayError as error:
            return Version(variant, model, fault=error)

    def forget(self, used: set[str]) -> None:
        """Drop bundles that no routing names, but for the last few.

        Args:
            used: digests of those that are named.
        """
        with self._turn:
            idle = [digest for digest in self._bundles if digest not in used]
            for digest in idle[:-KEPT_BUNDLES]:
                del self._bundles[digest]

    def close(self) -> None:
        """Close the online stores."""
        self.thread.shutdown(wait=False, cancel_futures=True)
        for reader in self._current:
            reader.close()
        for store in self._stores.values():
            store.close()

    def _load_version(self, routing: Routing, variant: Variant, *, strict: bool) -> Version:
        model = routing.model
        try:
            bundle = self._load_bundle(model, variant)
            return make_version(routing.service, model, variant, bundle, self._open_feed(variant.online, bundle))
        except ShipwayError as error:
            if strict:
                raise
            return Version(variant, model, fault=error)

    def _load_bundle(self, model: str, variant: Variant) -> LoadedBundle:
        with self._turn:
            if self._verifier is not None and variant.bundle not in self._bundles:
                check_signature(variant.bundle, variant.signature, self._blobs, self._verifier)
            bundle = self._bundles.pop(variant.bundle, None) or load_bundle(
                variant.bundle, self._blobs, self._open_runtime
            )
            self._bundles[variant.bundle] = bundle
        manifest = bundle.manifest
        if (manifest.model, manifest.version) != (model, variant.version):
            said = f"is {manifest.model}@{manifest.version}, not {model}@{variant.version}"
            raise ShipwayError("SW-502", f"bundle {variant.bundle[:12]} {said}", "name the bundle of that version")
        return bundle

    def _open_feed(self, online: str, bundle: LoadedBundle) -> Feed | None:
        """Return where a bundle's vectors come from; None for one that answers by vector only."""
        if bundle.layout is None:
            return None
        place = (online, digest_value(bundle.layout))
        feed = self._feeds.get(place)
        if feed is None:
            store = self._stores.get(online)
            if store is None:
                store = self._stores[online] = open_online(self._state, self._online, online, readonly=True)
            reader: FeatureReader | CurrentReader = FeatureReader(bundle.layout, store)
            if not self._replay and store.position() is None:
                reader = CurrentReader(self._state, bundle.layout, store)
                self._current.append(reader)
            feed = self._feeds[place] = Feed(online, bundle.layout, bundle.texts, reader)
        return feed
