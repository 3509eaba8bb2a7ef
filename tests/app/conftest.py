"""A desk: a service whose versions are registered without training, so that its life can be told in milliseconds."""

from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from shipway.app.evaluation import Evaluated
from shipway.app.frame import frame_of
from shipway.app.ingest import admit, make_tables
from shipway.app.packaging import gather
from shipway.app.project import find_project
from shipway.app.run import period_of
from shipway.app.training import train
from shipway.app.version import open_version
from shipway.app.workspace import Workspace
from shipway.core.artifact import Artifact
from shipway.core.body import EvidenceRecorded, VerdictGiven, VersionOpened, VersionRegistered
from shipway.core.bundle import DRIFT, LAYOUT, KeyedFeatures, Manifest, Parity, declare_outputs
from shipway.core.check import Evidence
from shipway.core.error import ShipwayError
from shipway.core.gate import Finding, Verdict
from shipway.core.online import make_layout
from shipway.core.reference import DriftReference
from shipway.kit.canonical import canonical_json
from shipway.kit.duration import DAY

START = 18_262 * DAY
"""2020-01-01, at which the desk's replay begins."""
TOML = """\
[project]
name = "trial"
timezone = "UTC"

[raw]
orders = "orders.csv"

[models.late]
cuts = [2019-12-01]
test = [2019-12-01, 2020-01-01]

[services.desk]
model = "late"
tick = "1d"
rest = "4d"
rehearsal = "0s"
walk = [{weight = 0, hold = "2d"}, {weight = 0.1, hold = "1d"}, {weight = 1}]
"""
REPLAY = """
[replay]
service = "desk"
period = [2020-01-01, 2020-03-01]
stale = "6h"
"""
CODE = """\
import polars as pl

import shipway as sw
from shipway import windows as w


@sw.source(key="id", raw="orders", known_at={"placed": ("price", "shop"), "settled": ("bad",), "closed": ()})
def orders(orders: pl.DataFrame) -> pl.DataFrame:
    return orders


late = sw.label("late", orders.event("closed").bad.equals(True))
basket = sw.feature_view("basket", orders, {"price": orders.price})
shop = sw.feature_view("shop", sw.entity("shop"), {"sold_1d": w.count(orders.event("placed"), last="1d")})


@sw.model("late", on=orders, at=orders.placed, label=late, features=[basket, shop])
def train(frame: sw.TrainFrame) -> object:
    return frame
"""
SCHEMA = {"orders": {"id": "int", "price": "float", "shop": "text"}}


class OpenTraffic:
    """A traffic in memory that serves any bundle but those in `broken`, and does not answer where it is `silent`.

    Beside a stable version it refuses the bundles in `odd`, as a server does whose callers could not read them.
    """

    def __init__(self):
        self.routings, self.applied = {}, []
        self.broken, self.odd, self.silent = set(), set(), False

    def apply(self, routing):
        self._answer()
        before = self.routings.get(routing.service)
        if before is not None and before.token > routing.token:
            raise ShipwayError("SW-803", f"token {routing.token} is older than {before.token}", "read the ledger again")
        for variant in (routing.stable, routing.candidate):
            if variant is not None and variant.bundle in self.broken:
                raise ShipwayError("SW-605", f"bundle {variant.bundle[:12]} is lost", "restore it")
        if routing.candidate is not None and routing.candidate.bundle in self.odd:
            raise ShipwayError("SW-802", "it lacks a class, and callers know it", "serve it under a name of its own")
        self.routings[routing.service] = routing
        self.applied.append(routing)

    def current(self, service):
        self._answer()
        return self.routings.get(service)

    def _answer(self):
        if self.silent:
            raise ShipwayError("SW-801", "nobody answers", "start the server")


@dataclass
class Desk:
    """A project with a service, and versions of its model that were registered by hand."""

    root: Path
    traffic: OpenTraffic = field(default_factory=OpenTraffic)
    predicts: str = "condition"
    said: DriftReference | None = None
    classes: dict[int, tuple[str, ...]] = field(default_factory=dict)

    @property
    def project(self):
        return find_project(self.root)

    def workspace(self):
        return closing(Workspace(self.project))

    def register(self, workspace, cut=START - DAY, *, outcome="pass", bundle=True):
        """Remember the next version of the model, judged and with a bundle."""
        workspace.folder.mkdir(exist_ok=True)
        number = len(workspace.state().models.get("late", [])) + 1
        subject = f"model:late@{number}"
        evidence = Evidence(check="auc", subject=subject, value=0.8, low=0.7, high=0.9, n=100)
        finding = Finding(rule="auc >= 0.6", outcome=outcome, reason="0.8", evidence=evidence.id)
        verdict = Verdict(gate="quality", subject=subject, outcome=outcome, findings=(finding,))
        bodies = [
            VersionOpened(model="late", number=number, key=f"key {number}", cut=cut),
            EvidenceRecorded(evidence=evidence),
            VerdictGiven(verdict=verdict, gates=("quality",)),
        ]
        if bundle:
            files = {} if self.said is None else {DRIFT: workspace.blobs.put(canonical_json(self.said))}
            outputs = declare_outputs(self.predicts, self.classes.get(number, ()))
            manifest = make_manifest(workspace.project, number, cut, outputs, files)
            digest = workspace.blobs.put(canonical_json(manifest))
            assert digest == manifest.digest
            bodies.append(VersionRegistered(model="late", number=number, bundle=digest))
        workspace.remember(*((subject, body) for body in bodies))
        return number

    def add(self, text, file="shipway.toml"):
        """Write more at the end of a file of the project."""
        path = self.root / file
        path.write_text(path.read_text() + text)


def make_manifest(project, number, cut, outputs, files):
    """Return a manifest that names its version and its features, and nothing that was trained."""
    return Manifest(
        layout=LAYOUT,
        model="late",
        version=number,
        format="linear",
        native="native.json",
        served="model.onnx",
        runtime="onnx",
        cut=cut,
        inputs=(),
        outputs=outputs,
        features=KeyedFeatures(
            at="orders.placed",
            spine="orders",
            key=("id",),
            views=project.registry.models["late"].features,
            schema=SCHEMA,
        ),
        parity=Parity(rows=0, largest=0.0, mean=0.0, tolerance=1e-4),
        training={"rows": number},
        metrics={},
        verdict={},
        files=files,
    )


def store_of(project):
    """Return the name of the online store that the desk's versions read."""
    views = project.registry.models["late"].features
    return make_layout("orders", ("id",), views, SCHEMA).namespace


def history_of(workspace):
    """Return what a ledger says, without when in real time and where in the chain it was said."""
    return [(entry.kind, entry.subject, msgspec.json.decode(entry.body)) for entry in workspace.ledger.read()]


@pytest.fixture
def desk(tmp_path):
    """Return a desk without a version."""
    root = tmp_path / "trial"
    root.mkdir()
    (root / "shipway.toml").write_text(TOML)
    (root / "project.py").write_text(CODE)
    return Desk(root)


@pytest.fixture
def history():
    """Return `history_of`."""
    return history_of


@pytest.fixture
def store():
    """Return `store_of`."""
    return store_of


CLASSES = ("kept", "returned early", "returned late")


@pytest.fixture
def fate(fresh):
    """Return the template's project, never run, with a label of classes: what becomes of an order; it has no gate."""
    return tell_fates(fresh)


def tell_fates(root):
    """Give the template's project a label of classes, and take its gate before release away."""
    path = root / "project.py"
    text = path.read_text()
    changes = {
        'returned=pl.col("returned") == 1,': 'returned=pl.col("returned") == 1, fate=fate_of(settled - placed),',
        '"settled": ("returned",)': '"settled": ("returned", "fate")',
        'sw.label("returned", closings.returned.equals(True))': 'sw.label("fate", closings.fate)',
        "    rising=[customer.returned_90d, product.returned_60d],\n": "",
        '"objective": "binary"': '"objective": "multiclass", "num_class": len(frame.classes)',
        '        "monotone_constraints": list(frame.monotone),\n': "",
        "# A source is a table": FATE,
    }
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    start, end = text.index('sw.gate(\n    "quality"'), text.index("# A model: which rows")
    path.write_text(text[:start] + text[end:])
    return root


def gather_fate(runner):
    """Train the model of that project, and return what the bundle of its version is made of, which nobody judged."""
    project = runner.workspace.project
    admit(runner, make_tables(runner))
    model, section = project.registry.models["returned"], project.config.models["returned"]
    frame, _ = frame_of(runner, model)
    cut = project.instant(section.cuts[0])
    trained = train(runner, model, frame, cut, name="train fate")
    version = open_version(runner, model, trained, cut)
    evaluated = Evaluated({}, Artifact(kind="profile", digest=""), [])
    return gather(runner, model, version, frame, trained, evaluated, period_of(project, section))


FATE = """\
def fate_of(after):
    kept, early = pl.col("returned") != 1, after < pl.duration(days=10)
    late = pl.when(early).then(pl.lit("returned early")).otherwise(pl.lit("returned late"))
    return pl.when(after.is_not_null()).then(pl.when(kept).then(pl.lit("kept")).otherwise(late))


# A source is a table\
"""
