"""The price of a leak: what a refused mistake would have claimed, and what it would have got.

A declared leak is first put through the refusal, which must name it. Then, and only here, the refusal is lifted: the
same model is trained on the leaky frame, judged on that frame (what it claims), and judged on the honest frame with the
same columns (what it gets when it is fed what is really known). Nothing made here can be registered.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import numpy as np
import polars as pl

from shipway.app.classes import read_predictions
from shipway.app.count import write_plural
from shipway.app.evaluation import STANDARD
from shipway.app.frame import admitted, describe_plan, frame_of, read_table
from shipway.app.part import calendar_part, code_labels
from shipway.app.progress import Event
from shipway.app.runner import Made, Runner
from shipway.app.training import score, train
from shipway.core.artifact import Artifact
from shipway.core.body import Body, LeakLifted, LeakRefused
from shipway.core.error import ShipwayError
from shipway.core.label import read_classes
from shipway.core.metric import LEADING
from shipway.core.model import Leak
from shipway.data.frame import instants_asked
from shipway.data.known import EarlyRead, find_early_reads
from shipway.data.plan import AT, LABEL, Plan, plan_frame, swap_streams
from shipway.kit.canonical import canonical_json
from shipway.training.frame import read_labels
from shipway.validation.contrast import contrast_chosen
from shipway.validation.evaluation import measure_candidate
from shipway.validation.profile import profile_by
from shipway.validation.sample import make_sample


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """How a leaky model did on one frame: skill and mean loss with their 95 % intervals, and both by month.

    Of a condition that is AUC and log loss, of a number R squared and absolute error, of classes the mean of their
    areas and log loss; `mean` is that of the label, and of classes how often the chosen one came.
    """

    skill: tuple[float, float, float]
    loss: tuple[float, float, float]
    mean_p: float
    mean: float
    month: list[dict[str, Any]]


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What a leak claims offline and what it gets when served.

    None for both where it was refused but not built, or no row of the test period has a label.
    """

    leak: str
    doc: str
    refusals: list[LeakRefused]
    claimed: Side | None = None
    served: Side | None = None


@dataclass(frozen=True, slots=True)
class Honest:
    """What a leak is compared with: the honest frame, the training cut and the test period."""

    frame: Artifact
    cut: int
    period: tuple[int, int]


def price(runner: Runner, leak: Leak, honest: Honest) -> Price:
    """Refuse a declared leak, then build it and measure both of its sides.

    Raises:
        ShipwayError: SW-106 if the declared leak is none: nothing in it is read before it is known.
    """
    spoiled = swap_streams(leak.model, leak)
    plan = plan_frame(spoiled, runner.workspace.project.registry.sources)
    refusals = _refuse(runner, leak, plan)
    if not leak.swap:
        return Price(leak=leak.name, doc=leak.doc, refusals=refusals)
    if not runner.workspace.state().leaks[leak.name].lifted:
        lifted = LeakLifted(leak=leak.name, reason="to price it")
        runner.workspace.remember((f"leak:{leak.name}", lifted))
    frame, _ = frame_of(runner, spoiled, name=f"frame {leak.name}", refuse=False)
    trained = train(runner, spoiled, frame, honest.cut, name=f"train {leak.name}")
    claimed = score(runner, frame, trained, honest.period, name=f"score {leak.name} as claimed")
    served = score(runner, honest.frame, trained, honest.period, name=f"score {leak.name} as served")
    if not (claimed.facts["labelled"] and served.facts["labelled"]):
        return Price(leak=leak.name, doc=leak.doc, refusals=refusals)
    sides = runner.make(
        f"price {leak.name}",
        partial(_price, runner, {"claimed": claimed, "served": served}),
        inputs={"claimed": claimed.digest, "served": served.digest},
        params={"timezone": runner.workspace.project.config.project.timezone},
    )
    found = msgspec.json.decode(runner.workspace.blobs.get(sides["price"].digest), type=dict[str, Side])
    return Price(leak=leak.name, doc=leak.doc, refusals=refusals, claimed=found["claimed"], served=found["served"])


def _refuse(runner: Runner, leak: Leak, plan: Plan) -> list[LeakRefused]:
    """Put a leak through the refusal and remember what it named; each refusal is remembered once."""
    snapshots = admitted(runner, plan.tables)
    outputs = runner.make(
        f"refuse {leak.name}",
        partial(_find, runner, plan),
        inputs={name: snapshot.digest for name, snapshot in snapshots.items()},
        params={"leak": leak.name, "plan": describe_plan(plan)},
    )
    found = msgspec.json.decode(runner.workspace.blobs.get(outputs["reads"].digest), type=list[LeakRefused])
    refusals = [msgspec.structs.replace(refusal, leak=leak.name) for refusal in found]
    if not refusals:
        raise ShipwayError(
            "SW-106", f"leak {leak.name!r} is none: everything it reads is known in time", "remove the declaration"
        )
    known = runner.workspace.state().leaks.get(leak.name)
    new: list[tuple[str, Body]] = [
        (f"leak:{leak.name}", refusal)
        for refusal in refusals
        if known is None or known.refusals.get(refusal.column) != refusal
    ]
    if new:
        runner.workspace.remember(*new)
    worst = max(refusals, key=lambda refusal: refusal.rows)
    said = f"{worst.column} before it is known in {worst.rows:,} of {worst.of:,} rows; {worst.example}"
    runner.watch(Event(stage="verdict", step=f"leak {leak.name}", said=said, outcome="refused"))
    return refusals


def _find(runner: Runner, plan: Plan, report: Callable[[int, int], None]) -> Made:
    del report
    snapshots = admitted(runner, plan.tables)
    tables = {name: runner.workspace.tables.read(snapshot) for name, snapshot in snapshots.items()}
    reads = find_early_reads(plan, tables, instants_asked(plan, tables[plan.spine.name]))
    said = f"{write_plural(len(reads), 'column')} read before {'it is' if len(reads) == 1 else 'they are'} known"
    return Made({"reads": ("refusal", canonical_json([_refusal(read) for read in reads]), {})}, said=said)


def _refusal(read: EarlyRead) -> LeakRefused:
    return LeakRefused(
        leak="", column=read.column, features=len(read.features), rows=read.rows, of=read.of, example=read.example
    )


def _price(runner: Runner, sides: dict[str, Artifact], report: Callable[[int, int], None]) -> Made:
    del report
    measured = {name: _side(runner, predictions) for name, predictions in sides.items()}
    said = ", ".join(f"{name} {side.skill[0]:.3f}" for name, side in measured.items())
    return Made({"price": ("price", canonical_json(measured), {})}, said=said)


def _side(runner: Runner, predictions: Artifact) -> Side:
    zone = runner.workspace.project.config.project.timezone
    scored = read_table(runner, predictions)
    rows = scored.filter(pl.col(LABEL).is_not_null())
    at = rows[AT].dt.convert_time_zone(zone)
    said = read_classes(predictions.facts)
    classes = tuple(sorted({*said, *rows[LABEL].unique().to_list()})) if said else ()
    y = read_labels(rows[LABEL], classes)
    mean = np.bincount(y, minlength=len(classes)) / rows.height if classes else float(y.mean())
    sample = make_sample(
        y=y,
        p=read_predictions(rows, said, classes),
        baselines={"base rate": np.full((rows.height, *np.shape(mean)), mean)},
        clusters={"day": code_labels(calendar_part(at, "day")).codes},
        groups={"month": code_labels(calendar_part(at, "month"), ordered=True)},
        scored=scored.height,
        x=np.empty((rows.height, 0)),
        columns=(),
        predict=lambda x: np.zeros(len(x)),
        classes=classes,
    )
    seen = contrast_chosen(sample) if classes else sample
    found = {
        check.name: measure_candidate(check, sample, subject="leak", log_digest=predictions.digest).evidence
        for check in STANDARD[sample.kind][:2]
    }
    skill, loss = (found[name] for name in LEADING[sample.kind])
    return Side(
        skill=(skill.value, skill.low, skill.high),
        loss=(loss.value, loss.low, loss.high),
        mean_p=float(seen.p.mean()),
        mean=float(seen.y.mean()),
        month=profile_by(sample, "month"),
    )
