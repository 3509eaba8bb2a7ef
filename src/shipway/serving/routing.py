"""Which versions answer for which service: put in force in one step, and remembered over restarts."""

import asyncio
import errno
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from shipway.core.caller import find_odd, find_odd_score
from shipway.core.error import ShipwayError
from shipway.core.label import is_prediction
from shipway.core.service import LONGEST_WAIT_US, NAMES_HINT, RESERVED, Routing, Terms, is_servable
from shipway.kit.canonical import canonical_json
from shipway.kit.file import make_folder, sweep_staged, write_atomic
from shipway.kit.suggestion import did_you_mean
from shipway.serving.loader import Loader
from shipway.serving.refusal import RefusedError, pass_on, refuse
from shipway.serving.version import Served, Version

ADDRESS: Final = f"{RESERVED}.json"
"""The one file among the routings that is none: where the server listens."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class RoutingTable:
    """The routings in force, each also in a file of its own."""

    def __init__(self, folder: Path, loader: Loader) -> None:
        """Start without any routing.

        Args:
            folder: where they are kept; it must exist.
            loader: loads the versions they name.
        """
        self._folder = folder
        self._loader = loader
        self._served: dict[str, Served] = {}
        self._spoiled: dict[str, ShipwayError] = {}
        self._turn = asyncio.Lock()

    @property
    def services(self) -> dict[str, Served]:
        """Return what is served, by service."""
        return dict(sorted(self._served.items()))

    @property
    def faults(self) -> dict[str, ShipwayError]:
        """Return what cannot be served, by service or version, and why."""
        faults = dict(self._spoiled)
        for served in self._served.values():
            for version in served.versions:
                if version.fault is not None:
                    faults[f"{served.routing.service} {version.model}@{version.variant.version}"] = version.fault
        return faults

    def find(self, service: str) -> Served:
        """Return what is served under a name; RefusedError 404 if nothing ever was, 503 if its file is damaged."""
        served = self._served.get(service)
        if served is None:
            if service in self._spoiled:
                raise pass_on(self._spoiled[service])
            raise refuse(404, f"there is no service {service!r}", did_you_mean(service, self._served), code="SW-104")
        return served

    def get(self, service: str) -> Served | None:
        """Return what is served under a name; None where nothing is."""
        return self._served.get(service)

    def match(self, name: str) -> Served | None:
        """Return the service of a name, None where none is called so or it does not say one number a row."""
        served = self._served.get(name)
        return served if served is not None and (served.stable.form or served.stable.fault is not None) else None

    def list_models(self) -> dict[str, dict[int, Version]]:
        """Return the versions that are routed to by model and number; the stable ones come first."""
        models: dict[str, dict[int, Version]] = {}
        services = self.services.values()
        for served in services:
            models.setdefault(served.routing.model, {}).setdefault(served.stable.variant.version, served.stable)
        for served in services:
            if served.candidate is not None:
                models[served.routing.model].setdefault(served.candidate.variant.version, served.candidate)
        return models

    def restore(self) -> None:
        """Put in force what was in force when the server stopped; what cannot be loaded any more fails as itself."""
        sweep_staged(self._folder)
        for path in sorted(self._folder.glob("*.json")):
            if path.name == ADDRESS:
                continue
            try:
                routing = msgspec.json.decode(path.read_bytes(), type=Routing)
                _check_routing(routing, path.stem)
            except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RefusedError) as error:
                hint = "apply the service's routing again"
                self._spoiled[path.stem] = ShipwayError("SW-605", f"{path} is damaged ({error})", hint)
                continue
            self._served[routing.service] = self._loader.load(routing, strict=False)

    async def apply(self, service: str, routing: Routing) -> Served:
        """Put a routing in force; every request that is read after this returned is routed so.

        It is loaded beside the one in force, written to the disk, and then takes its place in one step.

        Args:
            service: the name it was sent under.
            routing: what is to be in force.

        Raises:
            RefusedError: 422 for a routing that is not valid, 409 with SW-803 for one that was overtaken, 507 or 503
                for one that cannot be kept or served; the one before stays in force.
        """
        _check_routing(routing, service)
        async with self._turn:
            before = self._served.get(service)
            if before is not None:
                if routing.token < before.routing.token:
                    said = f"token {routing.token} of {service!r} was overtaken by {before.routing.token}"
                    raise refuse(409, said, "read the ledger again and decide anew", code="SW-803")
                if routing == before.routing and not any(version.fault for version in before.versions):
                    return before
            try:
                served = await asyncio.get_running_loop().run_in_executor(self._loader.thread, self._prepare, routing)
            except ShipwayError as error:
                raise pass_on(error) from error
            served = replace(served, previous=_find_previous(before, served))
            self._served[service] = served
            self._spoiled.pop(service, None)
            return served

    def _prepare(self, routing: Routing) -> Served:
        served = self._loader.load(routing, strict=True)
        _check_versions(served)
        named = [(*other.versions, other.previous) for other in (*self._served.values(), served)]
        self._loader.forget({version.variant.bundle for each in named for version in each if version is not None})
        path = self._folder / f"{routing.service}.json"
        try:
            make_folder(self._folder)
            write_atomic(path, canonical_json(routing))
        except OSError as fault:
            code = "SW-601" if fault.errno in _FULL else "SW-602"
            hint = "free some space, and check that this user may write there; the routing before stays in force"
            raise ShipwayError(code, f"cannot write {path} ({fault.strerror})", hint) from fault
        return served


def _find_previous(before: Served | None, served: Served) -> Version | None:
    """Return what was stable before a routing, as long as it was another version and could be loaded."""
    if before is None:
        return None
    if before.stable.variant.bundle == served.stable.variant.bundle or before.stable.fault is not None:
        return before.previous
    return before.stable


def _check_routing(routing: Routing, service: str) -> None:
    """Refuse a routing that no server could put in force."""
    if routing.service != service:
        raise refuse(422, f"the routing is for {routing.service!r}, not {service!r}", "send it to its own service")
    if not is_servable(service):
        raise refuse(422, f"a service cannot be called {service!r}", NAMES_HINT)
    for variant in (routing.stable, routing.candidate):
        if variant is not None and not is_servable(variant.online, reserved=False):
            raise refuse(422, f"an online store cannot be called {variant.online!r}", "name one that was filled")
    _check_terms(routing.terms)
    if not 0.0 <= routing.weight <= 1.0:
        raise refuse(422, f"weight {routing.weight} is no share", "send one from 0 to 1")


def _check_versions(served: Served) -> None:
    """Refuse versions that callers could not take for one another, and terms that their model has no use for."""
    routing, stable = served.routing, served.stable.bundle
    assert stable is not None, "what could not be loaded was refused"
    fallback = routing.terms.fallback
    if fallback is not None and fallback.score is not None:
        wrong = find_odd_score(fallback.score, stable.manifest)
        if wrong is not None:
            raise refuse(422, f"fallback's score {wrong[0]}", wrong[1])
    if served.candidate is None:
        return
    other = served.candidate.bundle
    assert other is not None, "what could not be loaded was refused"
    if odd := find_odd(stable.manifest, other.manifest):
        said = f"{routing.model}@{served.candidate.variant.version} {odd}, and callers know {routing.stable.version}"
        raise refuse(422, said, "serve it under a name of its own")


def _check_terms(terms: Terms) -> None:
    fallback = terms.fallback
    score = None if fallback is None else fallback.score
    if isinstance(score, int | float) and not is_prediction("number", score):
        raise refuse(422, f"fallback's score {score} is no finite number", "send one that is")
    for name, share in (("log", terms.log), ("shadow", terms.shadow)):
        if not 0.0 <= share <= 1.0:
            raise refuse(422, f"{name} {share} is no share", "send one from 0 to 1")
    if not 0 <= terms.wait_us <= LONGEST_WAIT_US:
        said = f"a request cannot wait {terms.wait_us:,} us for others"
        raise refuse(422, said, f"send at most {LONGEST_WAIT_US:,}, or 0")
    for rule in terms.rules:
        if rule.header != rule.header.lower() or not rule.header:
            raise refuse(422, f"rule's header {rule.header!r} is not in lower case", "write it so")
