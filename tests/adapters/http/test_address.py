"""Addresses and requests as they stand on the wire."""

import pytest

from shipway.adapters.http.address import Address, split_url, write_request
from shipway.testing.refusal import expect_refusal

HERE = Address("127.0.0.1", 8080, False)


@pytest.mark.parametrize(
    ("url", "address", "path"),
    [
        ("http://127.0.0.1:8080/a/b?c=d", HERE, "/a/b?c=d"),
        ("http://127.0.0.1", Address("127.0.0.1", 80, False), "/"),
        ("https://[::1]/x", Address("::1", 443, True), "/x"),
    ],
)
def test_url_is_a_server_and_a_path(url, address, path):
    assert split_url(url) == (address, path)


@pytest.mark.parametrize(
    "url", ["127.0.0.1:80", "ftp://a/b", "http://", "http://a:port/", "http://a/\r\nx: y", "http://ä/"]
)
def test_what_is_no_url_is_refused(url):
    with expect_refusal("SW-441"):
        split_url(url)


def test_authority_leaves_the_usual_port_away():
    assert Address("a", 80, False).authority == "a"
    assert Address("a", 80, True).authority == "a:80"
    assert Address("::1", 443, True).authority == "[::1]"


def test_request_is_whole():
    assert write_request("POST", HERE, "/x", [("a", "b c")], b"{}") == (
        b"POST /x HTTP/1.1\r\nhost: 127.0.0.1:8080\r\na: b c\r\ncontent-length: 2\r\n\r\n{}"
    )
    assert write_request("GET", HERE, "/", [], b"") == b"GET / HTTP/1.1\r\nhost: 127.0.0.1:8080\r\n\r\n"
    assert b"content-length: 0\r\n" in write_request("POST", HERE, "/", [], b"")


@pytest.mark.parametrize(
    "header", [("a b", "c"), ("a", "b\r\nc: d"), ("Content-Length", "3"), ("Host", "x"), ("a", "ä")]
)
def test_header_that_would_break_the_request_is_refused(header):
    with expect_refusal("SW-441"):
        write_request("POST", HERE, "/", [header], b"")


@pytest.mark.parametrize("method", ["HEAD", "CONNECT", "G ET", ""])
def test_method_whose_answers_cannot_be_read_is_refused(method):
    with expect_refusal("SW-441"):
        write_request(method, HERE, "/", [], b"")
