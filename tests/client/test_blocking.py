"""Both clients, asked the same: against the real server, and against one that misbehaves."""

import json
import ssl
import subprocess
import sys
import threading

import numpy as np
import pytest

from shipway.client import Client, Policy
from shipway.core.error import ShipwayError
from shipway.testing.refusal import expect_refusal


def answer(status=200, body=b'{"live":true}', headers=""):
    """Bytes of an answer."""
    return f"HTTP/1.1 {status} X\r\n{headers}content-length: {len(body)}\r\n\r\n".encode() + body


QUICK = Policy(backoff_s=0.0, timeout_s=30.0)
ONCE = Policy(attempts=1, timeout_s=30.0)
PREDICTION = answer(body=b'{"request":"r","model":"m","version":1,"p":0.5,"at":1,"new":"field"}')
BUSY = answer(503, b'{"code":"SW-801","fact":"the server is full","hint":"later"}', "retry-after: 0\r\n")


@pytest.fixture
def real(connect, shared):
    """Return a client of the real server."""
    return connect(f"http://127.0.0.1:{shared.port}", policy=Policy(timeout_s=30.0))


# the real server


def test_a_row_is_predicted_by_its_key(real, make_row, shared, noon):
    row = make_row(order=900)
    said = real.predict("fraud", row, at=noon, request="mine")
    other = shared.predict(row, request="other").document
    assert (said.request, said.model, said.version, said.p, said.at) == (
        "mine",
        "fraud",
        other["version"],
        other["p"],
        noon,
    )
    assert real.predict("fraud", row, at=noon).request not in ("", "mine")


@pytest.mark.parametrize("binary", [None, True, False])
def test_a_vector_is_predicted(real, by_hand, binary):
    values = [20.5, "DE", 1.0, 3.0, None, 2.0, 40.0]
    names = [column.name for column in real.model("fraud").inputs]
    inputs = {name: [value] for name, value in zip(names, values, strict=True)}
    said = real.infer("fraud", inputs, version=1, binary=binary, request="mine")
    assert (said.model, said.version, said.id) == ("fraud", "1", "mine")
    due = by_hand([20.5, 1.0, 1.0, 3.0, None, 2.0, 40.0], -0.5)
    assert said["probability"] == pytest.approx([due], abs=1e-6)
    assert said["probability"].dtype == np.float64


def test_a_matrix_is_predicted_in_binary(real):
    x = np.random.default_rng(1).normal(size=(200, 7))
    x[:, 1] = 0
    x[0, 0] = np.nan
    binary, text = (real.infer("fraud", {"x": x}, version=1, binary=form)["probability"] for form in (None, False))
    assert binary.shape == (200,)
    assert np.array_equal(binary, text)


def test_the_server_tells_of_itself(real):
    assert real.live()
    assert real.ready()
    assert real.ready("fraud")
    assert real.server().name == "shipway"
    assert all(entry.name and entry.state in ("READY", "UNAVAILABLE", "LOADING", "") for entry in real.index())
    model = real.model("fraud", version=2)
    assert model.name == "fraud"
    assert {"1", "2"} <= set(model.versions)
    assert [column.datatype for column in model.inputs[:2]] == ["FP64", "BYTES"]
    assert model.outputs[0].name == "probability"


def test_what_the_server_refuses_is_raised_as_it_says(real, make_row):
    with expect_refusal("SW-104") as refused:
        real.predict("frod", make_row())
    assert "frod" in refused[0].fact
    assert refused[0].hint == "did you mean 'fraud'?"
    with expect_refusal("SW-802"):
        real.predict("fraud", {"order": 1})
    with expect_refusal("SW-104"):
        real.features("nothing", {"order": 1})
    with expect_refusal("SW-104"):
        real.ready("frod")
    with expect_refusal("SW-802"):
        real.infer("fraud", {"x": [[1.0, 2.0]]}, version=1)


# what cannot be asked at all


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:80", "ftp://host", "http://", "http://a@host", "http://h/?q", "http://h h/", "http://h:x"]
)
def test_what_is_no_url_is_refused(connect, url):
    with expect_refusal("SW-802"):
        connect(url)


def test_what_cannot_be_sent_is_refused(connect, nobody):
    with expect_refusal("SW-802"):
        connect(nobody, api_key="a\r\nb: c")
    client = connect(nobody)
    for ask in (
        lambda: client.predict("", {"a": 1}),
        lambda: client.predict("m", {"a": object()}),
        lambda: client.infer("m", {"x": np.zeros(2, complex)}),
        lambda: client.infer("m", {"x": np.asarray([object()])}),
    ):
        with expect_refusal("SW-802"):
            ask()


def test_a_name_cannot_leave_its_place_in_the_path(connect, odd):
    server = odd(lambda place, request: PREDICTION)
    connect(server.url + "/base/", policy=ONCE, api_key="sw_key").predict("a/../b ?x\r\ny", {"k": 1}, request="r")
    head = server.requests[0].decode()
    assert head.startswith("POST /base/v1/predict/a%2F..%2Fb%20%3Fx%0D%0Ay HTTP/1.1\r\n")
    assert "\r\nauthorization: Bearer sw_key\r\n" in head
    assert f"\r\nhost: 127.0.0.1:{server.port}\r\n" in head


# a server that misbehaves


def test_connections_are_kept(connect, odd):
    server = odd(lambda place, request: PREDICTION)
    client = connect(server.url, policy=ONCE)
    for _ in range(5):
        assert client.predict("m", {"k": 1}).p == 0.5
    assert (len(server.requests), server.connections) == (5, 1)


def test_a_connection_that_the_server_ends_is_not_kept(connect, odd):
    server = odd(lambda place, request: answer(headers="connection: close\r\n"))
    client = connect(server.url, policy=ONCE)
    assert [client.live() for _ in range(3)] == [True] * 3
    assert server.connections == 3


def test_a_kept_connection_that_was_closed_meanwhile_does_no_harm(connect, odd):
    def script(place, request):
        return PREDICTION if place % 2 else "close"

    server = odd(script)
    client = connect(server.url, policy=Policy(backoff_s=0.0, timeout_s=30.0, retry_share=0.0, retry_burst=0.0))
    for _ in range(4):
        assert client.predict("m", {"k": 1}, request="r").p == 0.5
    assert len(server.requests) == 1 + 2 * 3


def test_a_question_that_is_to_be_sent_once_is_not_sent_again_for_a_kept_connection(connect, odd):
    server = odd(lambda place, request: PREDICTION if place == 1 else "close")
    client = connect(server.url, policy=ONCE)
    assert client.predict("m", {"k": 1}).p == 0.5
    with expect_refusal("SW-801"):
        client.predict("m", {"k": 1})
    assert len(server.requests) == 2


def test_the_deadline_is_passed_on(connect, odd):
    server = odd(lambda place, request: PREDICTION)
    client = connect(server.url, policy=Policy(timeout_s=20.0))
    client.predict("m", {"k": 1})
    client.predict("m", {"k": 1}, timeout_s=7.0)
    sent = [int(each.decode().partition("request-timeout: ")[2].split("\r\n")[0]) for each in server.requests]
    assert 7_000 < sent[0] <= 20_000
    assert 0 < sent[1] <= 7_000


def test_a_server_that_is_silent_is_given_up(connect, odd):
    silence = threading.Event()
    server = odd(lambda place, request: lambda connection: silence.wait(30))
    client = connect(server.url, policy=QUICK)
    with expect_refusal("SW-801") as refused:
        client.predict("m", {"k": 1}, timeout_s=0.05)
    silence.set()
    assert refused[0].fact == f"no answer from 127.0.0.1:{server.port} within 0.05 s"
    assert len(server.requests) <= 1


def test_a_server_that_is_not_there_is_told_of(connect, nobody):
    client = connect(nobody, policy=QUICK)
    assert not client.live()
    with expect_refusal("SW-801") as refused:
        client.predict("m", {"k": 1})
    assert "onnect" in refused[0].fact
    assert refused[0].fact.endswith("asked 3 times")


@pytest.mark.parametrize("failure", ["close", "reset", BUSY, answer(502)])
def test_a_lost_answer_is_asked_for_again_under_the_same_id(connect, odd, failure):
    server = odd(lambda place, request: failure if place < 3 else PREDICTION)
    assert connect(server.url, policy=QUICK).predict("m", {"k": 1}).p == 0.5
    bodies = {each.partition(b"\r\n\r\n")[2] for each in server.requests}
    assert len(server.requests) == 3
    assert len(bodies) == 1
    assert json.loads(bodies.pop())["request"]


@pytest.mark.parametrize("status", [400, 404, 422, 500, 504, 507])
def test_an_answer_that_is_none_of_these_is_final(connect, odd, status):
    server = odd(lambda place, request: answer(status, b'{"error":"it is so."}'))
    with expect_refusal("SW-802" if status < 500 else "SW-801") as refused:
        connect(server.url, policy=QUICK).predict("m", {"k": 1})
    assert refused[0].fact == "it is so"
    assert len(server.requests) == 1


def test_a_burst_of_refusals_gets_no_more_than_its_share_of_retries(connect, odd):
    server = odd(lambda place, request: BUSY)
    client = connect(server.url, policy=Policy(backoff_s=0.0, timeout_s=30.0, retry_burst=2.0))
    for _ in range(30):
        with expect_refusal("SW-801") as refused:
            client.predict("m", {"k": 1})
        assert refused[0].fact == "the server is full"
    assert 30 + 2 <= len(server.requests) <= 30 + 2 + 3


def test_several_servers_stand_in_for_each_other(connect, odd, nobody):
    server = odd(lambda place, request: PREDICTION)
    client = connect(nobody, server.url, policy=Policy(backoff_s=0.0, timeout_s=30.0, attempts=2, retry_burst=1.0))
    # The one that is not there is asked once, then left alone: a single retry is enough for all of these.
    for _ in range(6):
        assert client.predict("m", {"k": 1}).p == 0.5


def test_a_server_that_has_no_room_is_not_waited_for_while_another_has(connect, odd):
    full = odd(lambda place, request: answer(503, b"{}", "retry-after: 3600\r\n"))
    free = odd(lambda place, request: PREDICTION)
    client = connect(full.url, free.url, policy=QUICK)
    for _ in range(3):
        assert client.predict("m", {"k": 1}).p == 0.5
    assert len(full.requests) == 1


def test_a_server_that_asks_for_more_time_than_there_is_gets_no_second_question(connect, odd):
    server = odd(lambda place, request: answer(429, b'{"error":"busy"}', "retry-after: 3600\r\n"))
    with expect_refusal("SW-802"):
        connect(server.url, policy=QUICK).predict("m", {"k": 1})
    assert len(server.requests) == 1


def test_the_first_of_two_answers_counts_and_the_other_is_cancelled(connect, odd):
    cancelled = threading.Event()

    def hang(connection):
        connection.settimeout(30)
        try:
            gone = connection.recv(1) == b""
        except ConnectionError:
            gone = True
        if gone:
            cancelled.set()

    slow = odd(lambda place, request: hang)
    quick = odd(lambda place, request: PREDICTION)
    client = connect(slow.url, quick.url, policy=Policy(timeout_s=30.0, hedge=0.01, attempts=1))
    assert client.predict("m", {"k": 1}, request="r").p == 0.5
    assert cancelled.wait(30)
    assert slow.requests[0].partition(b"\r\n\r\n")[2] == quick.requests[0].partition(b"\r\n\r\n")[2]


def test_hedges_are_a_share_of_the_calls(connect, odd):
    """Every answer waits for a hedge that comes only while there is one to spend."""

    def script(place, request):
        return lambda connection: (release.wait(0.02), connection.sendall(PREDICTION))

    release = threading.Event()
    server = odd(script)
    client = connect(server.url, policy=Policy(timeout_s=30.0, hedge=0.0, hedge_share=0.1))
    for _ in range(20):
        client.predict("m", {"k": 1})
    assert 20 < len(server.requests) <= 20 + 1 + 2


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        answer() + b"x",
    ],
)
def test_what_is_no_answer_is_told_of(connect, odd, said):
    server = odd(lambda place, request: said)
    with expect_refusal("SW-801"):
        connect(server.url, policy=ONCE).server()


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"p": "high"}', b'{"error": 3}'])
def test_an_answer_that_does_not_fit_is_told_of(connect, odd, body):
    server = odd(lambda place, request: answer(body=body))
    with expect_refusal("SW-801") as refused:
        connect(server.url, policy=ONCE).predict("m", {"k": 1})
    assert refused[0].fact.startswith("the answer does not fit")


def test_an_answer_in_pieces_is_put_together(connect, odd):
    parts = [PREDICTION[place : place + 1] for place in range(len(PREDICTION))]
    server = odd(lambda place, request: parts)
    client = connect(server.url, policy=ONCE)
    assert [client.predict("m", {"k": 1}).p for _ in range(2)] == [0.5, 0.5]
    assert server.connections == 1


def test_a_server_without_room_is_not_ready_and_not_asked_twice(connect, odd):
    server = odd(lambda place, request: BUSY)
    client = connect(server.url, policy=QUICK)
    assert not client.ready()
    assert len(server.requests) == 1


# TLS


def test_tls_is_spoken_and_a_stranger_is_refused(connect, odd, tmp_path):
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "1",
    ]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = odd(lambda place, request: PREDICTION, context)
    trusting = connect(server.url, policy=ONCE, tls=ssl.create_default_context(cafile=str(certificate)))
    assert [trusting.predict("m", {"k": 1}).p for _ in range(3)] == [0.5, 0.5, 0.5]
    assert server.connections == 1
    with expect_refusal("SW-801") as refused:
        connect(server.url, policy=ONCE).predict("m", {"k": 1})
    assert "certificate" in refused[0].fact.lower()


# what it costs to import


def test_the_client_imports_neither_a_model_nor_a_frame():
    source = "import sys; from shipway import Client; Client('http://localhost:1'); print(sorted(sys.modules))"
    modules = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True).stdout
    for name in (
        "numpy",
        "polars",
        "scipy",
        "onnxruntime",
        "asyncio",
        "shipway.serving",
        "shipway.app",
        "shipway.ports",
    ):
        assert f"'{name}'" not in modules


def test_a_policy_that_nobody_can_keep_to_is_refused():
    for words in ({"timeout_s": 0}, {"attempts": 0}, {"hedge": "p50"}, {"retry_share": 2}, {"hedge_share": -1}):
        with pytest.raises(ShipwayError, match="SW-802"):
            Policy(**words)


def test_threads_share_a_client(shared, make_row):
    said, client = [], Client(f"http://127.0.0.1:{shared.port}", policy=Policy(timeout_s=60.0))

    def ask(start):
        said.extend(client.predict("fraud", make_row(order=start + place)).request for place in range(10))

    threads = [threading.Thread(target=ask, args=(100 * number,)) for number in range(8)]
    with client:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(set(said)) == 80
