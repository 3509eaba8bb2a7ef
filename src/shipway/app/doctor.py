"""What a machine must offer, looked at where the project lives."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata, util
from pathlib import Path
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from shipway.app.count import write_plural
from shipway.app.ledger import verify_ledger
from shipway.app.project import STATE_FOLDER, Project, find_project
from shipway.app.store import verify_store
from shipway.app.stream import StreamLine, list_streams
from shipway.core.error import ShipwayError
from shipway.kit.duration import format_duration
from shipway.kit.file import hold_lock, write_atomic
from shipway.kit.mount import MOUNTS, find_file_system, is_network
from shipway.ports.adapter import EXTRAS
from shipway.ports.online import FOLDER, list_online

Health: TypeAlias = Literal["good", "note", "bad"]
PYTHON: Final = (3, 11)
"""The oldest Python that is supported."""
LMDB_BYTES: Final = 1 << 34
"""The size that an online store in LMDB may grow to."""
ROOM_BYTES: Final = 2_000_000_000
"""Free space below which a run may not fit."""
BASE: Final = ("msgspec", "numpy", "scipy", "polars", "cyclopts", "rich")
DISTRIBUTIONS: Final = {
    "sklearn": "scikit-learn",
    "vl_convert": "vl-convert-python",
    "confluent_kafka": "confluent-kafka",
    "nats": "nats-py",
}
"""Module to the distribution that brings it, where the names differ."""


class Symptom(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at.

    Attributes:
        what: which thing.
        health: `good`; `note` for what only some commands need; `bad` for what stands in the way.
        said: what was found.
        hint: what to do about it; empty if nothing.
    """

    what: str
    health: Health
    said: str
    hint: str = ""


def diagnose(folder: Path) -> list[Symptom]:
    """Look at everything shipway asks of a machine, and at the project a folder belongs to, if there is one."""
    symptoms = [_python(), *_libraries(), _time_zones(), _threads()]
    try:
        project = find_project(folder)
    except ShipwayError as error:
        health: Health = "note" if error.code == "SW-101" else "bad"
        symptoms.append(Symptom(what="project", health=health, said=error.fact, hint=error.hint))
        return [*symptoms, *_folder(folder.resolve())]
    found = Symptom(what="project", health="good", said=f"{project.config.project.name} in {project.root}")
    return [
        *symptoms,
        found,
        *_folder(project.root),
        _declarations(project),
        _ledger(project),
        _store(project),
        _online(project),
        *_streams(project),
    ]


def _python() -> Symptom:
    said = f"{platform.python_implementation()} {platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info < PYTHON:
        return Symptom(what="python", health="bad", said=said, hint="install Python 3.11 or newer")
    return Symptom(what="python", health="good", said=said)


def _libraries() -> list[Symptom]:
    """Report the base libraries and each extra's; one that is missing is asked for by its extra."""
    groups: dict[str, list[str]] = {"base": list(BASE)}
    for module, extra in EXTRAS.items():
        groups.setdefault(extra, []).append(module)
    return [_group(extra, modules) for extra, modules in groups.items()]


def _group(extra: str, modules: list[str]) -> Symptom:
    there = [module for module in modules if util.find_spec(module) is not None]
    missing = [module for module in modules if module not in there]
    versions = ", ".join(f"{module} {_version(module)}" for module in there)
    if not missing:
        return Symptom(what=extra, health="good", said=versions)
    what = f"{versions}; " if versions else ""
    package = "shipway" if extra == "base" else f"'shipway[{extra}]'"
    return Symptom(
        what=extra,
        health="bad" if extra == "base" else "note",
        said=f"{what}{', '.join(missing)} not installed",
        hint=f"pip install {package}",
    )


def _version(module: str) -> str:
    try:
        return metadata.version(DISTRIBUTIONS.get(module, module))
    except metadata.PackageNotFoundError:
        return "of unknown version"


def _time_zones() -> Symptom:
    try:
        ZoneInfo("America/New_York")
    except ZoneInfoNotFoundError:
        return Symptom(what="time zones", health="bad", said="there are none", hint="pip install tzdata")
    return Symptom(what="time zones", health="good", said="there")


def _threads() -> Symptom:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Symptom(what="cores", health="good", said=f"{cores} for this process")


def _folder(folder: Path) -> list[Symptom]:
    free = shutil.disk_usage(folder).free
    room = Symptom(what="disk", health="good", said=f"{free / 1e9:.1f} GB free in {folder}")
    if free < ROOM_BYTES:
        room = msgspec.structs.replace(room, health="note", hint="a run may need more: free some")
    return [room, _file_system(folder)]


def _file_system(folder: Path) -> Symptom:
    """Try what the ledger and the blob store rely on: forced writes, renames over a file, and locks."""
    try:
        with tempfile.TemporaryDirectory(prefix=".shipway-doctor-", dir=folder) as made:
            trial = Path(made)
            write_atomic(trial / "file", b"before")
            write_atomic(trial / "file", b"after")
            if (trial / "file").read_bytes() != b"after":
                return Symptom(what="file system", health="bad", said="a rename had no effect", hint="use a local disk")
            with hold_lock(trial / "lock", wait=False):
                if not _is_held(trial / "lock"):
                    return Symptom(what="file system", health="bad", said="locks do nothing", hint="use a local disk")
    except OSError as error:
        return Symptom(
            what="file system",
            health="bad",
            said=f"{folder} cannot be used: {error.strerror}",
            hint="give this user the right to write there, or use a local disk",
        )
    return Symptom(what="file system", health="good", said="forced writes, renames and locks work")


def _is_held(lock: Path) -> bool:
    try:
        with hold_lock(lock, wait=False):
            return False
    except BlockingIOError:
        return True


def _declarations(project: Project) -> Symptom:
    def count() -> str:
        registry = project.registry
        nouns = {"feature view": registry.views, "model": registry.models, "gate": registry.gates}
        return ", ".join(write_plural(len(declared), noun) for noun, declared in nouns.items())

    return _attempt("definitions", count)


def _ledger(project: Project) -> Symptom:
    def verify() -> str:
        verified = verify_ledger(project)
        if verified.damage:
            first = verified.damage[0]
            fact = f"damage in {write_plural(len(verified.damage), 'place')}, first at entry {first.seq}: {first.fact}"
            raise ShipwayError("SW-604", fact, "restore the ledger and its anchor together from a backup")
        return f"{write_plural(verified.head.seq, 'entry', 'entries')}, whole"

    return _attempt("ledger", verify)


def _store(project: Project) -> Symptom:
    def verify() -> str:
        verified = verify_store(project)
        if verified.damage:
            more = f", and {len(verified.damage) - 1} more" if len(verified.damage) > 1 else ""
            hint = "shipway run --force makes what is lost again, or restore .shipway from a backup"
            raise ShipwayError("SW-605", f"{verified.damage[0]}{more}", hint)
        return f"{write_plural(verified.blobs, 'blob')} read, whole"

    return _attempt("data and bundles", verify)


def _streams(project: Project) -> list[Symptom]:
    """Report where each stream stands; records that were put aside want somebody to look at them."""
    try:
        lines = list_streams(project)
    except ShipwayError as error:
        return [Symptom(what="streams", health="bad", said=f"{error.code} {error.fact}", hint=error.hint)]
    return [_stream(line) for line in lines]


def _stream(line: StreamLine) -> Symptom:
    what = f"stream {line.name}"
    if not line.begun:
        return Symptom(what=what, health="note", said="nothing was taken in yet", hint=f"shipway stream {line.name}")
    said = f"{write_plural(line.changes, 'change')}, {write_plural(line.dead, 'dead letter')}"
    if line.lag_us is not None:
        said += f", committed {format_duration(line.lag_us - line.lag_us % 1_000)} after the latest happened"
    if line.online is not None:
        said += f", {'level with' if line.online.level else 'behind it in'} online store {line.online.store}"
    if line.online is not None and line.online.refused:
        said += f", which has refused {write_plural(line.online.refused, 'change')} of what is long past"
        return Symptom(what=what, health="note", said=said, hint="shipway features materialise builds it anew")
    if line.online is not None and not line.online.level:
        return Symptom(what=what, health="note", said=said, hint=f"shipway stream {line.name} brings it up to the lake")
    if line.dead:
        hint = f"shipway stream --dead {line.name} shows them and why"
        return Symptom(what=what, health="note", said=said, hint=hint)
    return Symptom(what=what, health="good", said=said)


def _online(project: Project) -> Symptom:
    """Say where features are read from while they are served, and what cannot be done there."""
    uri, folder = project.config.online.uri, project.root / STATE_FOLDER
    if uri and uri != "sqlite:":
        return _attempt("online store", lambda: f"{write_plural(len(list_online(folder, uri)), 'store')} on the server")
    library = "SQLite" if uri else "LMDB"
    kind = find_file_system(project.root, MOUNTS.read_text()) if MOUNTS.exists() else ""
    where = f"{library} in {folder / FOLDER}"
    other = 'give [online] uri = "redis://HOST:6379/0", which several machines share'
    if is_network(kind):
        fact = f"{where} is on {kind}, a network file system, where {library} damages its files"
        return Symptom(what="online store", health="bad", said=fact, hint=f"use a local disk, or {other}")
    said = f"{where}{f' on {kind}' if kind else ''}: readers on this machine alone, and one writer"
    if library == "LMDB":
        said += f", up to {LMDB_BYTES / 1e9:.0f} GB"
    return Symptom(what="online store", health="good", said=said)


def _attempt(what: str, look: Callable[[], str]) -> Symptom:
    try:
        return Symptom(what=what, health="good", said=look())
    except ShipwayError as error:
        return Symptom(what=what, health="bad", said=f"{error.code} {error.fact}", hint=error.hint)
