"""Making things once: a task whose key is known is not run again, whatever process ran it and however it ended."""

import resource
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from shipway.app.progress import Event, Watch
from shipway.app.status import newest_runs
from shipway.app.workspace import Workspace
from shipway.core.artifact import Artifact, Task
from shipway.core.body import Body, RunFailed, RunFinished, RunStarted
from shipway.core.error import ShipwayError
from shipway.core.table import Commit
from shipway.kit.canonical import digest_value

Outputs: TypeAlias = dict[str, tuple[str, bytes | Path | str, dict[str, Any]]]
"""Output name to kind, content (bytes, a file to take over, or the digest of a blob stored already) and small facts."""


@dataclass(slots=True)
class Made:
    """What a task's function hands back to be kept.

    Attributes:
        outputs: what was made.
        records: entries to append together with the end of the run, each with its subject.
        said: one clause about the result, for people.
    """

    outputs: Outputs
    records: list[tuple[str, Body]] = field(default_factory=list[tuple[str, Body]])
    said: str = ""


class TaskReport(msgspec.Struct, frozen=True, kw_only=True):
    """One task of a run, made now or found made.

    Attributes:
        name: what people read.
        key: digest of everything its result depends on.
        seconds: real time it took when it was made.
        peak_mb: the process's peak memory when it ended, in 10^6 bytes.
        unchanged: whether its result was there already.
    """

    name: str
    key: str
    seconds: float
    peak_mb: float
    unchanged: bool


class Runner:
    """Runs tasks of one project and remembers them.

    Attributes:
        tasks: what was asked for so far, in order.
        data: the commit that its tasks read and may train on, once the gates on data were asked; None before.
    """

    def __init__(self, workspace: Workspace, watch: Watch, *, code: str, force: bool = False) -> None:
        """Prepare to run.

        Args:
            workspace: the project's state.
            watch: told what happens.
            code: digest of the shipway that runs and of the versions of what it runs on.
            force: run tasks also if their key is known.
        """
        self.workspace = workspace
        self.watch = watch
        self.code = code
        self.force = force
        self.tasks: list[TaskReport] = []
        self.data: Commit | None = None

    def key_of(self, task: Task) -> str:
        """Return the digest of everything a task's result depends on."""
        return digest_value([task.function, task.code, task.inputs, task.params])

    def find(
        self, function: Callable[..., Any], *, inputs: Mapping[str, str], params: Mapping[str, Any]
    ) -> dict[str, Artifact] | None:
        """Return what a task made, or None if it was never made, is not whole any more, or is to be made again.

        Args:
            function: as for `make`.
            inputs: as for `make`.
            params: as for `make`.
        """
        task = Task(name="", function=_qualified(function), code=self.code, inputs=dict(inputs), params=dict(params))
        return None if self.force else self._known(self.key_of(task))

    def make(
        self,
        name: str,
        function: Callable[[Callable[[int, int], None]], Made],
        *,
        inputs: Mapping[str, str],
        params: Mapping[str, Any],
        user_code: bool = False,
    ) -> dict[str, Artifact]:
        """Return a task's outputs, made now or before.

        Args:
            name: what people read.
            function: makes the outputs; it is given a callback for progress (parts done, parts in all).
            inputs: input name to digest.
            params: everything else the result depends on.
            user_code: whether the project's own code runs in it.

        Raises:
            ShipwayError: whatever the function refuses; the failure is remembered first.
        """
        code = digest_value([self.code, self.workspace.project.sources_digest]) if user_code else self.code
        task = Task(name=name, function=_qualified(function), code=code, inputs=dict(inputs), params=dict(params))
        key = self.key_of(task)
        known = self._known(key)
        if known is not None and not self.force:
            self._recall(name, key, known)
            self._report(name, key, unchanged=True)
            self.watch(Event(stage="unchanged", step=name))
            return known
        self.workspace.remember(
            (f"task:{name}", RunStarted(task=name, key=key, inputs=task.inputs, params=task.params))
        )
        self.watch(Event(stage="started", step=name))
        begun = self.workspace.stopwatch.seconds()
        try:
            made = function(lambda done, of: self.watch(Event(stage="moved", step=name, done=done, of=of)))
            outputs = {output: self._keep(*content) for output, content in made.outputs.items()}
        except ShipwayError as error:
            self.workspace.remember((f"task:{name}", RunFailed(task=name, key=key, code=error.code, fact=error.fact)))
            raise
        seconds = self.workspace.stopwatch.seconds() - begun
        finished = RunFinished(
            task=name, key=key, outputs=outputs, seconds=round(seconds, 3), peak_mb=round(peak_mb(), 1)
        )
        self.workspace.remember(*made.records, (f"task:{name}", finished))
        self._report(name, key, unchanged=False)
        self.watch(Event(stage="done", step=name, said=made.said, seconds=seconds))
        return outputs

    def _report(self, name: str, key: str, *, unchanged: bool) -> None:
        run = self.workspace.state().runs[key]
        report = TaskReport(name=name, key=key, seconds=run.seconds, peak_mb=run.peak_mb, unchanged=unchanged)
        self.tasks.append(report)

    def _recall(self, name: str, key: str, outputs: dict[str, Artifact]) -> None:
        """Remember that a task is whole again, where what was last heard of its name is a try that did not end well.

        Its inputs or its code went back to what they had been, so that nothing is made and nothing else would say so.
        """
        runs = self.workspace.state().runs
        run, newest = runs[key], newest_runs(self.workspace.state()).get(name)
        if run.task == name and newest is not None and newest.state != "finished":
            finished = RunFinished(task=name, key=key, outputs=outputs, seconds=run.seconds, peak_mb=run.peak_mb)
            self.workspace.remember((f"task:{name}", finished))

    def _known(self, key: str) -> dict[str, Artifact] | None:
        run = self.workspace.state().runs.get(key)
        if run is None or run.state != "finished":
            return None
        whole = all(self.workspace.blobs.has(artifact.digest) for artifact in run.outputs.values())
        return run.outputs if whole else None

    def _keep(self, kind: str, content: bytes | Path | str, facts: dict[str, Any]) -> Artifact:
        if isinstance(content, bytes):
            digest = self.workspace.blobs.put(content)
        elif isinstance(content, Path):
            digest = self.workspace.blobs.put_file(content)
            content.unlink()
        else:
            digest = content
        return Artifact(kind=kind, digest=digest, facts=facts)


def peak_mb() -> float:
    """Return the greatest memory this process has held, in 10^6 bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def _qualified(function: Callable[..., Any]) -> str:
    inner = getattr(function, "func", function)
    return f"{inner.__module__}:{inner.__qualname__}"
