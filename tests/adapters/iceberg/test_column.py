import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyiceberg.schema import Schema
from pyiceberg.types import DecimalType, DoubleType, FloatType, IntegerType, ListType, LongType, StringType

from shipway.adapters.iceberg.column import lies_ready, may_widen, translate_columns
from shipway.core.error import ShipwayError
from shipway.core.table import Field

PLAIN = st.sampled_from(
    [
        "Int8",
        "String",
        "Datetime(time_unit='us', time_zone='UTC')",
        "Decimal(precision=9, scale=2)",
        "Enum(categories=['a', \"b'\"])",
    ]
)
NESTED = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        inner.map("List({})".format),
        st.tuples(inner, st.integers(1, 3)).map(lambda pair: f"Array({pair[0]}, shape=({pair[1]}, 2))"),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda kinds: "Struct({" + ", ".join(f"'f {at}': {kind}" for at, kind in enumerate(kinds)) + "})"
        ),
    ),
    max_leaves=8,
)


@given(st.lists(NESTED, min_size=1, max_size=5))
def test_ids_are_each_used_once_and_the_columns_keep_theirs(kinds):
    fields = [Field(id=at, name=f"c{at}", type=kind) for at, kind in enumerate(kinds, start=1)]
    columns = translate_columns(fields, table="t")
    assert [column.field_id for column in columns] == [field.id for field in fields]
    schema = Schema(*columns)
    ids = list(schema._lazy_id_to_field)
    assert len(ids) == len(set(ids))
    assert columns == translate_columns(fields, table="t"), "nested ids are the same each time"
    later = translate_columns([Field(id=99, name="later", type="Int8"), *fields], table="t")
    assert later[1:] == columns, "and whatever stands beside a column"


@pytest.mark.parametrize(
    "kind",
    [
        "Object",
        "Unknown",
        "List(Null)",
        "Struct({})",
        "Struct({'a': Object})",
        "Float128",
        "not a type",
        "__import__('os')",
        "Struct({'a': List(Null)})",
    ],
)
def test_a_type_without_a_counterpart_is_refused_by_name(kind):
    with pytest.raises(ShipwayError, match="Iceberg has no type for column 'x' of table 't'") as refusal:
        translate_columns([Field(id=1, name="x", type=kind)], table="t")
    assert refusal.value.code == "SW-212"


def test_more_nested_columns_than_have_ids_are_refused():
    wide = "Struct({" + ", ".join(f"'f{at}': Int8" for at in range(1_025)) + "})"
    with pytest.raises(ShipwayError):
        translate_columns([Field(id=1, name="x", type=wide)], table="t")


@pytest.mark.parametrize(
    ("kind", "ready"),
    [
        ("Int64", True),
        ("Datetime(time_unit='ms', time_zone='UTC')", True),
        ("Datetime(time_unit='us', time_zone='Europe/Paris')", False),
        ("Datetime(time_unit='ns', time_zone=None)", False),
        ("List(Struct({'a': Categorical}))", True),
        ("List(Struct({'a': Time}))", False),
        ("Struct({'Time': Int8})", True),
        ("Enum(categories=['Time'])", False),
    ],
)
def test_readiness_is_of_every_type_inside(kind, ready):
    assert lies_ready(kind) is ready


@pytest.mark.parametrize(
    ("old", "new", "allowed"),
    [
        (IntegerType(), LongType(), True),
        (LongType(), IntegerType(), False),
        (FloatType(), DoubleType(), True),
        (IntegerType(), DoubleType(), False),
        (DecimalType(9, 2), DecimalType(12, 2), True),
        (DecimalType(9, 2), DecimalType(12, 3), False),
        (DecimalType(9, 2), DecimalType(8, 2), False),
        (StringType(), StringType(), True),
        (ListType(2, IntegerType(), False), ListType(2, LongType(), False), True),
        (ListType(2, IntegerType(), False), LongType(), False),
    ],
)
def test_promotions_are_those_of_the_specification(old, new, allowed):
    assert may_widen(old, new) is allowed
