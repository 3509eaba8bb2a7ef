"""An archive that would come to far more than it is, is told from one that people keep."""

import io
import zipfile

import pytest

from shipway.kit.archive import HARMLESS_BYTES, bound_bytes, check_archive, check_members


def make_bomb(members, size=8 << 20):
    """Return a zip file of members of zeros."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in range(members):
            archive.writestr(f"{member}.npy", bytes(size))
    return held.getvalue()


def test_archive_that_would_fill_the_memory_is_refused_unread(tmp_path):
    path = tmp_path / "bomb.skops"
    path.write_bytes(make_bomb(HARMLESS_BYTES // (8 << 20) + 1))
    with pytest.raises(ValueError, match="would come to 276,824,064"):
        check_archive(path)


@pytest.mark.parametrize("members", [0, 1, 4])
def test_archive_that_people_keep_is_taken(tmp_path, members):
    path = tmp_path / "model.skops"
    path.write_bytes(make_bomb(members))
    check_archive(path)


def test_file_that_is_no_archive_is_refused(tmp_path):
    (tmp_path / "x").write_bytes(b"PK")
    with pytest.raises(ValueError, match="no zip file"):
        check_archive(tmp_path / "x")


def test_archive_in_memory_is_judged_as_one_on_the_disk():
    data = make_bomb(HARMLESS_BYTES // (8 << 20) + 1)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        with pytest.raises(ValueError, match="would come to 276,824,064"):
            check_members(archive, len(data))
        check_members(archive, HARMLESS_BYTES)


def test_what_may_come_of_something_large_grows_with_it():
    assert bound_bytes(0) == bound_bytes(HARMLESS_BYTES // 100) == HARMLESS_BYTES
    assert bound_bytes(HARMLESS_BYTES) == 100 * HARMLESS_BYTES
