"""A shop whose service answers with two versions: its ledger, and the log that its server would have written."""

import numpy as np
import polars as pl
from tests.app.experiment.conftest import CODE, CUSTOMERS, START, TOML, make_shop
from tests.app.experiment.test_statistic import commit

from shipway.core.body import ReleaseMoved, ReleaseStarted, ServiceOpened, VersionOpened, VersionRegistered
from shipway.core.bundle import LAYOUT, Manifest, Parity, declare_outputs
from shipway.core.prediction import OUTPUTS, PREDICTIONS
from shipway.core.record import plan_outputs
from shipway.core.service import Step, Variant
from shipway.kit.canonical import canonical_json
from shipway.kit.duration import DAY
from shipway.maths.assignment import place_unit

SALT = "desk/1"
WEIGHT = 0.5
SERVICE = """
[models.fit]
cuts = [2024-03-01]
test = [2024-03-01, 2024-03-10]

[services.desk]
model = "fit"
unit = "customer"
"""
MODEL = """

row = sw.feature_view("row", visits, {"device": visits.device})
came = sw.label("came", placed.price > 0)


@sw.model("fit", on=visits, at=visits.opened, label=came, features=[row])
def train(frame):
    raise NotImplementedError


sw.experiment(
    "ranker",
    unit=customer,
    exposed=sw.answers("desk"),
    metrics=[sw.effect("spent", spent, covariates=[habit.spent_21d], detect=0.32) > 0],
    design=sw.group_sequential(most="21d"),
)
"""


def serve(lab, *, hold=60 * DAY):
    """Give a lab a service on which version 2 is on trial since the day before its experiments begin."""
    (lab.root / "shipway.toml").write_text(TOML + SERVICE)
    (lab.root / "project.py").write_text(CODE + MODEL)
    old, new = (Variant(version=number, bundle=f"{number}" * 64, online="store") for number in (1, 2))
    walk = (Step(weight=0.0, hold_us=DAY), Step(weight=WEIGHT, hold_us=hold), Step(weight=1.0))
    began = START - DAY
    with lab.workspace() as workspace:
        workspace.remember(
            ("service:desk", ServiceOpened(service="desk", model="fit", variant=old, at=began - 30 * DAY)),
            (
                "release:desk/1",
                ReleaseStarted(
                    release=SALT, service="desk", model="fit", walk=walk, candidate=new, stable=old, at=began - DAY
                ),
            ),
        )
    move(lab, 1, WEIGHT, began)


def move(lab, step, weight, at, outcome="walking"):
    """Move the walk of the lab's service."""
    body = ReleaseMoved(release=SALT, outcome=outcome, step=step, weight=weight, verdict="", reason="by hand", at=at)
    with lab.workspace() as workspace:
        workspace.remember((f"release:{SALT}", body))


def visits_of(lab):
    with lab.workspace() as workspace:
        return workspace.tables.read(workspace.admitted(["visits"])["visits"])


def answer(lab, days, *, since=-30, version=lambda unit: choose(unit), weight=lambda unit: WEIGHT, p=None):
    """Log an answer to each visit of some days, as a server would have; `p` gives both versions' predictions."""
    at = pl.col("opened").cast(pl.Int64)
    rows = visits_of(lab).filter(at >= START + since * DAY, at < START + days * DAY).sort("opened")
    units, when = rows["customer"].to_list(), rows["opened"].cast(pl.Int64).to_numpy()
    names = [f"r{visit}" for visit in rows["visit"].to_list()]
    live = [version(unit) if day >= START else 1 for unit, day in zip(units, when.tolist(), strict=True)]
    with lab.workspace() as workspace:
        log = workspace.open_log("desk")
        log.append(PREDICTIONS, _columns(names, units, when, live, "live", weight, p))
        if p is not None:
            other = [3 - number for number in live]
            log.append(PREDICTIONS, _columns(names, units, when, other, "shadow", weight, p))


CLASSES = {1: ("bike", "car"), 2: ("bike", "car", "van")}


def sort_out(lab):
    """Give both versions a bundle that tells classes apart, of which version 2 knows one more."""
    with lab.workspace() as workspace:
        for number, classes in CLASSES.items():
            manifest = Manifest(
                layout=LAYOUT, model="fit", version=number, format="linear", native="n", served="s", runtime="onnx",
                cut=START, inputs=(), outputs=declare_outputs("class", classes), training={}, metrics={}, verdict={},
                parity=Parity(rows=0, largest=0.0, mean=0.0, tolerance=1e-4), files={},
            )  # fmt: skip
            digest = workspace.blobs.put(canonical_json(manifest))
            workspace.remember(
                ("model:fit", VersionOpened(model="fit", number=number, key=f"{number}", cut=START)),
                ("model:fit", VersionRegistered(model="fit", number=number, bundle=digest)),
            )


def answer_classes(lab, days, p, *, since=0):
    """Log an answer to each visit of some days by both versions; `p` gives the probabilities that each says."""
    at = pl.col("opened").cast(pl.Int64)
    rows = visits_of(lab).filter(at >= START + since * DAY, at < START + days * DAY).sort("opened")
    units, when = rows["customer"].to_list(), rows["opened"].cast(pl.Int64).to_numpy()
    names = [f"r{visit}" for visit in rows["visit"].to_list()]
    said = [p(unit) for unit in units]
    with lab.workspace() as workspace:
        log = workspace.open_log("desk")
        for number, classes in CLASSES.items():
            columns = _columns(names, units, when, [number] * len(names), "", lambda unit: WEIGHT, None)
            told = np.array([each[number - 1] for each in said])
            del columns["p"]
            columns["role"] = ["live" if choose(unit) == number else "shadow" for unit in units]
            columns |= {"y": np.full(len(names), np.nan), "class": [classes[row.argmax()] for row in told]}
            columns |= {f"output probabilities[{name}]": told[:, place] for place, name in enumerate(classes)}
            log.append(OUTPUTS + plan_outputs(declare_outputs("class", classes)).form, columns)


def choose(unit):
    """Return the version that the service's hash gives a unit."""
    return 2 if place_unit(SALT, unit) < WEIGHT else 1


def _columns(names, units, when, versions, role, weight, p):
    count = len(names)
    said = [0.5 if p is None else p(unit)[number - 1] for unit, number in zip(units, versions, strict=True)]
    return {
        "request": names,
        "row": names,
        "at": when,
        "unit": units,
        "version": np.array(versions, dtype=np.int64),
        "role": [role] * count,
        "weight": np.array([weight(unit) if at >= START else 0.0 for unit, at in zip(units, when, strict=True)]),
        "token": np.full(count, 3, dtype=np.int64),
        "p": np.array(said),
        "error": [None] * count,
        "latency_us": np.full(count, 100, dtype=np.int64),
        "answer_us": np.full(count, 200, dtype=np.int64),
        "online": ["store"] * count,
    }


def sell(lab, days, lift=0.0):
    """Let the shop live for some days, customers whom version 2 answers ordering more."""
    boosts = np.array([1 + lift * (choose(f"c{number}") == 2) for number in range(CUSTOMERS)])
    visits, orders = make_shop(days, boosts)
    commit(lab, visits=visits.with_columns(pl.lit(None, pl.String).alias("said")), orders=orders)
