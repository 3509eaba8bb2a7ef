"""Keys, TLS, limits and the end of a server, on a real process."""

import datetime as dt
import http.client
import json
import signal
import socket
import ssl
import subprocess
import sys
import time
from types import SimpleNamespace

import grpc
import pytest
import tritonclient.grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tritonclient.utils import InferenceServerException

from shipway.adapters.http.traffic import HttpTraffic
from shipway.serving.key import make_key

START = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
KEY, DIGEST = make_key()
BOSS, BOSS_DIGEST = make_key()
OTHER, OTHER_DIGEST = make_key()
FILE = f"""
[keys.shop]
sha256 = "{DIGEST}"
services = ["fraud"]
[keys.boss]
sha256 = "{BOSS_DIGEST}"
operator = true
"""


class Issuer:
    """Signs certificates."""

    def __init__(self, folder, name):
        self.key, self.name = ec.generate_private_key(ec.SECP256R1()), _name(name)
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(self._sign(self.name, self.key, True).public_bytes(serialization.Encoding.PEM))

    def sign(self, stem, name):
        """Write a certificate and its key beside each other."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(_name(name), key, False)
        paths = stem.with_suffix(".pem"), stem.with_suffix(".key")
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        kind = serialization.PrivateFormat.PKCS8
        paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()))
        return paths

    def _sign(self, name, key, authority):
        builder = x509.CertificateBuilder(
            issuer_name=self.name, subject_name=name, public_key=key.public_key(),
            serial_number=x509.random_serial_number(), not_valid_before=START,
            not_valid_after=START + dt.timedelta(days=36_500),
        ).add_extension(x509.BasicConstraints(authority, None), critical=True)  # fmt: skip
        if not authority:
            names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.key, hashes.SHA256())


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    return Issuer(tmp_path_factory.mktemp("issuer"), "issuer")


@pytest.fixture
def keys(tmp_path):
    path = tmp_path / "keys.toml"
    path.write_text(FILE)
    return path


def start(serve, state, *words):
    """Start a server and return its process and port; `serve` knows plain HTTP alone."""
    command = [sys.executable, "-m", "shipway.serving", "--state", str(state), "--replay", *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    serve.processes.append(process)
    line = process.stdout.readline()
    assert line.startswith("listening on "), process.stderr.read()
    return process, int(line.rsplit(":", 1)[1])


@pytest.fixture(name="serve")
def launcher():
    started = SimpleNamespace(processes=[])
    yield started
    for process in started.processes:
        with process:
            process.kill()


def ask(port, path, *, method="GET", body=None, tls=None, **headers):
    """Ask once and return the status, the document and the headers."""
    if tls is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    else:
        connection = http.client.HTTPSConnection("localhost", port, timeout=30, context=tls)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), answer.headers
    finally:
        connection.close()


def trust(issuer, minimum=ssl.TLSVersion.TLSv1_2, maximum=ssl.TLSVersion.TLSv1_3):
    context = ssl.create_default_context(cafile=issuer.path)
    context.minimum_version, context.maximum_version = minimum, maximum
    return context


def wait_until(true):
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_server_with_keys_answers_those_it_knows(shop, serve, keys, make_row):
    process, port = start(serve, shop.state, "--keys", keys)
    HttpTraffic(shop.state).apply(shop.route())
    body = json.dumps({"row": make_row(), "at": 1_700_000_000_000_000})
    predict = {"path": "/v1/predict/fraud", "method": "POST", "body": body}
    assert ask(port, "/v2/health/ready")[0] == 200
    status, document, headers = ask(port, **predict)
    assert (status, document["code"]) == (401, "SW-802")
    assert headers["www-authenticate"] == 'Bearer realm="shipway"'
    assert ask(port, **predict, authorization=f"Bearer {KEY}")[0] == 200
    assert ask(port, "/v1/predict/other", method="POST", body="{}", x_api_key=KEY)[0] == 403
    assert ask(port, "/v1/status", x_api_key=KEY)[0] == 403
    status, document, _ = ask(port, "/v1/status", x_api_key=BOSS)
    assert (status, document["counts"]["denied"]) == (200, 3)
    assert ask(port, **predict, x_api_key=BOSS)[0] == 403

    # Another file, at a signal: one key goes, and one comes.
    keys.write_text(FILE.replace(DIGEST, OTHER_DIGEST))
    process.send_signal(signal.SIGHUP)
    wait_until(lambda: ask(port, **predict, x_api_key=OTHER)[0] == 200)
    assert ask(port, **predict, x_api_key=KEY)[0] == 401
    # One that cannot be read changes nothing.
    keys.write_text("[keys")
    process.send_signal(signal.SIGHUP)
    assert "SW-102" in "".join(process.stderr.readline() for _ in range(2))
    assert ask(port, **predict, x_api_key=OTHER)[0] == 200


def test_the_unix_socket_is_this_users_own(shop, serve, keys, tmp_path):
    place = tmp_path / "own.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(place))  # what a server that was killed leaves
    process, _ = start(serve, shop.state, "--keys", keys, "--socket", place)
    assert place.stat().st_mode & 0o777 == 0o600
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect(str(place))
        stream.sendall(b"GET /v1/status HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert stream.recv(1 << 16).startswith(b"HTTP/1.1 200")
    command = [sys.executable, "-m", "shipway.serving", "--state", str(tmp_path), "--socket", str(place)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr[:6]) == (1, "SW-801")
    process.terminate()
    assert process.wait(30) == 0
    assert not place.exists()


def test_a_server_with_a_certificate_speaks_tls(shop, serve, issuer, tmp_path):
    first = issuer.sign(tmp_path / "server", "first")
    process, port = start(serve, shop.state, "--certificate", first[0], "--private-key", first[1])
    HttpTraffic(shop.state).apply(shop.route())
    assert ask(port, "/v2/health/ready", tls=trust(issuer))[0] == 200
    assert json.loads((shop.state / "serving" / "server.json").read_text())["url"] == f"https://127.0.0.1:{port}"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
        plain.sendall(b"GET /v2 HTTP/1.1\r\nhost: x\r\n\r\n")
        assert not plain.recv(100).startswith(b"HTTP")
    with pytest.raises(ssl.SSLError), pytest.warns(DeprecationWarning, match="TLSv1_1"):
        ask(port, "/v2", tls=trust(issuer, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1))

    def serial():
        stream = socket.create_connection(("localhost", port))
        with trust(issuer).wrap_socket(stream, server_hostname="localhost") as secure:
            return secure.getpeercert()["serialNumber"]

    before = serial()
    issuer.sign(tmp_path / "server", "second")
    process.send_signal(signal.SIGHUP)
    wait_until(lambda: serial() != before)
    first[0].write_text("nothing")
    process.send_signal(signal.SIGHUP)
    assert "SW-102" in "".join(process.stderr.readline() for _ in range(2))
    assert ask(port, "/v2/health/ready", tls=trust(issuer))[0] == 200


def test_callers_may_have_to_show_a_certificate(shop, serve, issuer, tmp_path):
    mine = issuer.sign(tmp_path / "server", "server")
    words = ("--certificate", mine[0], "--private-key", mine[1], "--clients", issuer.path)
    _, port = start(serve, shop.state, *words)
    context = trust(issuer)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask(port, "/v2", tls=context)
    context.load_cert_chain(*issuer.sign(tmp_path / "client", "client"))
    assert ask(port, "/v2", tls=context)[0] == 200
    stranger = trust(issuer)
    stranger.load_cert_chain(*Issuer(tmp_path, "stranger").sign(tmp_path / "other", "client"))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask(port, "/v2", tls=stranger)


def test_grpc_asks_for_the_same_keys_over_the_same_tls(shop, serve, keys, issuer, tmp_path):
    mine = issuer.sign(tmp_path / "server", "server")
    words = ("--keys", keys, "--certificate", mine[0], "--private-key", mine[1], "--grpc-port", 0)
    process, _ = start(serve, shop.state, *words)
    line = process.stdout.readline()
    assert line.startswith("listening on grpcs://")
    place = f"localhost:{line.rsplit(':', 1)[1].strip()}"
    with tritonclient.grpc.InferenceServerClient(place, ssl=True, root_certificates=str(issuer.path)) as client:
        assert client.is_server_live()
        with pytest.raises(InferenceServerException) as refusal:
            client.get_server_metadata()
        assert refusal.value.status() == "StatusCode.UNAUTHENTICATED"
        with pytest.raises(InferenceServerException) as refusal:
            client.get_server_metadata(headers={"authorization": f"Bearer {KEY}"})
        assert refusal.value.status() == "StatusCode.PERMISSION_DENIED"
        assert client.get_server_metadata(headers={"authorization": f"Bearer {BOSS}"}).name == "shipway"
        with pytest.raises(InferenceServerException) as refusal:
            client.get_model_metadata("fraud", headers={"authorization": f"Bearer {KEY}"})
        assert refusal.value.status() == "StatusCode.NOT_FOUND"


def test_grpc_shows_the_new_certificate_to_new_connections(shop, serve, issuer, tmp_path):
    mine = issuer.sign(tmp_path / "server", "first")
    words = ("--certificate", mine[0], "--private-key", mine[1], "--clients", issuer.path, "--grpc-port", 0)
    process, _ = start(serve, shop.state, *words)
    port = int(process.stdout.readline().rsplit(":", 1)[1])
    theirs = issuer.sign(tmp_path / "client", "client")

    def serial():
        context = trust(issuer)
        context.set_alpn_protocols(["h2"])
        context.load_cert_chain(*theirs)
        stream = socket.create_connection(("localhost", port), timeout=30)
        with context.wrap_socket(stream, server_hostname="localhost") as secure:
            return secure.getpeercert()["serialNumber"]

    pem, key, chain = issuer.path.read_bytes(), theirs[1].read_bytes(), theirs[0].read_bytes()
    trusted = {"root_certificates": pem, "private_key": key, "certificate_chain": chain}
    with grpc.secure_channel(f"localhost:{port}", grpc.ssl_channel_credentials(**trusted)) as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        assert check(b"", timeout=30) == b"\x08\x01"
        before = serial()
        assert serial() == before
        issuer.sign(tmp_path / "server", "second")
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: serial() != before)
        after = serial()
        assert check(b"", timeout=30) == b"\x08\x01", "who was there before stays connected"
        mine[0].write_text("nothing")
        process.send_signal(signal.SIGHUP)
        assert "SW-102" in "".join(process.stderr.readline() for _ in range(2))
        assert serial() == after
        stranger = Issuer(tmp_path, "stranger").sign(tmp_path / "other", "client")
        other = trusted | {"private_key": stranger[1].read_bytes(), "certificate_chain": stranger[0].read_bytes()}
        with (
            grpc.secure_channel(f"localhost:{port}", grpc.ssl_channel_credentials(**other)) as refused,
            pytest.raises(grpc.RpcError),
        ):
            refused.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=30)


@pytest.mark.parametrize(
    "words",
    [
        ("--keys", "none.toml"),
        ("--certificate", "none.pem", "--private-key", "none.key"),
        ("--certificate", "none.pem"),
        ("--clients", "none.pem"),
    ],
)
def test_what_cannot_guard_is_refused_at_the_start(shop, words):
    command = [sys.executable, "-m", "shipway.serving", "--state", str(shop.state), *words]
    said = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert (said.returncode, said.stderr[:6]) == (1, "SW-102")
    assert "hint: " in said.stderr


def test_a_stopping_server_says_so_before_it_stops(shop, serve):
    process, port = start(serve, shop.state, "--grace", "30s")
    HttpTraffic(shop.state).apply(shop.route())
    assert ask(port, "/v2/health/ready")[0] == 200
    process.terminate()
    wait_until(lambda: ask(port, "/v2/health/ready")[0] == 503)
    assert ask(port, "/v2/health/live")[0] == 200
    # Told so again, it ends at once.
    process.terminate()
    assert process.wait(10) == 128 + signal.SIGTERM


def test_too_many_connections_are_told_so(shop, serve):
    _, port = start(serve, shop.state, "--connections", "3")
    held = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(3)]
    for stream in held:
        stream.sendall(b"GET /v2 HTTP/1.1\r\nhost: x\r\n\r\n")
        assert stream.recv(1 << 16).startswith(b"HTTP/1.1 200")
    with socket.create_connection(("127.0.0.1", port), timeout=30) as beyond:
        said = beyond.recv(1 << 16)
        assert said.startswith(b"HTTP/1.1 503")
        assert b"retry-after: 1" in said
        assert beyond.recv(1) == b""
    for stream in held:
        stream.close()
    wait_until(lambda: ask(port, "/v2")[0] == 200)


def test_limits_of_the_command_line_hold(shop, serve, make_row):
    _, port = start(serve, shop.state, "--body", "1KB", "--timeout", "1ms")
    HttpTraffic(shop.state).apply(shop.route())
    assert ask(port, "/v1/predict/fraud", method="POST", body=b" " * 2_000)[0] == 413
    assert ask(port, "/v1/predict/fraud", method="POST", body="{}", request_timeout="0")[0] == 400
    body = json.dumps({"row": make_row()})
    assert ask(port, "/v1/predict/fraud", method="POST", body=body, request_timeout="60000")[0] == 200
