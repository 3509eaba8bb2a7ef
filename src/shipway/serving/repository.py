"""What a server may load by name beside what services route to: registered versions, and bundles in a folder."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from shipway.core.error import ShipwayError
from shipway.core.service import Variant
from shipway.core.shelf import SHELF, Shelf
from shipway.kit.suggestion import did_you_mean
from shipway.serving.loader import Loader
from shipway.serving.refusal import pass_on, refuse
from shipway.serving.version import Version

_POLICY: Final = '{"parameters": {"config": "{\\"version_policy\\": {\\"specific\\": {\\"versions\\": [1, 2]}}}"}}'


class _Latest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    num_versions: int = 1


class _Specific(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    versions: tuple[int, ...]


class _Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    latest: _Latest | None = None
    specific: _Specific | None = None
    all: dict[str, Any] | None = None


class _Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version_policy: _Policy = _Policy()
    name: str = ""


class Repository:
    """The versions that can be loaded, and those that are; they answer by vector and need no service."""

    def __init__(self, state: Path, loader: Loader) -> None:
        """Start with nothing loaded.

        Args:
            state: the project's folder of state.
            loader: loads bundles, those of its folder as well.
        """
        self._state = state
        self._loader = loader
        self._loaded: dict[str, dict[int, Version]] = {}
        self._faults: dict[tuple[str, int], ShipwayError] = {}
        self._turn = asyncio.Lock()

    @property
    def loaded(self) -> Mapping[str, Mapping[int, Version]]:
        """Return the versions that are loaded, by model and number."""
        return self._loaded

    @property
    def faults(self) -> Mapping[tuple[str, int], ShipwayError]:
        """Return why the last attempt to load a version failed, by model and number."""
        return self._faults

    @property
    def missing(self) -> dict[str, ShipwayError]:
        """Return the bundles of the server's folder that could not be loaded, and why."""
        due = {(model, variant.version) for variant, model in self._loader.exported.items()}
        return {f"{name}@{number}": fault for (name, number), fault in self._faults.items() if (name, number) in due}

    def list_known(self) -> dict[str, dict[int, Variant]]:
        """Return what can be loaded, by model and number.

        Raises:
            RefusedError: 503 with SW-605 if the list of registered versions is damaged.
        """
        known: dict[str, dict[int, Variant]] = {}
        try:
            for version in read_shelf(self._state).versions:
                variant = Variant(
                    version=version.version, bundle=version.bundle, online="", signature=version.signature
                )
                known.setdefault(version.model, {})[version.version] = variant
        except ShipwayError as error:
            raise pass_on(error) from error
        for variant, model in self._loader.exported.items():
            known.setdefault(model, {})[variant.version] = variant
        return known

    def load_exported(self) -> None:
        """Load every bundle of the folder; one that cannot be loaded is a fault, and the others are loaded."""
        for variant, model in self._loader.exported.items():
            version = self._load(model, variant)
            if version.fault is None:
                self._loaded.setdefault(model, {})[variant.version] = version

    async def load(self, name: str, parameters: Mapping[str, Any]) -> None:
        """Load versions of a model, anew where they are loaded already, and let those go that are not named.

        Args:
            name: the model.
            parameters: `config` says which versions; without it the newest.

        Raises:
            RefusedError: 404 if nothing of that name is known, 422 for parameters that mean nothing here, 503 with what
                is wrong with a bundle; what was loaded before then stays.
        """
        known = self.list_known().get(name)
        if not known:
            raise refuse(
                404, f"there is no model {name!r} to load", did_you_mean(name, self.list_known()), code="SW-104"
            )
        numbers = _choose(name, known, parameters)
        async with self._turn:
            loop, thread = asyncio.get_running_loop(), self._loader.thread
            versions = [await loop.run_in_executor(thread, self._load, name, known[number]) for number in numbers]
            for version in versions:
                if version.fault is not None:
                    raise pass_on(version.fault)
            self._loaded[name] = dict(zip(numbers, versions, strict=True))

    def unload(self, name: str) -> list[int]:
        """Let go of a model's versions and return them; RefusedError 404 if none is loaded."""
        if name not in self._loaded:
            raise refuse(404, f"model {name!r} is not loaded", did_you_mean(name, self._loaded), code="SW-104")
        return list(self._loaded.pop(name))

    def _load(self, name: str, variant: Variant) -> Version:
        version = self._loader.load_alone(name, variant)
        if version.fault is None:
            self._faults.pop((name, variant.version), None)
        else:
            self._faults[name, variant.version] = version.fault
        return version


def read_shelf(state: Path) -> Shelf:
    """Return a project's shelf, an empty one where nothing was registered yet.

    Args:
        state: its folder of state.

    Raises:
        ShipwayError: SW-605 if its file cannot be read.
    """
    path = state / SHELF
    try:
        return msgspec.json.decode(path.read_bytes(), type=Shelf)
    except FileNotFoundError:
        return Shelf()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ShipwayError("SW-605", f"{path} is damaged ({error})", "write it again with shipway run") from error


def _choose(name: str, known: Mapping[int, Variant], parameters: Mapping[str, Any]) -> list[int]:
    """Return the versions that a caller wants loaded, oldest first."""
    for key in parameters:
        if key.startswith("file:"):
            raise refuse(422, f"{key!r} would replace a file of {name!r}", "a bundle is loaded as it was registered")
        if key not in ("config", "unload_dependents"):
            raise refuse(422, f"there is no parameter {key!r}", did_you_mean(key, ["config"]))
    newest = sorted(known)
    text = parameters.get("config")
    if text is None:
        return newest[-1:]
    try:
        config = msgspec.json.decode(text, type=_Config) if isinstance(text, str) else msgspec.convert(text, _Config)
    except (msgspec.MsgspecError, ValueError) as error:
        hint = f"a bundle fixed everything but its versions: send {_POLICY}"
        raise refuse(422, f"config does not fit: {error}", hint) from error
    policy = config.version_policy
    if policy.all is not None:
        return newest
    if policy.specific is not None:
        for number in policy.specific.versions:
            if number not in known:
                names = [str(each) for each in newest]
                raise refuse(404, f"there is no {name}@{number}", did_you_mean(str(number), names), code="SW-104")
        return sorted(set(policy.specific.versions))
    most = 1 if policy.latest is None else policy.latest.num_versions
    if most < 1:
        raise refuse(422, f"the latest {most} versions are wanted", "ask for one at least")
    return newest[-most:]
