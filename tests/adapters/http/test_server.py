import asyncio
import contextlib
import time

import pytest

from shipway.adapters.http.server import AsyncioHttp
from shipway.core.error import ShipwayError


def test_stop_answers_what_was_asked(own_echo):
    with own_echo.connect() as connection:
        connection.sendall(b"GET /hold HTTP/1.1\r\nhost: x\r\nx-name: late\r\n\r\n" * 2)
        while len(own_echo.held) < 2:
            time.sleep(0.01)
        own_echo.loop.call_soon_threadsafe(own_echo.stopped.set)
        time.sleep(0.1)
        own_echo.release()
        said = b""
        while data := connection.recv(1 << 16):
            said += data
    assert said.count(b"HTTP/1.1 200") == 2
    assert said.count(b"connection: close") == 1
    assert said.endswith(b"late")
    own_echo.thread.join(30)


def test_stop_does_not_wait_for_ever(own_echo):
    with own_echo.connect() as connection:
        connection.sendall(b"GET /hold HTTP/1.1\r\nhost: x\r\n\r\n")
        while not own_echo.held:
            time.sleep(0.01)
        own_echo.stop()
        assert not own_echo.thread.is_alive()
        with contextlib.suppress(ConnectionError):
            assert connection.recv(1) == b""


def test_stopped_server_takes_nobody(own_echo):
    own_echo.stop()
    with pytest.raises(OSError, match="refused"):
        own_echo.connect()


@pytest.mark.parametrize(("host", "port"), [("203.0.113.1", 0), ("127.0.0.1", 1 << 20), ("no.such.host.invalid", 0)])
def test_impossible_addresses_are_refused(host, port):
    async def main():
        await AsyncioHttp(lambda call: None).listen(host, port)

    with pytest.raises(ShipwayError) as caught:
        asyncio.run(main())
    assert caught.value.code == "SW-801"
    assert host in caught.value.fact


def test_answering_twice_is_a_mistake(own_echo):
    with own_echo.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        connection.recv(1 << 16)
        with pytest.raises(RuntimeError, match="twice"):
            own_echo.calls[0].answer(200, b"")
