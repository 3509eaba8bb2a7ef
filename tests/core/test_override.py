import msgspec

from shipway.core.override import Override

GIVEN = Override(gate="data", data="ab" * 32, failure="f", verdict="v", against=("r",), by="ana", reason="known")


def test_it_is_named_by_all_it_says():
    assert GIVEN.id == msgspec.json.decode(msgspec.json.encode(GIVEN), type=Override).id
    others = [
        msgspec.structs.replace(GIVEN, **{name: ("other",) if name == "against" else "other"})
        for name in GIVEN.__struct_fields__
    ]
    assert len({each.id for each in (GIVEN, *others)}) == 1 + len(others)


def test_it_is_said_in_a_clause():
    assert GIVEN.said == "gate data on data:abababababab overridden by ana: known"
