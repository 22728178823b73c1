"""The router's own HTTP towards providers, over real sockets: what is kept, what is closed, what breaks how."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import orjson
import pytest

from services.router.providers.base import HttpCall
from services.router.transport import http1
from services.router.transport.http1_connection import HIGH_WATER_BYTES
from services.router.transport.provider_answer import ProviderAnswer
from services.router.transport.transports import Transports
from shared.config import ConfigError
from tests.provider_servers import Behaviour, OpenAIServer
from tests.provider_servers.certificates import self_signed
from tests.provider_servers.proxy import ProxyServer

HEADERS = {"content-type": "application/json", "authorization": "Bearer sk-provider"}
ASKED = orjson.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]})
STREAMED = orjson.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "stream": True})


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with OpenAIServer() as server:
        yield server


@pytest.fixture
async def transports() -> AsyncIterator[Transports]:
    async with Transports({}) as transports:
        yield transports


def call(server: OpenAIServer, body: bytes = ASKED) -> HttpCall:
    return HttpCall(f"{server.url}/chat/completions", HEADERS, body)


async def read(answer: ProviderAnswer) -> bytes:
    try:
        return b"".join([part async for part in answer.parts()])
    finally:
        await answer.aclose()


async def post(transports: Transports, server: OpenAIServer, body: bytes = ASKED, timeout_s: float = 5.0) -> bytes:
    return await read(await transports.open(call(server, body), timeout_s))


async def until(condition: object) -> None:
    """Wait for something the other side of a socket does."""
    for _ in range(200):
        if condition():  # type: ignore[operator]
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")


# what is kept


async def test_answers_and_streams_come_over_one_kept_connection(server: OpenAIServer, transports: Transports) -> None:
    for body in (ASKED, STREAMED, ASKED, STREAMED):
        assert b"there!" in await post(transports, server, body)
    assert server.connections == 1
    head = server.received[0].headers
    assert head["content-type"] == "application/json"
    assert head["accept-encoding"] == "identity"
    assert head["host"] in server.origin
    assert server.received[0].raw == ASKED


@pytest.mark.parametrize("status", [400, 429, 500])
async def test_an_error_leaves_the_connection_usable(server: OpenAIServer, transports: Transports, status: int) -> None:
    server.next(Behaviour(status=status))
    answer = await transports.open(call(server), 5.0)
    assert answer.status_code == status
    await read(answer)
    await post(transports, server)
    assert server.connections == 1


async def test_calls_at_once_have_a_connection_each_and_keep_them(server: OpenAIServer, transports: Transports) -> None:
    server.always = Behaviour(delay_s=0.05)
    for _ in range(2):
        await asyncio.gather(*[post(transports, server) for _ in range(5)])
    assert server.connections == 5


async def test_at_the_end_every_idle_connection_is_closed(server: OpenAIServer) -> None:
    async with Transports({}) as transports:
        await asyncio.gather(*[post(transports, server) for _ in range(3)])
    await until(lambda: server.open == 0)


async def test_an_old_connection_is_not_used(
    server: OpenAIServer, transports: Transports, monkeypatch: pytest.MonkeyPatch
) -> None:
    await post(transports, server)
    monkeypatch.setattr(http1, "KEEP_ALIVE_S", 0.0)
    await asyncio.sleep(0.01)
    await post(transports, server)
    assert server.connections == 2
    await until(lambda: server.open == 1)


async def test_an_answer_that_says_close_is_not_kept(server: OpenAIServer, transports: Transports) -> None:
    server.next(Behaviour(headers={"connection": "close"}))
    await post(transports, server)
    await post(transports, server)
    assert server.connections == 2


# what is closed


async def test_a_stream_that_is_left_is_closed(server: OpenAIServer, transports: Transports) -> None:
    server.next(Behaviour(chunk_delay_s=0.02, text="word " * 500))
    answer = await transports.open(call(server, STREAMED), 5.0)
    await anext(aiter(answer.parts()))
    await answer.aclose()
    await until(lambda: server.open == 0)
    await post(transports, server)
    assert server.connections == 2


@pytest.mark.parametrize(
    ("size", "connections"),
    [(1_000, 1), (HIGH_WATER_BYTES + 100, 2), (3 * HIGH_WATER_BYTES, 2)],
    ids=["small", "as much as is read ahead", "more than is read ahead"],
)
async def test_an_answer_that_is_left_unread_is_closed_unless_it_came_whole(
    server: OpenAIServer, transports: Transports, size: int, connections: int
) -> None:
    server.next(Behaviour(body=b"x" * size))
    answer = await transports.open(call(server), 5.0)
    await asyncio.sleep(0.1)
    await answer.aclose()
    for _ in range(2):
        assert b"there!" in await post(transports, server, timeout_s=1.0)
    assert server.connections == connections


async def test_a_connection_whose_request_was_not_taken_is_not_kept(
    server: OpenAIServer, transports: Transports
) -> None:
    server.next(Behaviour(status=413, body=b'{"error":"too large"}', answer_early=True))
    body = orjson.dumps({"model": "x", "messages": [], "pad": "x" * 20_000_000})
    answer = await transports.open(call(server, body), 5.0)
    assert answer.status_code == 413
    assert await read(answer) == b'{"error":"too large"}'
    await post(transports, server)
    assert server.connections == 2


async def test_a_call_that_is_cancelled_leaves_no_connection(server: OpenAIServer, transports: Transports) -> None:
    server.next(Behaviour(delay_s=30))
    task = asyncio.create_task(post(transports, server))
    await until(lambda: server.received)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.05)
    server.next()
    await post(transports, server)
    assert server.connections == 2


# a kept connection that the provider has closed


async def test_a_connection_closed_while_idle_is_replaced(server: OpenAIServer, transports: Transports) -> None:
    await post(transports, server)
    server.next(Behaviour(hang_up="unread"))  # it closes just as the next request arrives
    assert b"there!" in await post(transports, server)
    assert server.connections == 2
    assert len(server.received) == 2


async def test_a_fresh_connection_that_breaks_is_not_tried_again(server: OpenAIServer, transports: Transports) -> None:
    server.next(Behaviour(hang_up="unread"))
    with pytest.raises(httpx.ReadError):
        await post(transports, server)
    assert server.connections == 1


async def test_a_kept_connection_that_breaks_after_a_while_may_have_cost_money_and_is_not_tried_again(
    server: OpenAIServer, transports: Transports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http1, "STALE_S", 0.05)
    await post(transports, server)
    server.next(Behaviour(delay_s=0.2, hang_up="unanswered"))
    with pytest.raises(httpx.ReadError):
        await post(transports, server)
    assert len(server.received) == 2


@pytest.mark.parametrize("how", [Behaviour(hang_up="in body"), Behaviour(raw=b"HTTP/1.1 200 OK\r\nx-half: ")])
async def test_a_kept_connection_that_breaks_in_its_answer_is_not_tried_again(
    server: OpenAIServer, transports: Transports, how: Behaviour
) -> None:
    await post(transports, server)
    server.next(how)
    with pytest.raises(httpx.ReadError):
        await post(transports, server)
    assert len(server.received) == 2


# what breaks how


async def test_nobody_there_is_a_connect_error(transports: Transports) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1/chat/completions"
        with pytest.raises(httpx.ConnectError, match=r"no connection to 127\.0\.0\.1"):
            await transports.open(HttpCall(url, HEADERS, ASKED), 2.0)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 70 + ".invalid"])
async def test_a_name_that_leads_nowhere_is_a_connect_error(transports: Transports, host: str) -> None:
    with pytest.raises((httpx.ConnectError, httpx.InvalidURL)):
        await transports.open(HttpCall(f"http://{host}/v1", HEADERS, ASKED), 5.0)


async def test_a_connection_that_is_not_made_in_time_is_a_timeout(
    transports: Transports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http1, "CONNECT_TIMEOUT_S", 0.2)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = []
        try:
            for _ in range(4):  # fill the backlog: further connections get no answer
                waiting.append(socket.socket())
                waiting[-1].setblocking(False)
                waiting[-1].connect_ex(full.getsockname())
            url = f"http://127.0.0.1:{full.getsockname()[1]}/v1"
            with pytest.raises(httpx.ConnectTimeout):
                await transports.open(HttpCall(url, HEADERS, ASKED), 5.0)
        finally:
            for one in waiting:
                one.close()


@pytest.mark.parametrize("body", [ASKED, STREAMED])
async def test_silence_is_a_read_timeout(server: OpenAIServer, transports: Transports, body: bytes) -> None:
    server.next(Behaviour(delay_s=30))
    with pytest.raises(httpx.ReadTimeout):
        await post(transports, server, body, timeout_s=0.1)
    server.next(Behaviour(stall_after=2))
    with pytest.raises(httpx.ReadTimeout):
        await post(transports, server, STREAMED, timeout_s=0.1)
    await asyncio.sleep(0.05)
    server.next()
    assert b"there!" in await post(transports, server)


@pytest.mark.parametrize(
    "how",
    [
        Behaviour(hang_up="unanswered"),
        Behaviour(hang_up="after head"),
        Behaviour(hang_up="in body"),
        Behaviour(break_after=2),
    ],
)
async def test_a_broken_connection_is_a_read_error(
    server: OpenAIServer, transports: Transports, how: Behaviour
) -> None:
    server.next(how)
    with pytest.raises(httpx.ReadError):
        await post(transports, server, STREAMED if how.break_after else ASKED)


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnot a size\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x-long: " + b"x" * 2_000_000 + b"\r\ncontent-length: 2\r\n\r\n{}",
    ],
)
async def test_what_is_not_http_is_a_protocol_error(server: OpenAIServer, transports: Transports, raw: bytes) -> None:
    server.next(Behaviour(raw=raw))
    with pytest.raises(httpx.RemoteProtocolError):
        await post(transports, server)
    assert b"there!" in await post(transports, server)


async def test_long_headers_are_taken(server: OpenAIServer, transports: Transports) -> None:
    server.next(Behaviour(headers={"x-long": "x" * 100_000}))
    answer = await transports.open(call(server), 5.0)
    assert len(answer.header("x-long") or "") == 100_000
    await read(answer)


async def test_interim_answers_are_passed_over(server: OpenAIServer, transports: Transports) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    server.next(Behaviour(raw=interim + b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}"))
    answer = await transports.open(call(server), 5.0)
    assert (answer.status_code, await read(answer)) == (201, b"{}")
    assert answer.header("link") is None


async def test_a_second_answer_behind_the_first_belongs_to_nobody(server: OpenAIServer, transports: Transports) -> None:
    one = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1"
    for number, other in enumerate(
        [b"HTTP/1.1 500 No\r\ncontent-length: 1\r\n\r\n2", b"HTTP/1.1 500 No\r\nx-half: "], 1
    ):
        server.next(Behaviour(raw=one + other, raw_stays=True))
        answer = await transports.open(call(server), 5.0)
        assert (answer.status_code, await read(answer)) == (200, b"1")
        assert server.connections == number
    assert b"there!" in await post(transports, server)
    assert server.connections == 3


@pytest.mark.parametrize("body", [ASKED, STREAMED])
async def test_the_end_of_the_connection_can_be_the_end_of_the_answer(
    server: OpenAIServer, transports: Transports, body: bytes
) -> None:
    server.always = Behaviour(until_close=True)
    assert b"there!" in await post(transports, server, body)
    assert b"there!" in await post(transports, server, body)
    assert server.connections == 2


async def test_an_answer_without_a_length_that_is_reset_is_not_whole(
    server: OpenAIServer, transports: Transports
) -> None:
    server.next(Behaviour(until_close=True, break_after=2, reset=True))
    with pytest.raises(httpx.ReadError):
        await post(transports, server, STREAMED)


@pytest.mark.parametrize("body", [ASKED, STREAMED])
async def test_compression_that_was_not_asked_for_is_undone(
    server: OpenAIServer, transports: Transports, body: bytes
) -> None:
    server.next(Behaviour(compressed=True))
    assert b"there!" in await post(transports, server, body)


async def test_compression_that_is_none_is_a_decoding_error(server: OpenAIServer, transports: Transports) -> None:
    server.next(Behaviour(headers={"content-encoding": "gzip"}))
    with pytest.raises(httpx.DecodingError):
        await post(transports, server)
    assert b"there!" in await post(transports, server)


async def test_a_slow_reader_slows_the_provider_down(server: OpenAIServer, transports: Transports) -> None:
    server.next(Behaviour(text="x" * 40_000_000))
    answer = await transports.open(call(server), 5.0)
    await asyncio.sleep(0.3)
    parts = aiter(answer.parts())
    first = await anext(parts)
    assert len(first) < HIGH_WATER_BYTES + 1024 * 1024
    rest = [part async for part in parts]
    assert len(first) + sum(map(len, rest)) > 40_000_000
    await answer.aclose()
    assert b"there!" in await post(transports, server)
    assert server.connections == 1


@pytest.mark.parametrize("header", ["a\r\nx-evil: 1", "a\nb", "a\rb"])
async def test_a_header_cannot_hold_another(server: OpenAIServer, transports: Transports, header: str) -> None:
    with pytest.raises(httpx.LocalProtocolError):
        await transports.open(HttpCall(f"{server.url}/chat/completions", {"x": header}, ASKED), 1.0)
    assert server.connections == 0


@pytest.mark.parametrize("url", ["ftp://x/v1", "x.example/v1", "http://", "", "https:///v1"])
async def test_an_address_that_is_none_is_told(transports: Transports, url: str) -> None:
    with pytest.raises((httpx.UnsupportedProtocol, httpx.InvalidURL)):
        await transports.open(HttpCall(url, HEADERS, ASKED), 1.0)


# TLS


async def test_tls_trusts_whom_the_environment_names_and_nobody_else(tmp_path: Path) -> None:
    tls, trusted = self_signed(tmp_path)
    async with OpenAIServer(tls=tls) as server:
        async with Transports({"SSL_CERT_FILE": str(trusted)}) as transports:
            for body in (ASKED, STREAMED):
                assert b"there!" in await post(transports, server, body)
            assert server.connections == 1
        async with Transports({}) as transports:
            with pytest.raises(httpx.ConnectError, match=r"TLS with 127\.0\.0\.1 failed: .*self.signed"):
                await post(transports, server)


def test_authorities_that_cannot_be_read_are_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"SSL_CERT_FILE is .*missing\.pem"):
        Transports({"SSL_CERT_FILE": str(tmp_path / "missing.pem")})


async def test_plain_http_where_tls_is_expected_is_a_connect_error(
    server: OpenAIServer, transports: Transports
) -> None:
    url = server.url.replace("http://", "https://")
    with pytest.raises((httpx.ConnectError, httpx.ConnectTimeout)):
        await transports.open(HttpCall(f"{url}/chat/completions", HEADERS, ASKED), 0.5)


# proxies


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
async def test_plain_calls_go_through_the_proxy(server: OpenAIServer, variable: str) -> None:
    async with ProxyServer() as proxy, Transports({variable: f"http://{proxy.address}"}) as transports:
        assert b"there!" in await post(transports, server)
        assert b"there!" in await post(transports, server, STREAMED)
    assert proxy.asked[0] == f"POST {server.url}/chat/completions HTTP/1.1"


async def test_tls_goes_through_a_tunnel(tmp_path: Path) -> None:
    tls, trusted = self_signed(tmp_path)
    async with OpenAIServer(tls=tls) as server, ProxyServer(user="me:secret") as proxy:
        environ = {"HTTPS_PROXY": f"me:secret@{proxy.address}", "SSL_CERT_FILE": str(trusted)}
        async with Transports(environ) as transports:
            assert b"there!" in await post(transports, server, STREAMED)
    assert proxy.asked == [f"CONNECT {server.origin.removeprefix('https://')} HTTP/1.1"]


async def test_hosts_that_are_exempt_are_called_directly(server: OpenAIServer) -> None:
    host = server.origin.removeprefix("http://")
    async with ProxyServer() as proxy:
        for exempt in ("127.0.0.1", "other,127.0.0.1", "*", host):
            async with Transports({"HTTP_PROXY": f"http://{proxy.address}", "NO_PROXY": exempt}) as transports:
                assert b"there!" in await post(transports, server)
        assert proxy.asked == []


@pytest.mark.parametrize("address", ["socks5://127.0.0.1:1", "socks4://x:1", "http://[::1", "nonsense://x"])
async def test_a_proxy_that_cannot_be_used_is_told(server: OpenAIServer, address: str) -> None:
    async with Transports({"ALL_PROXY": address}) as transports:
        with pytest.raises(httpx.ProxyError, match="proxy in the environment"):
            await post(transports, server)


@pytest.mark.parametrize(
    "sends_back",
    [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{", b"HTTP/1.1 200 OK\r\n\r\n"],
)
async def test_a_proxy_that_breaks_is_no_timeout(server: OpenAIServer, sends_back: bytes) -> None:
    async with ProxyServer() as proxy, Transports({"HTTP_PROXY": proxy.address}) as transports:
        proxy.sends_back = sends_back
        try:
            assert await post(transports, server) == b""
        except httpx.TransportError as error:
            assert not isinstance(error, httpx.TimeoutException)  # noqa: PT017  one of them is an empty answer


async def test_a_proxy_that_refuses_is_an_error_and_its_silence_a_timeout(server: OpenAIServer) -> None:
    async with ProxyServer(user="me:secret") as proxy:
        async with Transports({"HTTP_PROXY": proxy.address}) as transports:
            assert (await transports.open(call(server), 2.0)).status_code == 407
        async with Transports({"HTTP_PROXY": f"me:secret@{proxy.address}"}) as transports:
            server.next(Behaviour(delay_s=30))
            with pytest.raises(httpx.TimeoutException):
                await post(transports, server, timeout_s=0.2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with Transports({"HTTP_PROXY": f"127.0.0.1:{taken.getsockname()[1]}"}) as transports:
            with pytest.raises(httpx.TransportError) as caught:
                await post(transports, server)
            assert not isinstance(caught.value, httpx.TimeoutException)
