"""A raw input becomes three tables of one commit: what is in, what was refused, and how far it has come."""

import json
from dataclasses import dataclass, field

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipway.adapters.file.reader import FileReader
from shipway.core.contract import Contract, Field
from shipway.core.error import ShipwayError
from shipway.core.raw import Raw
from shipway.data.deposit import pieces_of, quarantine_of, table_of
from shipway.data.intake import infer_pieces, plan_intake, take_in
from shipway.data.kept import live
from shipway.testing.fake import MemoryReader, make_tables


def silent(done, of):
    """Show nothing."""


@dataclass
class Intake:
    """An input with its reader, and a branch that what is taken in goes to."""

    raw: Raw
    reader: object
    lake: object = field(default_factory=make_tables)
    present: dict = field(default_factory=dict)
    contract: Contract | None = None

    def take(self, *, commit=True):
        """Take in what is new, and commit it unless the process is to die before that."""
        plan = plan_intake(self.raw, self.reader, self.lake, self.present, self.contract)
        taken = take_in(
            self.raw, self.reader, self.lake, self.present, contract=self.contract, plan=plan, report=silent
        )
        if commit:
            self.contract = taken.contract
            self.present = {**self.present, **taken.tables}
        return taken

    def rows(self):
        return live(self.lake.read(self.present[table_of(self.raw.name)]))

    def refused(self):
        return self.lake.read(self.present[quarantine_of(self.raw.name)])

    def pieces(self):
        return self.lake.read(self.present[pieces_of(self.raw.name)])


def files(tmp_path, **more):
    """Return an input of all files of a folder."""
    given = {"name": "orders", "uri": "orders/", "contract": "c.toml", **more}
    (tmp_path / "orders").mkdir(exist_ok=True)
    return Intake(Raw(**given), FileReader(tmp_path))


def put(tmp_path, name, text):
    (tmp_path / "orders" / name).write_text(text)


def test_an_input_without_a_key_is_what_its_address_holds(tmp_path):
    intake = files(tmp_path)
    put(tmp_path, "a.csv", "id,v\n1,x\n")
    assert intake.take().rows == 1
    assert intake.contract.columns["id"].type == "int"
    put(tmp_path, "b.csv", "id,v\n2,y\n")
    taken = intake.take()
    assert (taken.pieces, intake.rows().rows()) == (1, [(1, "x"), (2, "y")])
    assert intake.take().tables == {}
    put(tmp_path, "a.csv", "id,v\n3,z\n")
    assert intake.take().pieces == 2
    assert intake.rows().rows() == [(3, "z"), (2, "y")]
    (tmp_path / "orders" / "b.csv").unlink()
    intake.take()
    assert intake.rows().rows() == [(3, "z")]
    put(tmp_path, "a.csv", "id,v\n")
    intake.take()
    assert intake.rows().height == 0
    assert intake.pieces().select("piece", "rows").rows() == [("a.csv", 0)]


def test_an_input_with_a_key_is_kept_by_it(tmp_path):
    intake = files(tmp_path, key=("id",))
    put(tmp_path, "1.csv", "id,v\n1,x\n2,y\n")
    intake.take()
    put(tmp_path, "2.csv", "id,v\n2,Y\n3,z\n")
    intake.take()
    # The first delivery comes again under another name, and takes nothing back.
    put(tmp_path, "3.csv", "id,v\n1,x\n2,y\n")
    again = intake.take()
    assert (again.pieces, again.tables) == (0, {})
    assert intake.rows().sort("id").rows() == [(1, "x"), (2, "Y"), (3, "z")]
    (tmp_path / "orders" / "1.csv").unlink()
    assert intake.take().tables == {}
    # A file that was changed back says something again.
    put(tmp_path, "2.csv", "id,v\n2,y\n3,z\n")
    intake.take()
    put(tmp_path, "2.csv", "id,v\n2,Y\n3,z\n")
    intake.take()
    assert intake.rows().sort("id").rows() == [(1, "x"), (2, "Y"), (3, "z")]


def test_by_a_watermark_the_newest_row_counts(tmp_path):
    intake = files(tmp_path, key=("id",), watermark="at")
    put(tmp_path, "1.csv", "id,at,v\n1,10,new\n1,9,old\n2,9,b\n")
    intake.take()
    put(tmp_path, "2.csv", "id,at,v\n1,8,older\n2,11,B\n")
    intake.take()
    assert intake.rows().sort("id").rows() == [(1, 10, "new"), (2, 11, "B")]
    assert intake.refused().height == 0


def test_bad_rows_are_put_aside_and_a_share_of_them_stops_the_delivery(tmp_path):
    intake = files(tmp_path, key=("id",), quarantine=0.5)
    put(tmp_path, "1.csv", "id,price\n1,2.5\n2,3\n")
    intake.take()
    put(tmp_path, "2.csv", "id,price\n3,cheap\n4,1\n4,2\n5,1\n")
    taken = intake.take()
    assert (taken.rows, taken.refused) == (4, 2)
    assert intake.refused().rows() == [
        ("2.csv", 1, "price: not a number", '{"id":"3","price":"cheap"}'),
        ("2.csv", 3, "id: key is repeated", '{"id":"4","price":"2"}'),
    ]
    before = dict(intake.present)
    put(tmp_path, "3.csv", "id,price\n6,1\n7,cheap\n8,dear\n")
    with pytest.raises(ShipwayError, match="SW-223"):
        intake.take()
    assert intake.present == before
    put(tmp_path, "3.csv", "id,price\n6,1\n7,2\n8,3\n")
    intake.take()
    assert sorted(intake.rows()["id"]) == [1, 2, 4, 5, 6, 7, 8]
    assert intake.refused().height == 2
    assert intake.pieces().select("piece", "rows", "refused").rows() == [
        ("1.csv", 2, 0),
        ("2.csv", 4, 2),
        ("3.csv", 3, 0),
    ]


def test_columns_are_those_of_the_contract(tmp_path):
    intake = files(tmp_path)
    put(tmp_path, "1.csv", "id,v\n1,x\n")
    intake.take()
    put(tmp_path, "2.csv", "id,v,w\n1,x,y\n")
    with pytest.raises(ShipwayError, match="column 'w' is new"):
        intake.take()
    intake.contract = Contract({**intake.contract.columns, "w": Field("text", nullable=True)})
    with pytest.raises(ShipwayError, match="column 'w' is gone"):
        intake.take()


def test_json_may_leave_out_what_is_missing(tmp_path):
    intake = files(tmp_path)
    put(tmp_path, "1.jsonl", '{"id": 1, "v": "x"}\n{"id": 2}\n')
    intake.take()
    put(tmp_path, "2.jsonl", '{"id": 3}\n')
    intake.take()
    assert intake.rows().rows() == [(1, "x"), (2, None), (3, None)]


def test_a_contract_that_was_widened_widens_what_is_kept(tmp_path):
    intake = files(tmp_path, key=("id",))
    put(tmp_path, "1.csv", "id,v\n1,7\n")
    intake.take()
    intake.contract = Contract({"id": Field("int"), "v": Field("float"), "w": Field("text", nullable=True)})
    put(tmp_path, "2.csv", "id,v,w\n2,7.5,x\n")
    intake.take()
    assert intake.rows().rows() == [(1, 7.0, None), (2, 7.5, "x")]
    intake.contract = Contract({"id": Field("int"), "v": Field("int"), "w": Field("text", nullable=True)})
    with pytest.raises(ShipwayError, match="in the rows that are kept"):
        intake.take()


def test_without_a_key_another_contract_reads_everything_anew(tmp_path):
    intake = files(tmp_path)
    put(tmp_path, "1.csv", "id,v\n1,7\n")
    intake.take()
    intake.contract = Contract({"id": Field("int"), "v": Field("text")})
    assert intake.take().pieces == 1
    assert intake.rows().rows() == [(1, "7")]


@pytest.mark.parametrize("more", [{"key": ("idd",)}, {"key": ("id",), "watermark": "att"}])
def test_a_key_or_watermark_that_is_no_column_is_refused(tmp_path, more):
    intake = files(tmp_path, **more)
    put(tmp_path, "1.csv", "id,at\n1,7\n")
    with pytest.raises(ShipwayError, match="SW-202"):
        intake.take()


def test_an_input_without_columns_is_refused(tmp_path):
    intake = files(tmp_path)
    put(tmp_path, "1.jsonl", "\n")
    with pytest.raises(ShipwayError, match="SW-204"):
        intake.take()


def event(op, lsn, before=None, after=None):
    return json.dumps({"op": op, "before": before, "after": after, "source": {"lsn": lsn}, "ts_ms": 1}) + "\n"


def test_a_stream_of_changes_is_followed(tmp_path):
    intake = files(tmp_path, key=("id",), landing="debezium")
    put(tmp_path, "1.jsonl", event("r", 1, None, {"id": 1, "v": "a"}) + event("r", 1, None, {"id": 2, "v": "b"}))
    intake.take()
    put(tmp_path, "2.jsonl", event("d", 3, {"id": 1, "v": None}) + event("u", 2, None, {"id": 2, "v": "B"}))
    intake.take()
    put(tmp_path, "3.jsonl", event("d", 4, {"id": 2}))
    intake.take()
    put(tmp_path, "4.jsonl", event("u", 2, None, {"id": 1, "v": "late"}) + event("c", 5, None, {"id": 3, "v": "c"}))
    intake.take()
    assert intake.rows().rows() == [(3, "c")]
    assert intake.refused().height == 0


def test_a_change_without_a_key_is_refused_and_the_others_are_not(tmp_path):
    intake = files(tmp_path, key=("id",), landing="debezium", quarantine=0.5)
    put(tmp_path, "1.jsonl", event("c", 1, None, {"id": 1, "v": 5}) + event("c", 2, None, {"id": None, "v": 6}))
    intake.contract = Contract({"id": Field("int"), "v": Field("int")})
    intake.take()
    assert intake.rows().rows() == [(1, 5)]
    assert intake.refused().select("row", "rule").rows() == [(2, "id: key is missing")]


ROWS = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from("abc")), min_size=1, max_size=5, unique_by=lambda row: row[0]
)


@settings(max_examples=60)
@given(st.lists(ROWS, min_size=1, max_size=4), st.lists(st.booleans(), min_size=8, max_size=8))
def test_however_often_a_process_dies_the_tables_are_those_of_one_that_does_not(deliveries, dies):
    intake = Intake(Raw(name="t", uri="m:t", key=("id",), watermark="at", contract="c.toml"), MemoryReader())
    contract = Contract({"id": Field("int"), "at": Field("int"), "v": Field("text")})
    intake.contract = contract
    table, kept = pl.DataFrame(schema={"id": pl.Int64, "at": pl.Int64, "v": pl.String}), {}
    for at, rows in enumerate(deliveries):
        table = pl.concat([table, pl.DataFrame([(key, at, v) for key, v in rows], schema=table.schema, orient="row")])
        kept |= {key: (key, at, v) for key, v in rows}
        intake.reader.put("m:t", table)
        while dies and dies.pop():
            intake.take(commit=False)
        intake.take()
    assert intake.rows().sort("id").rows() == [kept[key] for key in sorted(kept)]
    assert intake.take().tables == {}
    assert intake.pieces()["rows"].sum() >= table.height


def test_large_inputs_are_put_into_tables_in_steps(tmp_path, monkeypatch):
    monkeypatch.setattr("shipway.data.deposit.CHUNK_ROWS", 3)
    intake = files(tmp_path, key=("id",))
    for number in range(4):
        put(tmp_path, f"{number}.csv", "id,v\n" + "".join(f"{n},{number}\n" for n in range(number, number + 4)))
    intake.take()
    assert intake.rows().sort("id").rows() == [(0, 0), (1, 1), (2, 2), (3, 3), (4, 3), (5, 3), (6, 3)]


def test_what_a_delivery_looks_like_leaves_deletions_out(tmp_path):
    intake = files(tmp_path, key=("id",), landing="debezium")
    put(tmp_path, "1.jsonl", event("c", 1, None, {"id": 1, "v": "a"}) + event("d", 2, {"id": 1, "v": None}))
    plan = plan_intake(intake.raw, intake.reader, intake.lake, {}, None)
    found = infer_pieces(intake.raw, intake.reader, plan.pieces)
    assert {name: msgspec.structs.replace(rule, note="") for name, rule in found.columns.items()} == {
        "id": Field("int"),
        "v": Field("text"),
    }
