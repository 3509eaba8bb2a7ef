"""A project whose orders arrive in deliveries: held to a contract, kept by key, and what is bad put aside."""

import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from shipway.app.contract import propose_contract
from shipway.app.project import find_project
from shipway.app.run import RunReport, run_project
from shipway.app.workspace import Workspace
from shipway.core.error import ShipwayError
from shipway.core.table import MAIN
from shipway.infra.lake import Lake

RAW = '[raw.orders]\nuri = "orders/"\nkey = "order_id"\n'


def edit(path: Path, old: str, new: str) -> None:
    """Replace text in a file that has it once."""
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def run(root: Path) -> RunReport:
    """Run a project as a new process would."""
    return run_project(find_project(root))


def read(root: Path, table: str) -> pl.DataFrame:
    """Return a table of main."""
    with closing(Workspace(find_project(root))) as workspace:
        return workspace.tables.read(workspace.main_commit().tables[table])


def made(report: RunReport) -> list[str]:
    """Return the names of the tasks that were not found made."""
    return [task.name for task in report.tasks if not task.unchanged]


def convert(root: Path) -> Path:
    """Let the template's orders arrive in a folder of deliveries, the first of them there."""
    edit(root / "shipway.toml", 'orders = "orders.csv"\n', "")
    (root / "shipway.toml").write_text((root / "shipway.toml").read_text() + RAW)
    edit(root / "project.py", '.str.to_datetime(time_unit="us", time_zone="UTC")', '.dt.replace_time_zone("UTC")')
    (root / "orders").mkdir()
    shutil.move(root / "orders.csv", root / "orders" / "1.csv")
    return root


@pytest.fixture(scope="module")
def kept(new_shop: Path, tmp_path_factory: Any) -> Path:
    """Return a project that ran on its first delivery; read it only."""
    root = convert(Path(shutil.copytree(new_shop, tmp_path_factory.mktemp("kept") / "shop")))
    report = run(root)
    assert report.outcome == "pass"
    return root


@pytest.fixture
def root(kept: Path, tmp_path: Path) -> Path:
    """Return a copy of the project that ran."""
    return Path(shutil.copytree(kept, tmp_path / "shop"))


def lines(root: Path) -> list[str]:
    """Return the lines of the first delivery."""
    return (root / "orders" / "1.csv").read_text().splitlines()


def deliver(root: Path, name: str, *rows: str) -> None:
    """Put a delivery into the folder."""
    (root / "orders" / name).write_text("\n".join([lines(root)[0], *rows]) + "\n")


def test_the_first_delivery_writes_the_contract_and_is_kept(kept: Path) -> None:
    contract = (kept / "contracts" / "orders.toml").read_text()
    assert "# What raw input 'orders' holds, inferred from " in contract
    assert "order_id" in contract
    rows = len(lines(kept)) - 1
    assert read(kept, "raw_orders").height == read(kept, "orders").height == rows
    assert read(kept, "quarantine_orders").height == 0
    assert read(kept, "pieces_orders").select("piece", "rows", "refused").rows() == [("1.csv", rows, 0)]


def test_nothing_new_makes_nothing(root: Path) -> None:
    assert [name for name in made(run(root)) if name.startswith("ingest")] == []
    assert made(run(root)) == []


def test_a_delivery_changes_what_is_kept_and_its_bad_rows_are_put_aside(root: Path) -> None:
    before = read(root, "raw_orders").height
    first, *_ = lines(root)[1:]
    fields = first.split(",")
    new = ["900001", *fields[1:]]
    place = lines(root)[0].split(",").index("price")
    dear = [*fields[:place], "99.5", *fields[place + 1 :]]
    deliver(root, "2.csv", ",".join(new), ",".join(dear), *lines(root)[2:202], ",x" * (len(fields) - 1))
    report = run(root)
    assert report.data[0].outcome == "pass"
    after = read(root, "raw_orders")
    assert after.height == before + 1
    assert after.filter(pl.col("order_id").cast(pl.String) == fields[0])["price"].to_list() == [99.5]
    refused = read(root, "quarantine_orders")
    assert refused.select("piece", "row").rows() == [("2.csv", 203)]
    assert "order_id: key is missing" in refused["rule"][0]


def test_a_delivery_that_is_too_bad_is_not_taken_in(root: Path) -> None:
    with closing(Workspace(find_project(root))) as workspace:
        head = workspace.tables.head(MAIN)
    deliver(root, "2.csv", "," * lines(root)[0].count(","))
    with pytest.raises(ShipwayError, match="SW-223"):
        run(root)
    with closing(Workspace(find_project(root))) as workspace:
        assert workspace.tables.head(MAIN) == head
    (root / "orders" / "2.csv").unlink()
    assert run(root).commit == run(root).commit


def test_a_new_column_waits_until_it_is_accepted(root: Path, shipway: Any) -> None:
    head, *rows = lines(root)
    (root / "orders" / "2.csv").write_text(f"{head},gift\n{rows[0]},true\n")
    with pytest.raises(ShipwayError, match="column 'gift' is new") as refused:
        run(root)
    assert refused.value.hint.endswith("shipway data contract orders --accept")
    asked = shipway("data", "contract", "orders", cwd=root)
    assert "column 'gift' is new: fits what came before" in asked.out
    assert "gift" not in (root / "contracts" / "orders.toml").read_text()
    accepted = shipway("data", "contract", "orders", "--accept", "--json", cwd=root)
    assert accepted.document["changes"] == [{"column": "gift", "said": "column 'gift' is new", "safe": True}]
    assert accepted.document["accepted"]
    run(root)
    gifts = read(root, "raw_orders")["gift"]
    assert (gifts.dtype, gifts.sum(), gifts.null_count()) == (pl.Boolean, 1, len(rows) - 1)
    assert "fit contracts/orders.toml" in shipway("data", "contract", "orders", cwd=root).out


def test_a_contract_that_is_wrong_is_refused_before_anything_is_read(root: Path) -> None:
    edit(root / "contracts" / "orders.toml", "[columns]", "[colums]")
    with pytest.raises(ShipwayError, match="SW-221") as refused:
        run(root)
    assert "did you mean 'columns'?" in refused.value.hint


def test_an_input_without_a_contract_has_none_to_ask_for(fresh: Path) -> None:
    with pytest.raises(ShipwayError, match="SW-106") as refused:
        propose_contract(find_project(fresh), "orders", accept=False)
    assert "[raw.orders]" in refused.value.hint
    with pytest.raises(ShipwayError, match="SW-104") as refused:
        propose_contract(find_project(fresh), "order", accept=False)
    assert "did you mean 'orders'?" in refused.value.hint


def test_a_crash_before_the_commit_takes_the_same_pieces_in_again(root: Path, tmp_path: Path, monkeypatch: Any) -> None:
    other = Path(shutil.copytree(root, tmp_path / "other"))
    for place in (root, other):
        deliver(place, "2.csv", *(f"9{line}" for line in lines(place)[1:50]))

    def die(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Lake, "commit", die)
        with pytest.raises(KeyboardInterrupt):
            run(root)
    assert read(root, "pieces_orders").height == 1
    assert run(root).commit == run(other).commit
    assert read(root, "pieces_orders")["piece"].to_list() == ["1.csv", "2.csv"]


def test_an_input_whose_rows_are_all_deleted_is_empty(root: Path) -> None:
    edit(root / "shipway.toml", RAW, RAW.replace('"orders/"', '"empty/"'))
    (root / "empty").mkdir()
    (root / "empty" / "1.csv").write_text(lines(root)[0] + "\n")
    shutil.rmtree(root / ".shipway")
    with pytest.raises(ShipwayError, match="SW-204"):
        run(root)
