"""Statistics of features, made once for each frame and kept beside it; whoever asks for them reads what was kept."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec
import polars as pl

from shipway.app.count import write_plural
from shipway.app.frame import translate_damage
from shipway.app.runner import Made, Runner
from shipway.app.workspace import Workspace
from shipway.core.artifact import Artifact
from shipway.core.embedding import parts_of
from shipway.core.error import ShipwayError
from shipway.core.model import Model
from shipway.core.statistic import ColumnStatistic
from shipway.data.description import describe_columns
from shipway.kit.canonical import canonical_json

_OUTPUT: Final = "statistics"
_STATISTICS: Final = msgspec.json.Decoder(list[ColumnStatistic])


def describe_frame(runner: Runner, model: Model, frame: Artifact) -> Artifact:
    """Return the statistics of a frame's features, of an embedding's length, made in one pass over it or found made.

    Args:
        runner: runs and remembers.
        model: whose features.
        frame: its frame.
    """
    parts = parts_of(model.features)
    outputs = runner.make(
        _task_of(model.name),
        partial(_describe, runner, frame, model.columns, parts),
        inputs={"frame": frame.digest},
        params={"columns": list(model.columns), "embeddings": parts},
    )
    return outputs[_OUTPUT]


def read_statistics(workspace: Workspace) -> dict[str, ColumnStatistic]:
    """Return the newest statistics there are of each column of a model's frame; nothing is computed.

    A column of several models is described by the frame that was made last.
    """
    models = workspace.project.registry.models
    tasks = {_task_of(name) for name in models}
    runs = [run for run in workspace.peek().runs.values() if run.task in tasks and run.state == "finished"]
    found: dict[str, ColumnStatistic] = {}
    for run in sorted(runs, key=lambda run: run.ended_at or 0):
        kept = run.outputs.get(_OUTPUT)
        if kept is not None and workspace.blobs.has(kept.digest):
            found |= {each.column: each for each in _read(workspace, kept.digest)}
    return found


def _read(workspace: Workspace, digest: str) -> list[ColumnStatistic]:
    try:
        return _STATISTICS.decode(workspace.blobs.get(digest))
    except msgspec.MsgspecError as error:
        fact = f"blob {digest} holds no statistics ({error})"
        raise ShipwayError("SW-605", fact, "shipway run --force makes it again") from error


def _describe(
    runner: Runner,
    frame: Artifact,
    columns: Sequence[str],
    parts: Mapping[str, Sequence[str]],
    report: Callable[[int, int], None],
) -> Made:
    path = runner.workspace.blobs.path(frame.digest)
    with translate_damage(path):
        found = describe_columns(pl.scan_parquet(path), columns, embeddings=parts)
    report(len(columns), len(columns))
    said = f"{write_plural(len(found), 'feature')}"
    return Made({_OUTPUT: ("statistics", canonical_json(found), {"features": len(found)})}, said=said)


def _task_of(model: str) -> str:
    return f"describe {model}"
