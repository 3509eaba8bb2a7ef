"""Writes copy-on-write Hudi tables by their specification (table version 6), since no Python library does."""

import json

import polars as pl
import pytest

AVRO = {pl.Int64: "long", pl.Float64: "double", pl.String: "string"}
PROPERTIES = """\
hoodie.table.name=flights
hoodie.table.type=COPY_ON_WRITE
hoodie.table.version=6
hoodie.timeline.layout.version=1
hoodie.table.recordkey.fields=id
hoodie.table.base.file.format=PARQUET
hoodie.populate.meta.fields=true
hoodie.table.metadata.partitions=
hoodie.table.keygenerator.class=org.apache.hudi.keygen.NonpartitionedKeyGenerator
hoodie.table.timeline.timezone=UTC
"""
GROUP = "7d0b2a4e-5f0e-4c43-9a35-0d3f8d1f9e11-0"


@pytest.fixture
def commit():
    """Return what adds an instant to a table."""
    return write_instant


def write_instant(root, instant, frame, written=None):
    """Add an instant that makes a frame the table's content; the rows written then are those with a number, or all."""
    timeline = root / ".hoodie"
    if not timeline.is_dir():
        timeline.mkdir(parents=True)
        (timeline / "hoodie.properties").write_text(PROPERTIES)
        (root / ".hoodie_partition_metadata").write_text(f"commitTime={instant}\npartitionDepth=0\n")
    new = pl.lit(value=True) if written is None else pl.col("id").is_in(written)
    number = pl.col("id").cast(pl.String)
    meta = frame.select(
        pl.when(new).then(pl.lit(instant)).otherwise(pl.lit("20130101000000000")).alias("_hoodie_commit_time"),
        (pl.lit(f"{instant}_0_") + number).alias("_hoodie_commit_seqno"),
        number.alias("_hoodie_record_key"),
        pl.lit("").alias("_hoodie_partition_path"),
        pl.lit(GROUP).alias("_hoodie_file_name"),
    )
    name = f"{GROUP}_0-1-0_{instant}.parquet"
    pl.concat([meta, frame], how="horizontal").write_parquet(root / name)
    fields = [
        {"name": name, "type": ["null", AVRO[kind.base_type()]], "default": None} for name, kind in frame.schema.items()
    ]
    schema = {"type": "record", "name": "flights_record", "namespace": "hoodie.flights", "fields": fields}
    size = (root / name).stat().st_size
    stat = {"fileId": GROUP, "path": name, "prevCommit": "null", "numWrites": frame.height, "partitionPath": ""}
    stat |= {"totalWriteBytes": size, "fileSizeInBytes": size, "numDeletes": 0, "totalWriteErrors": 0}
    body = {"partitionToWriteStats": {"": [stat]}, "compacted": False, "operationType": "UPSERT"}
    body["extraMetadata"] = {"schema": json.dumps(schema)}
    for suffix in ("commit.requested", "inflight"):
        (timeline / f"{instant}.{suffix}").write_text("")
    (timeline / f"{instant}.commit").write_text(json.dumps(body))
    return root / name
