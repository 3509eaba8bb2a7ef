"""Streams whose reader goes away."""

import os
import sys

from shipway.cli.output import Stream, guard_streams


def test_what_nobody_reads_is_dropped_quietly():
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as file:
        stream = Stream(file)
        assert stream.write("read") == 4
        stream.flush()
        assert not stream.gone
        assert not stream.isatty()
        assert os.read(reading, 9) == b"read"
        os.close(reading)
        stream.write("not read")
        stream.flush()
        assert stream.gone
        assert stream.write("more") == 4
        stream.flush()


def test_streams_are_put_back_and_closed_ones_are_nothing(monkeypatch, capsys):
    before = sys.stdout
    with guard_streams() as out:
        assert sys.stdout is out
        sys.stdout.write("said\n")
    assert sys.stdout is before
    assert capsys.readouterr().out == "said\n"
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", None)
        patched.setattr(sys, "stderr", None)
        with guard_streams() as out:
            sys.stdout.write("to nobody")
            sys.stderr.write("to nobody")
        assert sys.stdout is None
    assert not out.gone
