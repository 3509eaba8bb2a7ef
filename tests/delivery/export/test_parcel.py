"""What is exported."""

from shipway.core.bundle import PORTABLE
from shipway.delivery.export.parcel import Parcel
from shipway.testing.refusal import expect_refusal


def test_signature_lies_beside_the_contents(parcel):
    signed = Parcel(parcel.digest, parcel.manifest, parcel.contents, b"signature")
    assert parcel.files == dict(parcel.contents)
    assert signed.files == {**parcel.contents, "model.sig": b"signature"}
    assert signed.name == "delay@3"


def test_portable_form_is_asked_for(parcel, native_only):
    assert parcel.portable("anyone") == parcel.contents[PORTABLE]
    with expect_refusal("SW-501") as refusals:
        native_only.portable("Bento")
    assert "Bento" in refusals[0].fact
    assert "it does not convert" in refusals[0].fact
