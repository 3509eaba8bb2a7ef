"""The fakes of signatures pass the suite, and the suite tells a verifier that believes anything."""

import pytest

from shipway.testing.fake.signature import SecretSigner, SecretVerifier, name_secret
from shipway.testing.signature import (
    SIGNATURE_CASES,
    Seal,
    check_changed_signatures_are_refused,
    check_other_files_are_named,
    check_strangers_are_refused,
)


def make():
    return Seal(
        SecretSigner("ours"), SecretVerifier(["theirs", "ours"]), SecretVerifier(["theirs"]), name_secret("ours")
    )


@pytest.mark.parametrize("case", SIGNATURE_CASES)
def test_the_fakes_conform(case, tmp_path):
    case(make, tmp_path)


class Believer:
    def verify(self, signature, digests):
        return name_secret("ours")


@pytest.mark.parametrize(
    "case", [check_other_files_are_named, check_strangers_are_refused, check_changed_signatures_are_refused]
)
def test_who_believes_anything_does_not_conform(case, tmp_path):
    with pytest.raises(AssertionError):
        case(lambda: Seal(SecretSigner("ours"), Believer(), Believer(), name_secret("ours")), tmp_path)
