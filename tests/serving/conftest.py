"""A small shop's state folder with bundles that really predict, and the server process over real sockets."""

import contextlib
import http.client
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from shipway.adapters.file.blob import FileBlobs
from shipway.adapters.lmdb.store import LmdbOnline
from shipway.adapters.log.parquet import ParquetLog
from shipway.adapters.onnx.runtime import OnnxRuntime
from shipway.core import window as w
from shipway.core.bundle import NUMBER, InputColumn, KeyedFeatures, OutputColumn, declare_outputs
from shipway.core.entry import encode_series, pack_entry
from shipway.core.feature import ALWAYS, Entity, FeatureView, Source
from shipway.core.online import make_layout
from shipway.core.service import Routing, Variant
from shipway.core.shelf import SHELF, Shelf, Shelved
from shipway.delivery.bundle import Form, build_bundle
from shipway.kit.canonical import canonical_json
from shipway.testing.collector import run_collector

NOON = 1_700_000_000_000_000
HOUR = 3_600_000_000
BROKEN, ODD = 777.0, 666.0
"""Amounts that one of the models breaks on, and that it predicts NaN for."""
COUNTRIES = ("AT", "DE", "FR")

ORDERS = Source(
    "orders", ("order",), (), {ALWAYS: ("amount", "country", "express", "placed", "items", "customer", "channel")}
)
PAYMENTS = Source("payments", ("no",), (), {"paid": ("customer", "sum")})
PAID = PAYMENTS.event("paid")
ROW = FeatureView("row", None, {
    "amount": ORDERS.amount, "country": ORDERS.country, "express": ORDERS.express, "items": ORDERS.items,
    "wait": (ORDERS.placed - ORDERS.placed) / "1m",
})  # fmt: skip
CUSTOMER = FeatureView("customer", Entity("customer", ("customer",)), {
    "n": w.count(PAID, last="1d"), "total": w.total(PAYMENTS.event("paid").sum, last="1d"),
})  # fmt: skip
VIEWS = (ROW, CUSTOMER)
SCHEMA = {
    "orders": {
        "order": "int", "amount": "float", "country": "text", "express": "bool", "placed": "instant", "items": "int",
        "customer": "text", "channel": "text",
    },
    "payments": {"no": "int", "customer": "text", "sum": "int", "paid": "instant"},
}  # fmt: skip
LAYOUT = make_layout("orders", ("order",), VIEWS, SCHEMA)
WEIGHTS = (0.01, 0.5, -0.3, 0.1, 0.0, 0.2, -0.002)


def make_graph(bias, *, moody=False):
    """A logistic regression on seven columns, NaN as 0; a moody one breaks on an amount, and gives NaN for another."""
    nodes = [
        helper.make_node("IsNaN", ["x"], ["gap"]),
        helper.make_node("Where", ["gap", "zero", "x"], ["filled"]),
        helper.make_node("MatMul", ["filled", "w"], ["sum"]),
        helper.make_node("Add", ["sum", "b"], ["score"]),
        helper.make_node("Sigmoid", ["score"], ["plain"]),
    ]
    constants = {
        "zero": np.zeros(1, np.float32), "one": np.ones(1, np.float32), "b": np.asarray([bias], np.float32),
        "w": np.asarray(WEIGHTS, np.float32)[:, None],
    }  # fmt: skip
    last = "plain"
    if moody:
        last = "p"
        constants |= {
            "first": np.asarray([0]), "odd": np.asarray([ODD], np.float32), "broken": np.asarray([BROKEN], np.float32),
            "nan": np.asarray([np.nan], np.float32), "table": np.asarray([0.0, 0.0], np.float32),
            "far": np.asarray([99]), "near": np.asarray([0]),
        }  # fmt: skip
        nodes += [
            helper.make_node("Gather", ["x", "first"], ["amount"], axis=1),
            helper.make_node("Equal", ["amount", "odd"], ["is_odd"]),
            helper.make_node("Equal", ["amount", "broken"], ["is_broken"]),
            helper.make_node("Where", ["is_broken", "far", "near"], ["where"]),
            helper.make_node("Gather", ["table", "where"], ["nothing"]),
            helper.make_node("Add", ["plain", "nothing"], ["added"]),
            helper.make_node("Where", ["is_odd", "nan", "added"], ["p"]),
        ]
    nodes += [
        helper.make_node("Sub", ["one", last], ["q"]),
        helper.make_node("Concat", ["q", last], ["probability"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "logistic",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 7])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def predict_by_hand(values, bias):
    """What the graph says, computed without it."""
    score = sum(weight * (value or 0.0) for weight, value in zip(WEIGHTS, values, strict=True)) + bias
    return 1 / (1 + math.exp(-score))


def make_bundle(number, bias, *, moody=False, model="fraud", views=VIEWS):
    """A bundle's manifest and files."""
    graph = make_graph(bias, moody=moody)
    predictor = OnnxRuntime().load(graph)
    x = np.random.default_rng(1).normal(size=(200, 7)).astype(np.float32).astype(np.float64)
    inputs = tuple(
        InputColumn(name=name, kind="category", categories=COUNTRIES)
        if name == "row_country"
        else InputColumn(name=name, kind="number")
        for name in make_layout("orders", ("order",), views, SCHEMA).columns
    )
    return build_bundle(
        model=model, version=number, cut=NOON, ending="onnx", native=Form("onnx", graph, predictor),
        portable=Form("onnx", graph, predictor), inputs=inputs,
        features=KeyedFeatures(at="orders.placed", spine="orders", key=("order",), views=views, schema=SCHEMA),
        sample={"x": x}, training={"rows": 200, "rate": 0.5}, metrics={}, verdict={},
        lock="# none\n", card="# fraud\n",
    )  # fmt: skip


DTYPES = {
    "BOOL": (TensorProto.BOOL, np.bool_), "UINT8": (TensorProto.UINT8, np.uint8),
    "UINT16": (TensorProto.UINT16, np.uint16), "UINT32": (TensorProto.UINT32, np.uint32),
    "UINT64": (TensorProto.UINT64, np.uint64), "INT8": (TensorProto.INT8, np.int8),
    "INT16": (TensorProto.INT16, np.int16), "INT32": (TensorProto.INT32, np.int32),
    "INT64": (TensorProto.INT64, np.int64), "FP16": (TensorProto.FLOAT16, np.float16),
    "FP32": (TensorProto.FLOAT, np.float32), "FP64": (TensorProto.DOUBLE, np.float64),
    "BYTES": (TensorProto.STRING, np.object_),
}  # fmt: skip
"""Datatypes of the protocol, as ONNX and NumPy call them."""


def make_mirror(number=1, model="mirror"):
    """A bundle that reads a tensor of each datatype and gives it back, and the sum of one of them for each row."""
    inputs = [helper.make_tensor_value_info(f"in_{name}", kind, ["n", "m"]) for name, (kind, _) in DTYPES.items()]
    outputs = [helper.make_tensor_value_info(f"out_{name}", kind, ["n", "m"]) for name, (kind, _) in DTYPES.items()]
    nodes = [helper.make_node("Identity", [f"in_{name}"], [f"out_{name}"]) for name in DTYPES]
    nodes.append(helper.make_node("ReduceSum", ["in_FP64", "axis"], ["total"], keepdims=0))
    outputs.append(helper.make_tensor_value_info("total", TensorProto.DOUBLE, ["n"]))
    axis = numpy_helper.from_array(np.array([1]), "axis")
    graph = helper.make_graph(nodes, f"mirror {number}", inputs, outputs, [axis])
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
    form = Form("onnx", data, OnnxRuntime().load(data))
    sample = {f"in_{name}": np.ones((3, 2)).astype(dtype) for name, (_, dtype) in DTYPES.items()}
    sample["in_BYTES"] = np.array([["a", "b"], ["c", ""], ["e", "f"]], dtype=object)
    return build_bundle(
        model=model, version=number, cut=NOON, ending="onnx", native=form, portable=form, reads="tensors",
        inputs=[InputColumn(name=f"in_{name}", kind="tensor", datatype=name, shape=(-1, -1)) for name in DTYPES],
        outputs=[
            *(OutputColumn(name=f"out_{name}", datatype=name, shape=(-1, -1)) for name in DTYPES),
            OutputColumn(name="total", datatype="FP64"),
        ],
        features=None, sample=sample, training={}, metrics={}, verdict={}, lock="# none\n", card="# mirror\n",
    )  # fmt: skip


SPECIES = ("early", "late", "never")
SORTS = SPECIES
MORE_SORTS = ("early", "late", "lost", "never")


def make_moody(nodes, last, name):
    """Nodes that break on one amount and give NaN for another, after those that give numbers of shape (rows, n)."""
    return [
        *nodes,
        helper.make_node("Gather", ["x", "first"], ["amount"], axis=1),
        helper.make_node("Equal", ["amount", "odd"], ["is_odd"]),
        helper.make_node("Equal", ["amount", "broken"], ["is_broken"]),
        helper.make_node("Where", ["is_broken", "far", "near"], ["where"]),
        helper.make_node("Gather", ["table", "where"], ["nothing"]),
        helper.make_node("Add", [last, "nothing"], ["added"]),
        helper.make_node("Where", ["is_odd", "nan", "added"], [name]),
    ], {
        "first": np.asarray([0]), "odd": np.asarray([ODD], np.float32), "broken": np.asarray([BROKEN], np.float32),
        "nan": np.asarray([np.nan], np.float32), "table": np.asarray([0.0, 0.0], np.float32),
        "far": np.asarray([99]), "near": np.asarray([0]),
    }  # fmt: skip


def make_form(name, nodes, constants, inputs, outputs):
    """A graph as the form of a model."""
    values = [numpy_helper.from_array(value, key) for key, value in constants.items()]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(key, kind, shape) for key, kind, shape in inputs],
        [helper.make_tensor_value_info(key, kind, shape) for key, kind, shape in outputs],
        values,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    data = model.SerializeToString()
    return Form("onnx", data, OnnxRuntime().load(data))


def make_delay(number, bias, *, extra=False, moody=True):
    """A regression on the shop's features: `minutes`, and with `extra` its square."""
    nodes = [
        helper.make_node("IsNaN", ["x"], ["gap"]),
        helper.make_node("Where", ["gap", "zero", "x"], ["filled"]),
        helper.make_node("MatMul", ["filled", "w"], ["sum"]),
        helper.make_node("Add", ["sum", "b"], ["score" if moody else "minutes"]),
    ]
    constants = {}
    if moody:
        nodes, constants = make_moody(nodes, "score", "minutes")
    nodes.append(helper.make_node("Mul", ["minutes", "minutes"], ["square"]))
    constants |= {
        "zero": np.zeros(1, np.float32), "b": np.asarray([bias], np.float32),
        "w": np.asarray(WEIGHTS, np.float32)[:, None],
    }  # fmt: skip
    names = ("minutes", "square") if extra else ("minutes",)
    form = make_form(
        f"delay {number}", nodes, constants, [("x", TensorProto.FLOAT, ["n", 7])],
        [(name, TensorProto.FLOAT, ["n", 1]) for name in names],
    )  # fmt: skip
    outputs = [OutputColumn(name=name, datatype="FP32", shape=(-1, 1)) for name in names]
    return make_keyed("delay", number, form, outputs)


def make_eta(number, bias, *, moody=True):
    """A model of a number on the shop's features, minutes, which says one `prediction` for each row; moody."""
    nodes = [
        helper.make_node("IsNaN", ["x"], ["gap"]),
        helper.make_node("Where", ["gap", "zero", "x"], ["filled"]),
        helper.make_node("MatMul", ["filled", "w"], ["sum"]),
        helper.make_node("Add", ["sum", "b"], ["score" if moody else "prediction"]),
    ]
    constants = {}
    if moody:
        nodes, constants = make_moody(nodes, "score", "prediction")
    constants |= {
        "zero": np.zeros(1, np.float32), "b": np.asarray([bias], np.float32),
        "w": 100 * np.asarray(WEIGHTS, np.float32)[:, None],
    }  # fmt: skip
    form = make_form(
        f"eta {number}", nodes, constants, [("x", TensorProto.FLOAT, ["n", 7])],
        [("prediction", TensorProto.FLOAT, ["n", 1])],
    )  # fmt: skip
    return make_keyed("eta", number, form, NUMBER)


def count_minutes(values, bias):
    """What that graph says, computed without it."""
    return 100 * sum(weight * (value or 0.0) for weight, value in zip(WEIGHTS, values, strict=True)) + bias


def make_kinds(number, bias, classes=SPECIES):
    """A classifier of three on the shop's features: `label` as a number, and `probability` of each; moody."""
    nodes, constants = make_moody(
        [
            helper.make_node("IsNaN", ["x"], ["gap"]),
            helper.make_node("Where", ["gap", "zero", "x"], ["filled"]),
            helper.make_node("MatMul", ["filled", "w"], ["sum"]),
            helper.make_node("Add", ["sum", "b"], ["score"]),
            helper.make_node("Softmax", ["score"], ["plain"], axis=1),
        ],
        "plain",
        "probability",
    )
    nodes.append(helper.make_node("ArgMax", ["probability"], ["label"], axis=1, keepdims=0))
    constants |= {
        "zero": np.zeros(1, np.float32), "b": np.asarray([bias, 0.5, -0.5], np.float32),
        "w": np.outer(WEIGHTS, [1, -1, 0.5]).astype(np.float32),
    }  # fmt: skip
    form = make_form(
        f"kinds {number}", nodes, constants, [("x", TensorProto.FLOAT, ["n", 7])],
        [("label", TensorProto.INT64, ["n"]), ("probability", TensorProto.FLOAT, ["n", 3])],
    )  # fmt: skip
    outputs = [
        OutputColumn(name="label", datatype="INT64"),
        OutputColumn(name="probability", datatype="FP32", shape=(-1, 3), classes=tuple(classes)),
    ]
    return make_keyed("kinds", number, form, outputs)


def make_sort(number, bias, classes=SORTS, *, moody=True, whole=1.0, said="probabilities"):
    """A model of a label of classes on the shop's features: how probable each is, `whole` together; moody.

    Where its output is called otherwise than `probabilities`, it is a model of classes without a label, `share`.
    """
    nodes = [
        helper.make_node("IsNaN", ["x"], ["gap"]),
        helper.make_node("Where", ["gap", "zero", "x"], ["filled"]),
        helper.make_node("MatMul", ["filled", "w"], ["sum"]),
        helper.make_node("Add", ["sum", "b"], ["score"]),
        helper.make_node("Softmax", ["score"], ["fair"], axis=1),
        helper.make_node("Mul", ["fair", "whole"], ["plain"]),
        helper.make_node("Cast", ["moody" if moody else "plain"], [said], to=TensorProto.DOUBLE),
    ]
    constants = {}
    if moody:
        nodes[6:6], constants = make_moody([], "plain", "moody")
    k = len(classes)
    constants |= {
        "zero": np.zeros(1, np.float32), "whole": np.asarray([whole], np.float32),
        "b": (bias * np.arange(k) / 4).astype(np.float32),
        "w": np.outer(WEIGHTS, np.linspace(1, -1, k)).astype(np.float32),
    }  # fmt: skip
    form = make_form(
        f"sort {number}", nodes, constants, [("x", TensorProto.FLOAT, ["n", 7])],
        [(said, TensorProto.DOUBLE, ["n", k])],
    )  # fmt: skip
    outputs = declare_outputs("class", tuple(classes))
    if said != outputs[0].name:
        lone = OutputColumn(name=said, datatype="FP64", shape=outputs[0].shape, classes=outputs[0].classes)
        return make_keyed("share", number, form, [lone])
    return make_keyed("sort", number, form, outputs)


def share_classes(values, bias, classes=SORTS):
    """What that graph says of one row, computed without it: a class's probability by name."""
    total = sum(weight * (value or 0.0) for weight, value in zip(WEIGHTS, values, strict=True))
    k = len(classes)
    scores = [total * (1 - 2 * place / (k - 1)) + bias * place / 4 for place in range(k)]
    powers = [math.exp(score - max(scores)) for score in scores]
    return {name: power / sum(powers) for name, power in zip(classes, powers, strict=True)}


def make_keyed(model, number, form, outputs):
    """A bundle of a model on the shop's features."""
    x = np.random.default_rng(1).normal(size=(200, 7)).astype(np.float32).astype(np.float64)
    inputs = tuple(
        InputColumn(name=name, kind="category", categories=COUNTRIES)
        if name == "row_country"
        else InputColumn(name=name, kind="number")
        for name in LAYOUT.columns
    )
    features = KeyedFeatures(at="orders.placed", spine="orders", key=("order",), views=VIEWS, schema=SCHEMA)
    return build_bundle(
        model=model, version=number, cut=NOON, ending="onnx", native=form, portable=form, inputs=inputs,
        outputs=outputs, features=features, sample={"x": x}, training={}, metrics={}, verdict={},
        lock="# none\n", card=f"# {model}\n",
    )  # fmt: skip


def make_vector(number, scale):
    """A model of texts and numbers: gives the text back, a vector of four and one of a hundred; it reads tensors."""
    nodes = [
        helper.make_node("Identity", ["text"], ["said"]),
        helper.make_node("MatMul", ["number", "four"], ["short"]),
        helper.make_node("MatMul", ["number", "hundred"], ["long"]),
    ]
    constants = {
        "four": np.arange(4, dtype=np.float32)[None] * np.float32(scale),
        "hundred": np.arange(100, dtype=np.float32)[None] * np.float32(scale),
    }
    form = make_form(
        f"vector {number}", nodes, constants,
        [("text", TensorProto.STRING, ["n"]), ("number", TensorProto.FLOAT, ["n", 1])],
        [("said", TensorProto.STRING, ["n"]), ("short", TensorProto.FLOAT, ["n", 4]),
         ("long", TensorProto.FLOAT, ["n", 100])],
    )  # fmt: skip
    return build_bundle(
        model="vector", version=number, cut=NOON, ending="onnx", native=form, portable=form, reads="tensors",
        inputs=[
            InputColumn(name="text", kind="tensor", datatype="BYTES"),
            InputColumn(name="number", kind="tensor", datatype="FP32", shape=(-1, 1)),
        ],
        outputs=[
            OutputColumn(name="said", datatype="BYTES"),
            OutputColumn(name="short", datatype="FP32", shape=(-1, 4)),
            OutputColumn(name="long", datatype="FP32", shape=(-1, 100)),
        ],
        features=None,
        sample={"text": np.array(["a", "b", "c"], dtype=object), "number": np.ones((3, 1), np.float32)},
        training={}, metrics={}, verdict={}, lock="# none\n", card="# vector\n",
    )  # fmt: skip


def export(folder, manifest, files):
    """Write a bundle into a folder, as an export does."""
    place = folder / f"{manifest.model}-{manifest.version}"
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place


def stock(state, **models):
    """Write down what servers may load, as the control plane does."""
    versions = [
        Shelved(model=name, version=number, bundle=digest)
        for name, bundles in models.items()
        for number, digest in bundles.items()
    ]
    (state / SHELF).write_bytes(canonical_json(Shelf(versions=tuple(versions))))


@dataclass
class Shop:
    """A folder of state: bundles by version, and online stores."""

    state: Path
    bundles: dict[int, str] = field(default_factory=dict)

    def add(self, number, bias, **options):
        manifest, files = make_bundle(number, bias, **options)
        blobs = FileBlobs(self.state / "blobs")
        for content in files.values():
            blobs.put(content)
        self.bundles[number] = manifest.digest
        return manifest

    def keep(self, built):
        """Keep a bundle of another model, and return its digest."""
        manifest, files = built
        blobs = FileBlobs(self.state / "blobs")
        for content in files.values():
            blobs.put(content)
        return manifest.digest

    def variant(self, number, online="main"):
        return Variant(version=number, bundle=self.bundles[number], online=online)

    def route(self, stable=1, candidate=None, *, online="main", trial="main", service="fraud", **changes):
        """A routing between two versions."""
        other = None if candidate is None else self.variant(candidate, trial)
        stable = self.variant(stable, online)
        return Routing(service=service, model="fraud", stable=stable, candidate=other, **changes)

    def pay(self, customer, payments, online="main"):
        """Write what a customer paid, as (instant, sum), into an online store."""
        store = LmdbOnline(self.state / "online" / online)
        series = LAYOUT.series[0]
        totals, entries = [0, 0, 0], []
        for at, amount in sorted(payments):
            totals = [totals[0] + 1, totals[1] + 1, totals[2] + amount]
            entries.append((encode_series(0, [customer]), at, pack_entry(series.packing, totals, [])))
        store.write(entries, position=b"x")
        store.close()

    def log(self, stream="predictions", service="fraud"):
        """Rows of the log, as a frame."""
        return ParquetLog(self.state / "log" / service).read(stream)


@pytest.fixture(scope="session")
def stored_shop(tmp_path_factory):
    """State with three versions, the third moody, and a customer with history; read it only."""
    shop = Shop(tmp_path_factory.mktemp("shop") / ".shipway")
    shop.state.mkdir()
    for number, bias in ((1, -0.5), (2, 0.25)):
        shop.add(number, bias)
    shop.add(3, 0.5, moody=True)
    shop.pay("ann", [(NOON - 2 * HOUR, 10), (NOON - HOUR, 30), (NOON + HOUR, 500)])
    shop.pay("ann", [(NOON - HOUR, 7)], online="stale")
    return shop


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """A folder of exported bundles: a model that mirrors tensors."""
    folder = tmp_path_factory.mktemp("exported")
    export(folder, *make_mirror())
    return folder


@pytest.fixture(scope="session")
def mirrors():
    """What exports versions of the model that mirrors tensors into a folder."""
    return lambda folder, *numbers: [export(folder, *make_mirror(number)) for number in numbers]


@pytest.fixture(scope="session")
def shelve():
    """What writes down which versions servers may load."""
    return stock


@dataclass
class Fair(Shop):
    """A shop with models of other kinds: `eta` (a number), `sort` (a class), `delay`, `kinds` and `vector` (no label).

    Of `share`, a model of classes without a label, version 3 tells one class more apart than version 2, and is not
    moody. Of `eta`, `sort` and `delay`, version 1 is not moody; version 3 of `eta` is a condition, that of `delay`
    gives one output more, that of `kinds` tells other classes apart, and that of `sort` one more. Version 4 of `sort`
    knows one class less, and what version 5 says makes a half together. `vector` reads texts and tensors.
    """

    digests: dict[tuple[str, int], str] = field(default_factory=dict)

    def between(self, model, stable=1, candidate=None, *, online="main", **changes):
        """A routing between two versions of a model, whose service has its name."""

        def variant(number):
            return Variant(version=number, bundle=self.digests[model, number], online=online)

        other = None if candidate is None else variant(candidate)
        return Routing(**{"service": model, **changes}, model=model, stable=variant(stable), candidate=other)


@pytest.fixture(scope="session")
def stored_fair(stored_shop, tmp_path_factory):
    """State with models of every kind; read it only."""
    state = tmp_path_factory.mktemp("fair") / ".shipway"
    subprocess.run(["cp", "-r", str(stored_shop.state), str(state)], check=True)
    fair = Fair(state, dict(stored_shop.bundles))
    for number in (1, 2, 3):
        fair.digests["delay", number] = fair.keep(make_delay(number, number / 2, extra=number == 3, moody=number != 1))
        eta = make_bundle(3, 1.5, model="eta") if number == 3 else make_eta(number, -number / 2, moody=number != 1)
        fair.digests["eta", number] = fair.keep(eta)
        fair.digests["vector", number] = fair.keep(make_vector(number, number))
        classes = ("soon", *SPECIES[1:]) if number == 3 else SPECIES
        fair.digests["kinds", number] = fair.keep(make_kinds(number, number / 2, classes))
        sort = make_sort(number, number / 2, MORE_SORTS if number == 3 else SORTS, moody=number != 1)
        fair.digests["sort", number] = fair.keep(sort)
    for number, classes in ((2, SORTS), (3, MORE_SORTS)):
        moody = number == 2
        fair.digests["share", number] = fair.keep(make_sort(number, number / 2, classes, moody=moody, said="shares"))
    fair.digests["sort", 4] = fair.keep(make_sort(4, 2.0, SORTS[:2]))
    fair.digests["sort", 5] = fair.keep(make_sort(5, 2.5, whole=0.5))
    fair.digests |= {("fraud", number): digest for number, digest in fair.bundles.items()}
    return fair


@pytest.fixture(scope="module")
def fair_server(stored_fair, tmp_path_factory):
    """A server of both doors on a copy of it; it serves nothing yet."""
    state = tmp_path_factory.mktemp("fair") / ".shipway"
    subprocess.run(["cp", "-r", str(stored_fair.state), str(state)], check=True)
    words = ["--state", str(state), "--replay", "--grpc-port", "0", "--watch-stdin"]
    command = [sys.executable, "-m", "shipway.serving", *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        server = Server(process, state)
        server.grpc_port = int(process.stdout.readline().rsplit(":", 1)[1])
        server.fair = Fair(state, stored_fair.bundles, stored_fair.digests)
        yield server
        process.stdin.close()
        assert process.wait(timeout=30) == 0


@pytest.fixture
def registered(stored_shop, serve_once):
    """A server whose project has three versions registered and routes to none; nothing stays loaded in it."""
    return serve_once(stored_shop)


@pytest.fixture(scope="session")
def serve_once(tmp_path_factory):
    """Start one server for all who only read what it could load."""
    with contextlib.ExitStack() as stack:
        servers = []

        def start(shop):
            if not servers:
                state = tmp_path_factory.mktemp("registered") / ".shipway"
                subprocess.run(["cp", "-r", str(shop.state), str(state)], check=True)
                stock(state, fraud=shop.bundles)
                command = [sys.executable, "-m", "shipway.serving", "--state", str(state)]
                process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
                stack.callback(process.terminate)
                servers.append(Server(process, state))
            return servers[0]

        yield start


@pytest.fixture
def start_alone():
    """Start servers without a project."""
    started = []

    def command(words):
        return [sys.executable, "-m", "shipway.serving", *words]

    def start(*words):
        process = subprocess.Popen(
            command(words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return Server(process, None)

    def run(*words, cwd):
        return subprocess.run(command(words), cwd=cwd, capture_output=True, text=True, check=False, timeout=60)

    start.run = run
    yield start
    for process in started:
        with process:
            process.kill()


@pytest.fixture(scope="module")
def protocol(stored_shop, exported, tmp_path_factory):
    """A server of both doors: `fraud` is routed to, `mirror` comes from a folder, `spare` 1 to 3 can be loaded.

    Each module has its own: whoever asks for anything at all may also let go of what the others ask for.
    """
    state = tmp_path_factory.mktemp("protocol") / ".shipway"
    subprocess.run(["cp", "-r", str(stored_shop.state), str(state)], check=True)
    shop, spare = Shop(state, dict(stored_shop.bundles)), Shop(state)
    for number in (1, 2, 3):
        spare.add(number, number / 4, model="spare")
    stock(state, fraud=shop.bundles, spare=spare.bundles)
    words = ["--state", str(state), "--bundles", str(exported), "--grpc-port", "0", "--watch-stdin"]
    command = [sys.executable, "-m", "shipway.serving", *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        server = Server(process, state)
        server.grpc_port = int(process.stdout.readline().rsplit(":", 1)[1])
        assert server.apply(shop.route(1, 2, weight=0.0, salt="a", token=1)).status == 200
        assert server.apply(shop.route(2, service="till", token=1)).status == 200
        yield server
        process.stdin.close()
        assert process.wait(timeout=30) == 0


@pytest.fixture(scope="module")
def traced(stored_shop, stored_fair, exported, tmp_path_factory):
    """A server of both doors that sends spans, those of callers that say so alone, to a collector.

    `fraud` is routed to, with version 2 on trial, and `moody` to version 3; `delay`, a regression, as `fraud`.
    """
    state = tmp_path_factory.mktemp("traced") / ".shipway"
    subprocess.run(["cp", "-r", str(stored_fair.state), str(state)], check=True)
    shop = Shop(state, dict(stored_shop.bundles))
    with run_collector() as collector:
        words = ["--state", str(state), "--bundles", str(exported), "--grpc-port", "0", "--watch-stdin", "--replay"]
        words += ["--traces", collector.url, "--traces-share", "0", "--traces-name", "till"]
        words += ["--traces-baggage", "tenant"]
        command = [sys.executable, "-m", "shipway.serving", *words]
        environment = os.environ | {"OTEL_BSP_SCHEDULE_DELAY": "20"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, **pipes, text=True, env=environment) as process:
            server = Server(process, state)
            server.grpc_port = int(process.stdout.readline().rsplit(":", 1)[1])
            server.shop, server.collector = shop, collector
            assert server.apply(shop.route(1, 2, weight=0.0, salt="a", token=1)).status == 200
            assert server.apply(shop.route(3, service="moody", token=1)).status == 200
            assert server.apply(stored_fair.between("delay", 1, 2, service="delay", token=1)).status == 200
            yield server
            process.stdin.close()
            assert process.wait(timeout=30) == 0


@pytest.fixture
def shop(stored_shop, tmp_path):
    """A copy of it."""
    state = tmp_path / ".shipway"
    subprocess.run(["cp", "-r", str(stored_shop.state), str(state)], check=True)
    return Shop(state, dict(stored_shop.bundles))


def make_row(order=1, **changes):
    """A row as a caller sends it."""
    row = {"order": order, "amount": 20.5, "country": "DE", "express": True, "items": 3, "customer": "ann"}
    return {**row, "placed": NOON - HOUR, **changes}


@pytest.fixture(scope="session")
def wider():
    """Views that read one more column of the row than those of the shop's versions."""
    features = {name: expr for name, expr in ROW.features.items() if name != "wait"}
    return (FeatureView("row", None, features | {"online": ORDERS.channel.equals("web")}), CUSTOMER)


@pytest.fixture(name="make_row", scope="session")
def row_maker():
    """What makes a row as a caller sends it."""
    return make_row


@pytest.fixture(scope="session")
def by_hand():
    """What computes a prediction without the model, from its columns and its bias."""
    return predict_by_hand


@pytest.fixture(scope="session")
def minutes_by_hand():
    """What computes a predicted number without the model, from its columns and its bias."""
    return count_minutes


@pytest.fixture(scope="session")
def classes_by_hand():
    """What computes the probability of each class without the model, from its columns, its bias and its classes."""
    return share_classes


@dataclass
class Reply:
    """What the server said."""

    status: int
    body: bytes
    headers: dict

    @property
    def document(self):
        return json.loads(self.body)


class Server:
    """A running server process."""

    def __init__(self, process, state):
        self.process = process
        self.state = state
        line = process.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:"), (line, process.stderr.read() if not line else "")
        self.port = int(line.rsplit(":", 1)[1])

    def ask(self, method, path, body=None, headers=None):
        """One request over a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            data = body if body is None or isinstance(body, bytes) else canonical_json(body)
            connection.request(method, path, data, headers or {})
            answer = connection.getresponse()
            return Reply(answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()})

    def predict(self, row=None, *, at=NOON, service="fraud", request=None):
        body = {"row": make_row() if row is None else row, "at": at}
        return self.ask("POST", f"/v1/predict/{service}", body | ({} if request is None else {"request": request}))

    def apply(self, routing):
        return self.ask("PUT", f"/v1/services/{routing.service}/routing", routing)

    def flush(self):
        return self.ask("POST", "/v1/log/flush")

    def status(self):
        return self.ask("GET", "/v1/status").document

    def connect(self):
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def speak(self, *parts, pause_s=0.0, end=True):
        """Send raw bytes, say that no more follow, and return all that is answered."""
        with self.connect() as connection:
            for part in parts:
                with contextlib.suppress(ConnectionError):
                    connection.sendall(part)
                time.sleep(pause_s)
            if end:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)
            said = b""
            while data := connection.recv(1 << 16):
                said += data
            return said

    def stop(self, number=signal.SIGTERM):
        """Stop the process and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


@pytest.fixture
def serve():
    """Start servers on folders of state."""
    started = []

    def start(state, *words, wrapper=(), **options):
        command = [*wrapper, sys.executable, "-m", "shipway.serving", "--state", str(state), "--watch-stdin", *words]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
        )
        started.append(process)
        return Server(process, Path(state))

    yield start
    for process in started:
        with process:
            process.kill()


@pytest.fixture(scope="session")
def shared(stored_shop, tmp_path_factory):
    """A server that routes `fraud` to version 1, with 2 on trial and a half of the traffic; its routing is fixed."""
    state = tmp_path_factory.mktemp("shared") / ".shipway"
    subprocess.run(["cp", "-r", str(stored_shop.state), str(state)], check=True)
    command = [sys.executable, "-m", "shipway.serving", "--state", str(state), "--replay"]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        server = Server(process, state)
        routing = Shop(state, stored_shop.bundles).route(1, 2, weight=0.5, salt="a", token=4)
        assert server.apply(routing).status == 200
        yield server
        process.terminate()
