"""What wakes up on import, counted in processes of their own."""

import json
import subprocess
import sys

import pytest

HEAVY = {"polars", "scipy", "pyarrow", "pandas", "onnx", "onnxruntime", "lightgbm", "sklearn", "altair", "vl_convert"}
COUNT = "import json, sys; before = set(sys.modules); {}; print(json.dumps(sorted(set(sys.modules) - before)))"
CALL = """
import contextlib, io, json, sys
from shipway.cli.main import main
with contextlib.redirect_stdout(io.StringIO()) as said:
    code = main({words!r})
print(json.dumps([code, said.getvalue(), sorted(sys.modules)]))
"""


def python(source, cwd=None):
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True, cwd=cwd)
    return json.loads(done.stdout.splitlines()[-1])


def test_import_shipway_wakes_at_most_a_hundred_modules():
    woken = python(COUNT.format("import shipway"))
    assert "shipway" in woken
    assert len(woken) <= 100


@pytest.mark.parametrize(
    ("words", "said"), [(["--help"], "Exit codes"), (["--version"], "0."), (["statsu"], ""), ([], "Exit codes")]
)
def test_pages_of_help_import_no_library(words, said):
    code, out, modules = python(CALL.format(words=words))
    assert code == (2 if words == ["statsu"] else 0)
    assert said in out
    assert not (HEAVY | {"numpy"}) & set(modules)


@pytest.mark.parametrize(
    ("words", "said"),
    [(["status"], "returned@1"), (["status", "--json"], '"ref": "returned@1"'), (["ledger"], "verdict-given")],
)
def test_reading_a_state_imports_no_heavy_library(ran_shop, words, said):
    code, out, modules = python(CALL.format(words=words), cwd=ran_shop.root)
    assert code == 0
    assert said in out
    assert not HEAVY & set(modules)


def test_init_imports_no_heavy_library(tmp_path):
    code, _, modules = python(CALL.format(words=["init", "shop"]), cwd=tmp_path)
    assert code == 0
    assert (tmp_path / "shop" / "project.py").exists()
    assert not HEAVY & set(modules)
