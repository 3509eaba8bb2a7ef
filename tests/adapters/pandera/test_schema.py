"""Pandera itself and the gate made of its schema find the same rows."""

import warnings
from pathlib import Path

import polars as pl
import pytest

from shipway.adapters.pandera.schema import PanderaSchemas
from shipway.core.feature import Source
from shipway.core.schema import read_schema
from shipway.data.check import measure_tables
from shipway.testing.refusal import expect_refusal

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Pandera's own deprecations while it is imported
    import pandera.polars as pa

t = Source("t", ("id",), (), {"always": ("n", "x", "code")})
ROWS = pl.DataFrame(
    {
        "id": [1, 2, 3, 4, 5, 6],
        "n": [1, 2, 7, None, 50, 6],
        "x": [0.5, 1.5, 2.5, 3.5, 4.5, 5.5],
        "code": ["A1", "A2", "b3", "xA4", None, "A5x"],
    }
)
MODULE = """\
import pandera.polars as pa

schema = pa.DataFrameSchema({"n": pa.Column(int, [pa.Check.ge(0), pa.Check(lambda d: d, name="mine")], nullable=True)})


class Model(pa.DataFrameModel):
    n: int = pa.Field(ge=0, nullable=True)
    code: str = pa.Field(isin=["A", "B"])


other = 3
"""
CHECKS = [
    ("n", pa.Check.ge(2)),
    ("n", pa.Check.gt(2)),
    ("n", pa.Check.le(6)),
    ("n", pa.Check.lt(6)),
    ("n", pa.Check.eq(2)),
    ("n", pa.Check.ne(2)),
    ("n", pa.Check.in_range(2, 7)),
    ("n", pa.Check.in_range(2, 7, include_min=False, include_max=False)),
    ("n", pa.Check.isin([1, 2])),
    ("n", pa.Check.notin([1, 2])),
    ("x", pa.Check.ge(2.5)),
    ("code", pa.Check.isin(["A1"])),
    ("code", pa.Check.str_matches("A[0-9]")),
    ("code", pa.Check.str_matches("^A[0-9]$")),
    ("code", pa.Check.str_contains("A[0-9]")),
    ("code", pa.Check.str_startswith("A")),
    ("code", pa.Check.str_endswith("x")),
    ("code", pa.Check.str_length(2, 2)),
]


def described(schema, tmp_path, monkeypatch):
    module = type(pa)("described_here")
    module.schema = schema
    monkeypatch.setitem(__import__("sys").modules, "described_here", module)
    return PanderaSchemas().load("described_here:schema", tmp_path)


@pytest.mark.parametrize(("column", "check"), CHECKS, ids=[f"{c}-{k.name}-{k.statistics}" for c, k in CHECKS])
def test_failing_rows_are_as_many(column, check, tmp_path, monkeypatch):
    schema = pa.DataFrameSchema({column: pa.Column(None, check, nullable=True)})
    try:
        schema.validate(ROWS, lazy=True)
        failing = 0
    except pa.errors.SchemaErrors as errors:
        failing = errors.failure_cases.height
    foreign = read_schema(described(schema, tmp_path, monkeypatch), t)
    assert foreign.left == ()
    rule = foreign.rules[-1][0]
    measured = measure_tables([rule.check], {"t": ROWS}, subject="data:t", now=0, log_digest="")
    assert measured[rule.check.name].evidence.facts["count"] == failing > 0


def test_a_schema_from_a_module_keeps_its_functions_in_sight(tmp_path: Path):
    (tmp_path / "schemas_here.py").write_text(MODULE)
    foreign = read_schema(PanderaSchemas().load("schemas_here:schema", tmp_path), t)
    assert [rule.text for rule, _ in foreign.rules] == ['has_columns(t, n="int")', "holds(t.n >= 0)"]
    assert [omission.what.startswith("column n: mine") for omission in foreign.left] == [True]
    foreign = read_schema(PanderaSchemas().load("schemas_here:Model", tmp_path), t)
    assert 'holds(t.code.is_in("A", "B"))' in [rule.text for rule, _ in foreign.rules]
    with expect_refusal("SW-104"):
        PanderaSchemas().load("schemas_here:shema", tmp_path)
    with expect_refusal("SW-106"):
        PanderaSchemas().load("schemas_here:other", tmp_path)


def test_its_yaml_and_json_are_read(tmp_path):
    schema = pa.DataFrameSchema({"n": pa.Column(int, pa.Check.in_range(0, 5), nullable=True)})
    documents = [PanderaSchemas().parse(schema.to_yaml()), __import__("json").loads(schema.to_json())]
    for document in documents:
        rules = [rule.text for rule, _ in read_schema(document, t).rules]
        assert rules == ['has_columns(t, n="int")', "holds((t.n >= 0) & (t.n <= 5))"]
