"""The desk: what the Open Inference Protocol asks of a server by the names of models.

A service answers under its name, and so does a model; where both have one name the service does, and the model under
its versions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any, Final

from shipway.core.error import ShipwayError
from shipway.core.inference import EXTENSIONS, ModelConfig, ModelIndex, ModelMetadata, ServerMetadata, StatisticsAnswer
from shipway.kit.suggestion import did_you_mean
from shipway.kit.version import VERSION
from shipway.serving.inference import Question, describe_config, describe_model, write_answer
from shipway.serving.model import LoadedBundle
from shipway.serving.outcome import require_predictions
from shipway.serving.refusal import RefusedError, pass_on, refuse
from shipway.serving.repository import Repository
from shipway.serving.routing import RoutingTable
from shipway.serving.statistic import Statistics, Tally
from shipway.serving.version import Served, Version, infer

READY: Final = "READY"
UNAVAILABLE: Final = "UNAVAILABLE"


@dataclass(slots=True, eq=False)
class Inquiry:
    """A question that was read, on its way to its answer.

    Attributes:
        name: who was asked.
        version: who answers.
        bundle: what predicts.
        question: what was asked.
        tally: where it is counted.
        came_ns: when it came, by `time.perf_counter_ns`.
        read_ns: when it was read.
        began_ns: when its prediction began; 0 where it has not.
        predicted_ns: when it was there; 0 where it is not.
    """

    name: str
    version: Version
    bundle: LoadedBundle
    question: Question
    tally: Tally
    came_ns: int
    read_ns: int
    began_ns: int = 0
    predicted_ns: int = 0

    def answer(self) -> tuple[bytes, list[tuple[str, str]]]:
        """Predict, and return the body of the answer and its headers; any thread may.

        Raises:
            RefusedError: 503 with SW-801 if the version fails.
        """
        self.began_ns = perf_counter_ns()
        try:
            outputs = infer(self.version, self.question.tensors, self.question.rows)
            require_predictions(self.version, outputs, self.question.rows)
        except RefusedError:
            self.tally.fail(self.came_ns)
            raise
        self.predicted_ns = perf_counter_ns()
        answer = write_answer(self.question, outputs, self.name, self.bundle)
        self.tally.succeed(self.question.rows, (self.came_ns, self.read_ns, self.predicted_ns, perf_counter_ns()))
        return answer


class Desk:
    """Answers what is asked of models by name."""

    def __init__(self, table: RoutingTable, repository: Repository, statistics: Statistics) -> None:
        """Keep what answers.

        Args:
            table: the routings in force.
            repository: what is loaded beside them.
            statistics: what each version did.
        """
        self._table = table
        self._repository = repository
        self._statistics = statistics

    # who answers

    def list_models(self) -> dict[str, dict[int, Version]]:
        """Return the versions that can be asked, by model and number; those that services route to come first."""
        models = self._table.list_models()
        for name, versions in self._repository.loaded.items():
            there = models.setdefault(name, {})
            for number, version in sorted(versions.items(), reverse=True):
                there.setdefault(number, version)
        return models

    def find(self, name: str, number: int | None) -> Version:
        """Return who answers.

        Args:
            name: of a service or a model.
            number: of a version of that model; None for the service, or else the stable version of the first service
                of that model, or else the newest that is loaded.

        Raises:
            RefusedError: 404 if there is none, 503 if the service's routing is damaged.
        """
        if number is None and name in self._table.services:
            return self._table.find(name).stable
        models = self.list_models()
        versions = models.get(name)
        if versions is None:
            names = [*models, *self._table.services]
            raise refuse(404, f"there is no model {name!r} here", did_you_mean(name, names), code="SW-104")
        if number is None:
            return next(iter(versions.values()))
        if number not in versions:
            known = [str(each) for each in versions]
            raise refuse(404, f"{name}@{number} is not served", did_you_mean(str(number), known), code="SW-104")
        return versions[number]

    def find_service(self, name: str) -> Served | None:
        """Return the service of a name whose model does not say one number a row; None where there is none."""
        served = self._table.get(name)
        return None if served is None or served.interface is None else served

    def ask(self, name: str, number: int | None, read: Callable[[LoadedBundle], Question]) -> Inquiry:
        """Take a question.

        Args:
            name: who is asked.
            number: the version, as for `find`.
            read: reads the question for the bundle that is to answer it.

        Raises:
            RefusedError: what `find` and `read` raise, and 503 if the version could not be loaded.
        """
        came_ns = perf_counter_ns()
        version = self.find(name, number)
        bundle = require_bundle(version)
        tally = self._statistics.of(version.model, version.variant.version)
        try:
            question = read(bundle)
        except RefusedError:
            tally.fail(came_ns)
            raise
        return Inquiry(name, version, bundle, question, tally, came_ns, perf_counter_ns())

    # what is told

    def describe_server(self, *, traces: bool = False) -> ServerMetadata:
        """Return what this server is.

        Args:
            traces: whether what is traced can be set.
        """
        extensions = (*EXTENSIONS, "trace") if traces else EXTENSIONS
        return ServerMetadata(name="shipway", version=VERSION, extensions=extensions)

    def find_fault(self) -> ShipwayError | None:
        """Return what cannot predict though it should; None where all can."""
        for name, error in (self._table.faults | self._repository.missing).items():
            return ShipwayError(error.code, f"{name}: {error.fact}", error.hint)
        return None

    def describe_model(self, name: str, number: int | None) -> ModelMetadata:
        """Return a model's metadata; RefusedError as `find` raises, and 503 if it could not be loaded."""
        version = self.find(name, number)
        bundle = require_bundle(version)
        return describe_model(name, sorted(self.list_models()[version.model]), bundle)

    def describe_config(self, name: str, number: int | None) -> ModelConfig:
        """Return a model's configuration; RefusedError as for its metadata."""
        return describe_config(name, require_bundle(self.find(name, number)))

    def list_statistics(self, name: str = "", number: int | None = None) -> StatisticsAnswer:
        """Return what versions did since they were loaded.

        Args:
            name: of a model or a service; every model where it is empty.
            number: the version; every one of the model that can be asked where it is None.

        Raises:
            RefusedError: 404 if there is no such model or version.
        """
        models = self.list_models()
        if name:
            version = self.find(name, number)
            model = version.model
            models = {model: models[model] if number is None else {number: version}}
        return StatisticsAnswer(
            model_stats=tuple(
                self._statistics.of(model, each).describe(model, each)
                for model, versions in sorted(models.items())
                for each in sorted(versions)
            )
        )

    # the repository

    def list_index(self, *, ready: bool = False) -> list[ModelIndex]:
        """Return what can be asked or loaded: every version of every model, and services with names of their own.

        Args:
            ready: whether those alone that can be asked.

        Raises:
            RefusedError: 503 if the list of registered versions is damaged.
        """
        known, here = self._repository.list_known(), self.list_models()
        faults = self._repository.faults
        index: list[ModelIndex] = []
        for name in sorted({*known, *here}):
            for number in sorted({*known.get(name, {}), *here.get(name, {})}):
                version = here.get(name, {}).get(number)
                fault = faults.get((name, number)) if version is None else version.fault
                state = READY if version is not None and fault is None else UNAVAILABLE
                reason = "" if state == READY else "not loaded" if fault is None else f"{fault.code} {fault.fact}"
                index.append(ModelIndex(name=name, version=str(number), state=state, reason=reason))
        for name, served in self._table.services.items():
            if name not in known and name not in here:
                fault = served.stable.fault
                state, reason = (READY, "") if fault is None else (UNAVAILABLE, f"{fault.code} {fault.fact}")
                index.append(ModelIndex(name=name, version="", state=state, reason=reason))
        return [each for each in index if each.state == READY or not ready]

    async def load(self, name: str, parameters: Mapping[str, Any]) -> None:
        """Load versions of a model, which then answer by vector; RefusedError as `Repository.load` raises."""
        await self._repository.load(name, parameters)

    def unload(self, name: str) -> None:
        """Let go of what was loaded of a model.

        Raises:
            RefusedError: 409 if a service routes to it, 404 if it is not loaded.
        """
        for service, served in self._table.services.items():
            if served.routing.model == name:
                numbers = " and ".join(f"{name}@{version.variant.version}" for version in served.versions)
                hint = "a release decides what a service routes to"
                raise refuse(409, f"service {service!r} routes to {numbers}", hint)
        for number in self._repository.unload(name):
            self._statistics.forget(name, number)


def read_number(text: str, name: str) -> int | None:
    """Return the version that a caller names; None for an empty text.

    Raises:
        RefusedError: 404 if it is no number.
    """
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise refuse(404, f"{name}@{text[:50]} is not served", "a version is a number", code="SW-104")
    return int(text)


def require_bundle(version: Version) -> LoadedBundle:
    """Return what a version predicts with; RefusedError 503 with why it could not be loaded."""
    if version.bundle is None:
        assert version.fault is not None
        raise pass_on(version.fault)
    return version.bundle
