"""What is put under load: an address, servers that are started for it, or a model in this process."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from shipway.adapters.http.address import Address, split_url, write_request
from shipway.app.load.question import read_bodies, read_body, write_questions
from shipway.app.load.server import Batches, run_servers
from shipway.app.load.traffic import Traffic, read_traffic
from shipway.app.model import find_version, read_contents
from shipway.app.project import Project
from shipway.app.promise import name_subject
from shipway.app.workspace import Workspace
from shipway.core.bundle import GOLDEN, MANIFEST, Golden, Manifest
from shipway.core.capacity import Setting
from shipway.core.error import ShipwayError
from shipway.core.serving import ServingSection, list_words
from shipway.kit.file import make_folder, write_atomic
from shipway.ports import load as port
from shipway.ports.adapter import load_adapter
from shipway.ports.model import open_runtime

_JSON: Final = ("content-type", "application/json")
_DOORS: Final = ("keys", "certificate", "private_key", "clients", "socket", "traces", "grace")
"""Settings of a project's server that are left away where it is started for a load: who may ask, and who is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What is put under load, as it was asked for.

    Attributes:
        what: an address of HTTP; a version as `model@number`, or the folder of an exported bundle, for which servers of
            this machine are started.
        of: for an address, whose golden rows are sent: a version, or a folder.
        log: the service whose logged traffic is sent.
        rows: golden rows of a request.
        method: of a request; POST where something is sent, else GET.
        headers: further ones.
        body: a file with the body of every request.
        bodies: a file with a body a line.
        process: whether the model is asked in this process, without a server.
        setting: how servers are run, or how many threads ask in this process.
        connections: how many requests may be open.
        timeout_s: after what time one is given up.
    """

    what: str
    of: str = ""
    log: str = ""
    rows: int = 1
    method: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: Path | None = None
    bodies: Path | None = None
    process: bool = False
    setting: Setting = field(default_factory=Setting)
    connections: int = 256
    timeout_s: float = 30.0

    @property
    def is_address(self) -> bool:
        """Tell whether an address is meant."""
        return "://" in self.what


@dataclass(frozen=True, slots=True)
class Target:
    """What is put under load, ready for it.

    Attributes:
        name: what people call it.
        local: whether it is on this machine.
        generator: puts loads on it.
        traffic: what is replayed; None where nothing is.
        subject: what evidence is about; empty where none is kept.
        tell_batch: returns how many requests were predicted together on average since it was asked last; None where
            nobody can tell.
    """

    name: str
    local: bool
    generator: port.Generator
    traffic: Traffic | None = None
    subject: str = ""
    tell_batch: Callable[[], float | None] = field(default=lambda: None)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A bundle in a folder.

    Attributes:
        folder: where it is.
        manifest: what it says of itself.
        golden: rows that travel with it.
        name: what people call it.
        subject: what evidence on it is about; empty for one that is no version of the project.
    """

    folder: Path
    manifest: Manifest
    golden: Golden
    name: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What is sent.

    Attributes:
        address: where to; None where servers are started for it.
        path: what is asked.
        method: how.
        headers: beside those that every request has.
        bodies: sent in turn, one at least.
    """

    address: Address | None
    path: str
    method: str
    headers: tuple[tuple[str, str], ...]
    bodies: tuple[bytes, ...]


@contextmanager
def open_question(project: Project | None, aim: Aim) -> Generator[Question]:
    """Return what would be sent; nothing is started; errors as `open_target`."""
    _check(aim)
    if aim.log or aim.process:
        raise ShipwayError("SW-441", "traffic that was logged, and calls, are not written as a script", "name no log")
    whose = aim.of if aim.is_address else aim.what
    with ExitStack() as stack:
        parcel = stack.enter_context(open_parcel(project, whose)) if whose else None
        yield make_question(aim, parcel, None)


@contextmanager
def open_target(project: Project | None, aim: Aim) -> Generator[Target]:
    """Make what is meant ready for a load, and let go of it when the block is left.

    Raises:
        ShipwayError: SW-441 for what cannot be asked so, SW-442 for a server that does not start, SW-101 where a
            version is meant and there is no project, SW-104 for a version there is not, SW-404 for one without a
            bundle, SW-201, SW-204 and SW-502 for files that cannot be used, SW-443 for traffic there is none of.
    """
    _check(aim)
    with ExitStack() as stack:
        whose = aim.of if aim.is_address else aim.what
        parcel = stack.enter_context(open_parcel(project, whose)) if whose else None
        traffic = None
        if aim.log:
            assert parcel is not None
            traffic = _read_traffic(project, aim.log, parcel)
        if aim.process:
            assert parcel is not None
            yield _open_process(aim, parcel, traffic, unpickle=_may_unpickle(project))
        elif parcel is None or aim.is_address:
            yield _open_address(aim, make_question(aim, parcel, traffic), traffic)
        else:
            words = list_server_words(project)
            addresses = stack.enter_context(run_servers(parcel.folder, parcel.manifest, aim.setting, words))
            yield _open_bundle(aim, parcel, make_question(aim, parcel, traffic), traffic, addresses)


@contextmanager
def open_parcel(project: Project | None, what: str) -> Generator[Parcel]:
    """Return a bundle in a folder: the one that is named, or a copy of a version's until the block is left.

    Raises:
        ShipwayError: as `open_target`.
    """
    if "/" in what or what in (".", "..") or Path(what, MANIFEST).is_file():
        yield _read_parcel(Path(what), what)
        return
    if project is None:
        raise ShipwayError(
            "SW-101", f"{what!r} is a version, and there is no project here", "name a folder, or go there"
        )
    with closing(Workspace(project)) as workspace:
        version = find_version(workspace.peek(), what)
        _, contents = read_contents(workspace, version)
    with TemporaryDirectory(prefix="shipway-load-") as name:
        folder = Path(name, "bundle")
        for path, content in contents.items():
            make_folder((folder / path).parent)
            write_atomic(folder / path, content)
        found = _read_parcel(folder, version.ref)
        yield Parcel(found.folder, found.manifest, found.golden, version.ref, name_subject(version))


def list_server_words(project: Project | None) -> list[str]:
    """Return the words for a server with what a project's file says of how it answers, not of whom."""
    if project is None:
        return []
    config, usual = project.config, ServingSection()
    left = {name: getattr(usual, name) for name in (*_DOORS, "threads")}
    words = list_words(msgspec.structs.replace(config.serving, **left), project.root)
    if config.security.unpickle:
        words.append("--unpickle")
    if config.resources.providers:
        words += ["--providers", ",".join(config.resources.providers)]
    return words


def _check(aim: Aim) -> None:
    sources = [name for name in ("of", "body", "bodies") if getattr(aim, name)]
    if len(sources) > 1:
        raise ShipwayError("SW-441", f"{' and '.join(sources)} both say what is sent", "name one of them")
    if not aim.is_address and (sources or aim.method or aim.headers):
        fact = f"{aim.what!r} is a bundle, which is sent its golden rows"
        raise ShipwayError("SW-441", fact, "leave away method, header, body and of, or name an address")
    if aim.is_address and aim.process:
        raise ShipwayError(
            "SW-441", f"{aim.what!r} is an address, and not in this process", "name a version or a folder"
        )
    if aim.log and aim.is_address and not aim.of:
        raise ShipwayError("SW-441", "logged vectors are read for a bundle, and none is named", "add --of model@number")
    if aim.rows < 1 or aim.connections < 1 or aim.timeout_s <= 0 or min(aim.setting.workers, aim.setting.threads) < 1:
        raise ShipwayError("SW-441", "rows, connections, workers, threads or the timeout are none", "write 1 or more")


def _read_traffic(project: Project | None, service: str, parcel: Parcel) -> Traffic:
    if project is None:
        raise ShipwayError("SW-101", f"the log of {service!r} is a project's, and there is none here", "go there")
    with closing(Workspace(project)) as workspace:
        return read_traffic(workspace.open_log(service), service, parcel.manifest)


def _read_parcel(folder: Path, name: str) -> Parcel:
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
        golden = msgspec.json.decode((folder / GOLDEN).read_bytes(), type=Golden)
    except OSError as fault:
        raise ShipwayError("SW-502", f"{name} holds no bundle ({fault.strerror})", "export one there") from fault
    except msgspec.MsgspecError as error:
        hint = "shipway bundle verify names every damage"
        raise ShipwayError("SW-502", f"{name} holds a bundle that cannot be read ({error})", hint) from error
    return Parcel(folder, manifest, golden, name)


def _may_unpickle(project: Project | None) -> bool:
    return project is not None and project.config.security.unpickle


def make_question(aim: Aim, parcel: Parcel | None, traffic: Traffic | None) -> Question:
    """Return what is sent; SW-441 for an address that is none, SW-201 and SW-204 for files that cannot be used."""
    address, path = split_url(aim.what) if aim.is_address else (None, "/")
    bodies, headers = [b""], list(aim.headers)
    if parcel is not None:
        bodies = write_questions(parcel.manifest, parcel.golden, aim.rows) if traffic is None else traffic.bodies
        path = f"/v2/models/{parcel.manifest.model}/infer" if path == "/" else path
    elif aim.bodies is not None:
        bodies = read_bodies(aim.bodies)
    elif aim.body is not None:
        bodies = [read_body(aim.body)]
    method = aim.method or ("POST" if any(bodies) else "GET")
    if any(bodies) and all(name.lower() != _JSON[0] for name, _ in headers):
        headers.append(_JSON)
    return Question(address, path, method, tuple(headers), tuple(bodies))


def _open_address(aim: Aim, question: Question, traffic: Traffic | None) -> Target:
    address = question.address
    assert address is not None
    name = aim.what + (traffic.lack if traffic is not None else "")
    return Target(name, _is_local(address.host), _make_http(aim, [address], question), traffic)


def _open_bundle(
    aim: Aim, parcel: Parcel, question: Question, traffic: Traffic | None, addresses: Sequence[Address]
) -> Target:
    name = f"{parcel.name}, {aim.setting.said}" + (f", {aim.rows} rows a request" if aim.rows > 1 else "")
    name += traffic.lack if traffic is not None else ""
    tell = Batches(addresses, parcel.manifest).tell
    return Target(name, True, _make_http(aim, addresses, question), traffic, parcel.subject, tell)


def _make_http(aim: Aim, addresses: Sequence[Address], question: Question) -> port.Generator:
    requests = [
        write_request(question.method, addresses[0], question.path, question.headers, body) for body in question.bodies
    ]
    return load_adapter("load.http")(addresses, requests, connections=aim.connections, timeout_s=aim.timeout_s)


def _open_process(aim: Aim, parcel: Parcel, traffic: Traffic | None, *, unpickle: bool) -> Target:
    if traffic is not None:
        raise ShipwayError("SW-441", "logged vectors are sent to a server", "leave --in-process away, or --log")
    manifest = parcel.manifest
    runtime = open_runtime(manifest.runtime, threads=aim.setting.threads, unpickle=unpickle)
    predictor = runtime.load((parcel.folder / manifest.served).read_bytes())
    batches = list(_take_rows(parcel, aim.rows))

    def call(number: int) -> object:
        return predictor.infer(batches[number % len(batches)])

    generator = load_adapter("load.call")(call, workers=aim.setting.workers)
    name = f"{parcel.name} in this process, {aim.rows} row{'s' if aim.rows > 1 else ''} a call"
    return Target(name, True, generator, None, "")


def _take_rows(parcel: Parcel, rows: int) -> Iterator[dict[str, NDArray[Any]]]:
    tensors, there = parcel.golden.tensors, parcel.golden.rows
    fixed = any(column.shape and column.shape[0] != -1 for column in parcel.manifest.inputs)
    taken = np.arange(there if fixed else rows)
    for start in [0] if fixed else range(there):
        places = (start + taken) % there
        yield {name: np.ascontiguousarray(array[places]) for name, array in tensors.items()}


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
