"""What only the client that awaits can do: many questions at once, and being cancelled."""

import asyncio

import pytest

from shipway.client import AsyncClient, Policy

BODY = b'{"request":"r","model":"m","version":1,"p":0.5,"at":1}'
PREDICTION = b"HTTP/1.1 200 X\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY


def test_many_ask_at_once_and_few_connections_are_kept(shared, make_row):
    async def ask():
        async with AsyncClient(
            f"http://127.0.0.1:{shared.port}", policy=Policy(timeout_s=60.0), connections=4
        ) as client:
            for _ in range(2):
                rows = [make_row(order=order) for order in range(16)]
                said = await asyncio.gather(*(client.predict("fraud", row) for row in rows))
            kept = client._streams._idle
            return said, sum(map(len, kept.values()))

    said, kept = asyncio.run(ask())
    assert len({each.request for each in said}) == 16
    assert kept == 4


def test_a_question_that_is_cancelled_closes_its_connection(odd):
    arrived = []

    def hang(connection):
        connection.settimeout(30)
        arrived.append(connection.recv(1))

    def script(place, request):
        return hang if place == 1 else PREDICTION

    server = odd(script)

    async def ask():
        async with AsyncClient(server.url, policy=Policy(timeout_s=60.0)) as client:
            asking = asyncio.create_task(client.predict("m", {"k": 1}))
            while not server.requests:
                await asyncio.sleep(0.001)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert (await client.predict("m", {"k": 1})).p == 0.5

    asyncio.run(ask())
    assert server.connections == 2
