"""From an exception to what is said and to an exit code."""

import tempfile

import pytest

from shipway.cli.failure import Failure, UsageError, explain
from shipway.core.error import ShipwayError


@pytest.mark.parametrize(
    ("error", "failure", "code"),
    [
        (ShipwayError("SW-301", "too early", "wait"), Failure(code="SW-301", fact="too early", hint="wait"), 1),
        (ShipwayError("SW-603", "in use", "wait"), Failure(code="SW-603", fact="in use", hint="wait"), 5),
        (UsageError("no", "yes"), Failure(code="usage", fact="no", hint="yes"), 2),
    ],
)
def test_what_was_foreseen(error, failure, code):
    assert explain(error) == (failure, code)


def test_interruption():
    failure, code = explain(KeyboardInterrupt())
    assert (failure.code, code) == ("interrupted", 130)
    assert "continues" in failure.hint


def test_what_nobody_foresaw_is_written_with_its_traceback(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    try:
        raise ValueError("first line\nsecond line")
    except ValueError as error:
        failure, code = explain(error)
    assert (failure.code, code) == ("internal", 1)
    assert failure.fact.endswith("ValueError: first line")
    (written,) = tmp_path.iterdir()
    assert str(written) in failure.hint
    assert "second line" in written.read_text()
    assert "test_failure.py" in written.read_text()


def test_what_nobody_foresaw_where_nothing_can_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    failure, code = explain(ValueError())
    assert (failure.code, code) == ("internal", 1)
    assert failure.fact.endswith("ValueError: no message")
    assert "could not be written" in failure.hint
