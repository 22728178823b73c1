"""Bodies that are files, sent to a provider over real sockets: no faster than it takes them, nor for nothing."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from services.router.providers.base import FileBody, HttpCall
from services.router.transport.transports import Transports
from shared.payloads.spool import PART_BYTES, Spool
from tests.provider_servers import Behaviour, OpenAIServer
from tests.provider_servers.proxy import ProxyServer

HEADERS = {"authorization": "Bearer sk-provider"}


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest.fixture
def file() -> Iterator[Spool]:
    spool = Spool()
    for number in range(40):
        spool.append(bytes([number]) * PART_BYTES)
    yield spool
    spool.close()


def call(server: OpenAIServer, file: Spool) -> HttpCall:
    return HttpCall(f"{server.url}/files", HEADERS, b"", file=FileBody(b"before", file, b"after"))


async def test_a_file_arrives_whole_and_its_connection_is_kept(server: OpenAIServer, file: Spool) -> None:
    async with Transports({}) as transports:
        for _ in range(2):
            server.next(Behaviour(body=b"{}"))
            answer = await transports.open(call(server, file), 5.0)
            assert b"".join([part async for part in answer.parts()]) == b"{}"
            await answer.aclose()
    for received in server.received:
        assert received.raw == b"before" + b"".join(file.parts()) + b"after"
        assert received.headers["content-length"] == str(len(received.raw))


async def test_an_answer_that_comes_early_ends_the_sending(server: OpenAIServer, file: Spool) -> None:
    async with Transports({}) as transports:
        server.next(Behaviour(status=413, body=b'{"error":"too large"}', answer_early=True))
        answer = await transports.open(call(server, file), 5.0)
        assert answer.status_code == 413
        assert b"".join([part async for part in answer.parts()]) == b'{"error":"too large"}'
        await answer.aclose()
        server.next(Behaviour(body=b"{}"))
        assert (await transports.open(call(server, file), 5.0)).status_code == 200
    assert server.connections == 2


async def test_a_provider_that_goes_away_in_mid_file_is_an_error(server: OpenAIServer, file: Spool) -> None:
    server.next(Behaviour(hang_up="unread"))
    async with Transports({}) as transports:
        with pytest.raises(httpx.TransportError):
            await transports.open(call(server, file), 5.0)


async def test_a_file_goes_through_a_proxy(server: OpenAIServer, file: Spool) -> None:
    async with ProxyServer() as proxy, Transports({"http_proxy": f"http://{proxy.address}"}) as transports:
        server.next(Behaviour(body=b"{}"))
        answer = await transports.open(call(server, file), 5.0)
        assert answer.status_code == 200
        await answer.aclose()
    (received,) = server.received
    assert len(received.raw) == len(b"beforeafter") + len(file)
