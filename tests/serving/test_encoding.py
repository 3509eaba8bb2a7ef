"""Compressed bodies, within their bound."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipway.serving.encoding import LEAST_BYTES, deflate, inflate
from shipway.serving.refusal import RefusedError


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate", " GZIP ", "identity", ""]))
def test_body_comes_back(body, encoding):
    sent = {"gzip": gzip.compress, "deflate": zlib.compress}.get(encoding.strip().lower(), bytes)(body)
    assert inflate(sent, encoding, 200) == body


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (b"", "br", 415),
        (b"x", "gzip", 400),
        (b"", "deflate", 400),
        (gzip.compress(b"x" * 99)[:-5], "gzip", 400),
        (gzip.compress(b"x") + b"y", "gzip", 400),
        (gzip.compress(b"x" * 101), "gzip", 413),
        (zlib.compress(b"\0" * (1 << 30 >> 4)), "deflate", 413),
    ],
    ids=("unknown", "none of gzip", "none of deflate", "cut off", "followed", "too long", "far too long"),
)
def test_what_is_no_whole_body_is_refused(body, encoding, status):
    with pytest.raises(RefusedError) as refusal:
        inflate(body, encoding, 100)
    assert refusal.value.status == status


@pytest.mark.parametrize(
    ("accepted", "form"),
    [
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("gzip, deflate", "gzip"),
        ("deflate, gzip;q=0.5", "deflate"),
        ("br, *", "gzip"),
        ("*;q=0", None),
        ("gzip;q=0, deflate;q=x", None),
        ("br", None),
        ("gzip;q=0.5, identity", None),
        ("", None),
    ],
)
def test_answer_is_what_its_caller_takes(accepted, form):
    body = b"x" * LEAST_BYTES
    sent, headers = deflate(body, accepted)
    assert dict(headers).get("content-encoding") == form
    assert inflate(sent, form or "", LEAST_BYTES) == body
    assert (len(sent) < len(body)) == (form is not None)


def test_small_answer_is_sent_as_it_is():
    body = b"x" * (LEAST_BYTES - 1)
    assert deflate(body, "gzip") == (body, [])
