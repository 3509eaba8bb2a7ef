"""Bad input: each kind is refused with a code and a hint, and what was there before is there afterwards."""

import resource
import subprocess
import sys
from dataclasses import dataclass

import pytest

from shipway.app.ledger import verify_ledger
from shipway.app.status import read_status

DATA, CODE, FILE = "orders.csv", "project.py", "shipway.toml"


def state_of(project):
    status = read_status(project)
    return status.commit, status.models


def edit(path, old, new):
    text = path.read_text()
    assert old in text, old
    path.write_text(text.replace(old, new, 1))


@dataclass(frozen=True)
class Damage:
    """One thing done to a project that ran."""

    file: str
    old: str = ""
    new: str = ""

    def apply(self, root):
        edit(root / self.file, self.old, self.new)


@dataclass(frozen=True)
class Content:
    """A file replaced by a part of itself."""

    file: str
    keep: object

    def apply(self, root):
        path = root / self.file
        path.write_bytes(self.keep(path.read_bytes()))


@dataclass(frozen=True)
class Gone:
    """A file removed."""

    file: str

    def apply(self, root):
        (root / self.file).unlink()


def half(data):
    cut = len(data) // 2
    return data[: data.index(b",", cut) + 1]


TRAIN = "    data = lightgbm.Dataset"
MAKE = "    placed, settled = ("
RUN = {
    "missing column": (Damage(DATA, ",price,", ",cost,"), "SW-202", "'price'"),
    "wrong type": (Damage(DATA, ",45.34,", ",cheap,"), "SW-203", "orders.price > 0"),
    "instant without a time": (Damage(DATA, "2024-01-01T", "yesterday "), "SW-206", "orders"),
    "repeated key": (Damage(DATA, "\n2,", "\n1,"), "SW-205", "order_id 1"),
    "empty file": (Content(DATA, lambda data: b""), "SW-204", "is empty"),
    "file without rows": (Content(DATA, lambda data: data.splitlines(keepends=True)[0]), "SW-204", "no rows"),
    "file cut half-way": (Content(DATA, half), "SW-201", "the last"),
    "file of noise": (Content(DATA, lambda data: b"\xff\xfe\x00" * 999), "SW-201", "not UTF-8"),
    "missing file": (Gone(DATA), "SW-201", "orders.csv"),
    "missing module": (Gone(CODE), "SW-103", "project.py"),
    "missing project file": (Gone(FILE), "SW-101", "shipway.toml"),
    "typo in a setting": (Damage(FILE, "timezone", "timezon"), "SW-102", "timezon"),
    "typo in a section": (Damage(FILE, "[resources]", "[resource]"), "SW-102", "resource"),
    "wrong type of a setting": (Damage(FILE, "threads = 1", 'threads = "one"'), "SW-102", "threads"),
    "no such zone": (Damage(FILE, '"UTC"', '"Mars/Olympus"'), "SW-102", "Mars/Olympus"),
    "no TOML": (Damage(FILE, "[raw]", "[raw"), "SW-102", "not valid TOML"),
    "typo in a raw input": (Damage(FILE, "orders = ", "order = "), "SW-104", "'orders'"),
    "typo in a model": (Damage(FILE, "[models.returned]", "[models.return]"), "SW-104", "'return'"),
    "cut after the test": (Damage(FILE, "cuts = [2024-09-01]", "cuts = [2024-10-01]"), "SW-102", "cut"),
    "typo in a column": (Damage(CODE, "purchases.price", "purchases.prize"), "SW-104", "'prize'"),
    "typo in a feature": (Damage(CODE, "[customer.returned_90d", "[customer.returned_9d"), "SW-104", "project.py:"),
    "syntax error": (Damage(CODE, "@sw.model(", "@sw.model(("), "SW-103", "not valid Python"),
    "error at import": (Damage(CODE, "import polars as pl\n", "import polars as pl\n1 / 0\n"), "SW-103", "project.py:"),
    "library not installed": (Damage(CODE, "import polars as pl\n", "import polarz as pl\n"), "SW-701", "polarz"),
    "library of training not installed": (
        Damage(CODE, "import lightgbm\n", "import lightgbn\n"),
        "SW-701",
        "train at project.py:",
    ),
    "library of a source not installed": (
        Damage(CODE, MAKE, f"    import polarz\n{MAKE}"),
        "SW-701",
        "source 'orders' needs polarz",
    ),
    "source raises": (
        Damage(CODE, MAKE, f"    raise OSError('no')\n{MAKE}"),
        "SW-206",
        "no",
    ),
    "source returns nothing": (Damage(CODE, "    return orders.with", "    orders.with"), "SW-207", "NoneType"),
    "training raises": (Damage(CODE, TRAIN, f"    1 / 0\n{TRAIN}"), "SW-206", "ZeroDivisionError"),
    "training returns nothing": (
        Damage(CODE, "    return lightgbm.train", "    lightgbm.train"),
        "SW-207",
        "returned nothing",
    ),
    "leak": (Damage(CODE, '"weekday", "hour")}', '"returned")}'), "SW-301", "orders.returned"),
}


@pytest.mark.parametrize("name", RUN)
def test_run_refuses(shipway, shop, name):
    damage, code, said = RUN[name]
    before = state_of(shop.project)
    saved = {path: (shop.root / path).read_bytes() for path in (DATA, CODE, FILE)}
    damage.apply(shop.root)
    answer = shipway("run", cwd=shop.root)
    assert answer.code == 1
    assert f"error {code}: " in answer.err
    assert said in answer.err
    assert "\n\nhint: " in answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""
    for path, content in saved.items():
        (shop.root / path).write_bytes(content)
    assert state_of(shop.project) == before
    assert verify_ledger(shop.project).damage == []
    again = shipway("run", cwd=shop.root)
    assert again.code == 0
    assert state_of(shop.project) == before


ASK = {
    "catalog": (["features", "show", "custmer.spent_30d"], "SW-104", "did you mean 'customer.spent_30d'?"),
    "lineage": (["features", "lineage", "ordrs"], "SW-104", "did you mean 'orders'?"),
    "tag": (["features", "list", "--tag", "money"], "SW-104", "there is none yet"),
    "view": (["features", "get", "custommer", "customer=c0042"], "SW-104", "did you mean 'customer'?"),
    "key": (["features", "get", "customer", "custmer=c0042"], "SW-104", "did you mean 'customer'?"),
    "entity": (["features", "get", "customer", "customer=c00042"], "SW-104", "did you mean 'c0042'?"),
    "no key": (["features", "get", "customer"], "SW-104", "customer=VALUE"),
    "key without a value": (["features", "get", "customer", "c0042"], "usage", "KEY=VALUE"),
    "key twice": (["features", "get", "customer", "customer=a", "customer=b"], "usage", "once"),
    "row": (["features", "get", "returned", "order_id=99999"], "SW-104", "from 1 to 24000"),
    "key of another type": (["features", "get", "returned", "order_id=first"], "SW-203", "order_id=1"),
    "row before it is known": (["features", "get", "returned", "order_id=17000", "--at", "2024-01-01"], "SW-301", ""),
    "time": (["features", "get", "customer", "customer=c0042", "--at", "noon"], "usage", "2013-06-01"),
    "frame's time": (["frame", "export", "returned", "out.csv", "--from", "soon"], "usage", "2013-06-01"),
    "frame's model": (["frame", "export", "return", "out.csv"], "SW-104", "did you mean 'returned'?"),
    "frame's ending": (["frame", "export", "returned", "out.xlsx"], "SW-104", ".parquet"),
    "frame's missing folder": (["frame", "export", "returned", "nodir/out.csv"], "SW-602", "mkdir -p nodir"),
    "frame's period": (
        ["frame", "export", "returned", "out.csv", "--from", "2024-07-01", "--to", "2024-06-01"],
        "SW-106",
        "--from",
    ),
    "report's missing folder": (["run", "--force", "--report", "nodir/out.html"], "SW-602", "mkdir -p nodir"),
    "report that is a folder": (["run", "--force", "--report", "."], "SW-602", "name a file"),
    "frame's schema": (["frame", "export", "returned", "out.csv", "--schema", "raw"], "usage", "--at ADDRESS"),
    "frame's dialect": (["frame", "sql", "returned", "--dialect", "oracle"], "SW-104", "snowflake"),
    "frame's two places": (["frame", "sql", "returned"], "usage", "--dialect NAME"),
    "frame's table": (
        ["frame", "sql", "returned", "--at", "duckdb:a.db", "--table", "orders"],
        "usage",
        "SOURCE=TABLE",
    ),
    "frame's folder": (["frame", "export", "returned", "orders.csv/out.csv"], "SW-602", "another place"),
    "model": (["models", "show", "retruned"], "SW-104", "did you mean 'returned'?"),
    "version": (["models", "show", "returned@7"], "SW-104", "returned@1"),
    "version in words": (["models", "export", "returned@one", "out"], "SW-104", "returned@1"),
    "folder with files": (["models", "export", "returned@1", "."], "SW-107", "empty"),
    "folder that is a file": (["models", "export", "returned@1", "orders.csv"], "SW-107", "empty"),
    "gate": (["check", "qualty"], "SW-104", "did you mean 'quality'?"),
    "kind of entry": (["ledger", "--kind", "verdict"], "SW-104", "did you mean 'verdict-given'?"),
    "model to run": (["run", "--model", "retruned"], "SW-104", "did you mean 'returned'?"),
    "name of a project": (["init", "My Shop"], "SW-106", "lower-case"),
    "project that is there": (["--project", "..", "init", "shop"], "SW-107", "empty"),
    "folder of another project": (["demo", "."], "SW-107", "shipway demo FOLDER"),
    "folder without a project": (["--project", "..", "status"], "SW-101", "shipway init"),
}


@pytest.mark.parametrize("name", ASK)
def test_command_refuses(shipway, shop, name):
    words, code, hint = ASK[name]
    before, files = state_of(shop.project), sorted(shop.root.rglob("*"))
    answer = shipway(*words, "--json", cwd=shop.root)
    assert answer.code == (2 if code == "usage" else 1)
    assert answer.error["code"] == code
    assert hint in answer.error["hint"]
    assert answer.out == ""
    assert [path for path in sorted(shop.root.rglob("*")) if path.suffix != ".pyc" and path.name != "__pycache__"] == [
        path for path in files if path.suffix != ".pyc" and path.name != "__pycache__"
    ]
    assert state_of(shop.project) == before
    assert verify_ledger(shop.project).damage == []


def test_damaged_ledger_is_told(shipway, shop):
    path = shop.root / ".shipway" / "ledger.anchor"
    content = path.read_text()
    head = verify_ledger(shop.project).head.digest
    path.write_text(content.replace(head, head[::-1]))
    verified = shipway("ledger", "--verify", "--json", cwd=shop.root)
    assert verified.code == 1
    assert verified.document["damage"]
    assert verified.error["code"] == "SW-604"
    doctor = shipway("doctor", "--json", cwd=shop.root)
    assert doctor.code == 1
    assert [symptom["what"] for symptom in doctor.document if symptom["health"] == "bad"] == ["ledger"]


def test_lost_ledger_is_told(shipway, shop):
    for path in (shop.root / ".shipway").glob("ledger.db*"):
        path.unlink()
    verified = shipway("ledger", "--verify", "--json", cwd=shop.root)
    assert verified.code == 1
    assert verified.error["code"] == "SW-604"
    run = shipway("run", "--json", cwd=shop.root)
    assert run.code == 1
    assert run.error["code"] == "SW-604"


def test_state_that_cannot_be_written_is_refused(shipway, fresh):
    (fresh / ".shipway").write_text("in the way")
    answer = shipway("run", cwd=fresh)
    assert answer.code == 1
    assert "error SW-602: " in answer.err
    assert "\n\nhint: " in answer.err
    assert (fresh / ".shipway").read_text() == "in the way"


@pytest.mark.parametrize("limit", [20_000, 200_000, 600_000])
def test_full_disk_is_refused_and_the_next_run_continues(shipway, fresh, limit):
    source = "import sys; from shipway.cli.main import main; sys.exit(main(['run']))"

    def starve():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(
        [sys.executable, "-B", "-c", source], cwd=fresh, preexec_fn=starve, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "error SW-601: " in done.stderr
    assert "\n\nhint: " in done.stderr
    assert "Traceback" not in done.stderr
    if (fresh / ".shipway" / "ledger.db").exists():
        assert shipway("ledger", "--verify", cwd=fresh).code == 0
    assert shipway("run", cwd=fresh).code == 0


def test_export_on_a_full_disk_leaves_nothing_behind(shop, tmp_path):
    source = "import sys; from shipway.cli.main import main; sys.exit(main(sys.argv[1:]))"

    def starve():
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    target = tmp_path / "exports"
    target.mkdir()
    for words in (["frame", "export", "returned", target / "a.csv"], ["models", "export", "returned", target / "b"]):
        done = subprocess.run(
            [sys.executable, "-B", "-c", source, *map(str, words)],
            cwd=shop.root,
            preexec_fn=starve,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1, done.stderr
        assert "error SW-601: " in done.stderr
        assert list(target.iterdir()) == []
