import io

import polars as pl
import pyarrow.parquet
import pytest
from pyiceberg.types import IntegerType, ListType, LongType, NestedField, TimestampType, TimeType

from shipway.adapters.iceberg.rewriting import rewrite
from shipway.core.error import ShipwayError


def write(**columns):
    buffer = io.BytesIO()
    pl.DataFrame(columns).write_parquet(buffer)
    return buffer.getvalue()


def test_the_new_file_has_the_columns_asked_for_with_their_ids():
    data = write(old=[1, 2], gone=["a", "b"], many=[[1], None])
    columns = [
        ("many", NestedField(5, "many", ListType(9, LongType(), False))),
        ("old", NestedField(3, "new", LongType())),
    ]
    written, footer = rewrite(data, columns, table="t")
    assert pl.read_parquet(written).to_dict(as_series=False) == {"many": [[1], None], "new": [1, 2]}
    fields = pyarrow.parquet.read_schema(io.BytesIO(written))
    assert [field.metadata[b"PARQUET:field_id"] for field in fields] == [b"5", b"3"]
    assert fields.field(0).type.value_field.metadata[b"PARQUET:field_id"] == b"9"
    assert footer.num_rows == 2


def test_the_same_rows_give_the_same_bytes():
    data = write(x=[3, 1, 2])
    columns = [("x", NestedField(1, "x", LongType()))]
    assert rewrite(data, columns, table="t")[0] == rewrite(data, columns, table="t")[0]


@pytest.mark.parametrize(
    ("series", "kind"),
    [
        (pl.Series([1], dtype=pl.Int64).cast(pl.Datetime("ns")), TimestampType()),
        (pl.Series([1], dtype=pl.Int64).cast(pl.Time), TimeType()),
        (pl.Series([2**31]), IntegerType()),
    ],
    ids=str,
)
def test_a_value_that_would_lose_something_is_refused(series, kind):
    with pytest.raises(ShipwayError, match="column 'y' of table 't' has a value that Iceberg does not keep") as refusal:
        rewrite(write(x=series), [("x", NestedField(1, "y", kind))], table="t")
    assert refusal.value.code == "SW-212"
