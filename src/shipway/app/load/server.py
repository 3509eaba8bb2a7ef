"""Servers of this machine that are started to be put under load, each with a bundle, and end with the load."""

import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec

from shipway.adapters.http.address import Address
from shipway.adapters.http.client import HttpClient
from shipway.core.bundle import Manifest
from shipway.core.capacity import Setting
from shipway.core.error import ShipwayError
from shipway.core.inference import StatisticsAnswer
from shipway.core.service import Routing, Terms, Variant
from shipway.kit.duration import parse_duration
from shipway.ports.adapter import load_adapter
from shipway.ports.online import open_online

START_S: Final = 60.0
_GRACE_S: Final = 10.0
_POLL_S: Final = 0.02
_STORE: Final = "load"
_LAST_LINES: Final = 6


@contextmanager
def run_servers(
    bundle: Path, manifest: Manifest, setting: Setting, words: Sequence[str] = ()
) -> Generator[list[Address]]:
    """Run servers of a bundle until the block is left; each routes a service of the model's name to it.

    Args:
        bundle: the folder that it was exported to.
        manifest: what it says of itself.
        setting: how they are run.
        words: further words for each of them.

    Raises:
        ShipwayError: SW-442 if a server does not start, with the last that it said.
    """
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(TemporaryDirectory(prefix="shipway-load-")))
        states = [scratch / str(number) for number in range(setting.workers)]
        started = [stack.enter_context(_run(state, bundle, setting, words)) for state in states]
        yield [_await(process, state, manifest, setting) for process, state in zip(started, states, strict=True)]


@contextmanager
def _run(state: Path, bundle: Path, setting: Setting, words: Sequence[str]) -> Generator["subprocess.Popen[bytes]"]:
    state.mkdir()
    open_online(state, "", _STORE).close()
    command = [sys.executable, "-P", "-m", "shipway.serving", "--state", str(state), "--bundles", str(bundle)]
    command += ["--host", "127.0.0.1", "--port", "0", "--watch-stdin", "--threads", str(setting.threads), *words]
    with (state / "said").open("wb") as said:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=said, stderr=said, start_new_session=True)
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(process: "subprocess.Popen[bytes]", state: Path, manifest: Manifest, setting: Setting) -> Address:
    """Wait until a server listens, and let the bundle answer under the model's name."""
    place, until = state / "serving" / "server.json", time.monotonic() + START_S
    while not place.exists():
        if process.poll() is not None or time.monotonic() > until:
            lines = (state / "said").read_text(encoding="utf-8", errors="replace").strip().splitlines()
            fact = f"the server of {manifest.model}@{manifest.version} did not start"
            raise ShipwayError("SW-442", f"{fact}: {' '.join(lines[-_LAST_LINES:]) or 'it said nothing'}", _MEND)
        time.sleep(_POLL_S)
    variant = Variant(version=manifest.version, bundle=manifest.digest, online=_STORE)
    terms = Terms(wait_us=parse_duration(setting.wait))
    routing = Routing(service=manifest.model, model=manifest.model, stable=variant, terms=terms, token=1)
    traffic: Any = load_adapter("traffic.http")(state)
    traffic.apply(routing)
    port = msgspec.json.decode(place.read_bytes(), type=dict[str, Any])["port"]
    return Address("127.0.0.1", port, False)


class Batches:
    """Tells how many requests a bundle's servers predicted together."""

    def __init__(self, addresses: Sequence[Address], manifest: Manifest) -> None:
        """Begin to count now."""
        self._addresses = addresses
        self._path = f"/v2/models/{manifest.model}/versions/{manifest.version}/stats"
        self._seen = self._read()

    def tell(self) -> float | None:
        """Return how many there were on average since it was told last; None where nothing was predicted."""
        before, self._seen = self._seen, self._read()
        asked, predicted = (now - then for now, then in zip(self._seen, before, strict=True))
        return asked / predicted if predicted else None

    def _read(self) -> tuple[int, int]:
        """Return how many rows were asked about and how often the model was called, of all servers together."""
        rows = calls = 0
        for address in self._addresses:
            client = HttpClient(address.host, address.port, connections=1)
            try:
                answer = client.exchange([client.prepare("GET", self._path)])[0]
            finally:
                client.close()
            for each in msgspec.json.decode(answer.body, type=StatisticsAnswer).model_stats:
                rows, calls = rows + each.inference_count, calls + each.execution_count
        return rows, calls


_MEND: Final = "mend what it says, or put a server that runs under load by its address"
