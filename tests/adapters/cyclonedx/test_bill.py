import json

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from shipway.adapters.cyclonedx.bill import CyclonedxBill
from shipway.delivery.lock import read_lock

PACKAGES = {"numpy": "2.4.6", "lightgbm": "4.7.0", "zope-interface": "7.0"}


def test_the_bill_is_valid_by_the_schema_and_names_every_package():
    data = CyclonedxBill().write("delay", "3", PACKAGES)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(data.decode()) is None
    bill = json.loads(data)
    assert {part["name"]: part["version"] for part in bill["components"]} == PACKAGES
    assert bill["components"][0]["purl"] == "pkg:pypi/lightgbm@4.7.0"
    assert bill["metadata"]["component"] == {
        "bom-ref": "model", "name": "delay", "type": "machine-learning-model", "version": "3",
    }  # fmt: skip


def test_equal_input_gives_equal_bytes_without_a_time():
    data = CyclonedxBill().write("delay", "3", PACKAGES)
    assert data == CyclonedxBill().write("delay", "3", dict(reversed(PACKAGES.items())))
    assert b"timestamp" not in data
    others = {CyclonedxBill().write(*given) for given in (("delay", "4", PACKAGES), ("late", "3", PACKAGES))}
    assert len({data, *others}) == 3


def test_a_lock_is_what_a_bill_is_made_of():
    assert read_lock("# Python 3.11.7\nnumpy==2.4.6\nuvloop==0.22.1\n") == {"numpy": "2.4.6", "uvloop": "0.22.1"}
