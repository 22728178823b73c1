"""Edge's HTTP server on a real socket: offers of an upgrade, and clients that stall."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import uvicorn

from services.edge.http import listener as module
from services.edge.http.asgi import Event, Receive, Scope, Send
from services.edge.http.http_protocol import LINES, Protocol
from services.edge.http.listener import listen

OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: edge\r\n"
MB = 1_048_576
LARGE = 32 * MB


class Echo:
    """Answers with the method, the path and the body; to /large with more than fits into any buffer."""

    def __init__(self) -> None:
        self.done_with_large = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            event = await receive()
            body, more = body + event.get("body", b""), event.get("more_body", False)
        parts = [f"{scope['method']} {scope['path']} ".encode() + body]
        if scope["path"] == "/large":
            parts = [b"x" * MB] * (LARGE // MB)
        headers = [(b"content-length", str(sum(map(len, parts))).encode())]
        start: Event = {"type": "http.response.start", "status": 200, "headers": headers}
        if scope["path"] in ("/lines", "/chunks"):
            start[LINES] = b"x-one: 1\r\nx-two: 2\r\n"
            start["headers"] = headers if scope["path"] == "/lines" else [(b"content-type", b"text/plain")]
        await send(start)
        for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        if len(parts) > 1:
            self.done_with_large.set()


@pytest.fixture
def stalled_after_s(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    seconds: int = getattr(request, "param", module.STALLED_CLIENT_S)
    monkeypatch.setattr(module, "STALLED_CLIENT_S", seconds)
    return seconds


@pytest.fixture
async def server(stalled_after_s: int) -> AsyncIterator[tuple[int, Echo]]:
    """The port, and what answers there."""
    app, socket = Echo(), listen("127.0.0.1", 0)
    config = uvicorn.Config(app, http=Protocol, ws="none", lifespan="off", log_config=None, access_log=False)
    serving = uvicorn.Server(config)
    task = asyncio.create_task(serving.serve([socket]))
    while not serving.started:  # noqa: ASYNC110  nothing announces it
        await asyncio.sleep(0.01)
    yield socket.getsockname()[1], app
    serving.should_exit = serving.force_exit = True
    await task


async def converse(port: int, *parts: bytes, answers: int = 1) -> list[bytes]:
    """Send the parts, one packet each; return the bodies of so many answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    bodies = []
    async with asyncio.timeout(5):
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.02)
        for _ in range(answers):
            head = await reader.readuntil(b"\r\n\r\n")
            (length,) = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            bodies.append(await reader.readexactly(int(length.split(b":")[1])))
    writer.close()
    await writer.wait_closed()
    return bodies


@pytest.mark.parametrize(
    "parts",
    [
        [POST + OFFER + b"Content-Length: 5\r\n\r\nhello"],
        [POST + OFFER + b"Content-Length: 5\r\n\r\n", b"hello"],
        [POST[:20], POST[20:] + OFFER[:30], OFFER[30:] + b"Content-Length: 5\r\n\r\nhe", b"l", b"lo"],
        [POST + OFFER + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n", b"2\r\nlo\r\n0\r\n\r\n"],
    ],
)
async def test_an_offer_to_upgrade_is_ignored_and_the_request_read_whole(
    server: tuple[int, Echo], parts: list[bytes]
) -> None:
    assert await converse(server[0], *parts) == [b"POST /a hello"]


async def test_an_offer_beside_a_request_without_a_body_is_ignored(server: tuple[int, Echo]) -> None:
    assert await converse(server[0], b"GET /a HTTP/1.1\r\nHost: edge\r\n" + OFFER + b"\r\n") == [b"GET /a "]


async def test_requests_after_an_offer_are_read_like_any_other(server: tuple[int, Echo]) -> None:
    offered = POST + OFFER + b"Content-Length: 3\r\n\r\none"
    plain = POST + b"Content-Length: 3\r\n\r\ntwo"
    assert await converse(server[0], offered, plain, offered, plain, answers=4) == [
        *(b"POST /a one", b"POST /a two", b"POST /a one", b"POST /a two")
    ]


async def test_a_body_of_megabytes_behind_an_offer_arrives_whole(server: tuple[int, Echo]) -> None:
    body = bytes(range(256)) * 8_192
    head = POST + OFFER + b"Content-Length: %d\r\n\r\n" % len(body)
    assert await converse(server[0], head + body) == [b"POST /a " + body]


async def test_what_is_no_http_is_refused_also_behind_an_offer(server: tuple[int, Echo]) -> None:
    broken = POST + OFFER + b"Transfer-Encoding: chunked\r\n\r\nhello\r\n"
    assert await converse(server[0], broken) == [b"Invalid HTTP request received."]
    assert await converse(server[0], POST + b"Content-Length: 1\r\n\r\nx") == [b"POST /a x"]


async def test_headers_that_are_lines_stand_in_the_head_whatever_follows_it(server: tuple[int, Echo]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server[0])
    for path, framing, body in (
        (b"/lines", b"content-length: 11\r\n", b"GET /lines "),
        (b"/chunks", b"content-type: text/plain\r\ntransfer-encoding: chunked\r\n", b"c\r\nGET /chunks \r\n0\r\n\r\n"),
        (b"/a", b"content-length: 7\r\n", b"GET /a "),
    ):
        writer.write(b"GET %b HTTP/1.1\r\nHost: edge\r\n\r\n" % path)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        lines = b"" if path == b"/a" else b"x-one: 1\r\nx-two: 2\r\n"
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert head.endswith(b"\r\n" + framing + lines + b"\r\n")
        assert await asyncio.wait_for(reader.readexactly(len(body)), 5) == body
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("stalled_after_s", [1], indirect=True)
async def test_a_client_that_reads_nothing_of_its_answer_is_given_up(server: tuple[int, Echo]) -> None:
    port, app = server
    _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
    writer.write(b"GET /large HTTP/1.1\r\nHost: edge\r\n\r\n")
    await asyncio.sleep(0.7)
    assert not app.done_with_large.is_set()
    await asyncio.wait_for(app.done_with_large.wait(), 8)
    writer.close()


async def test_a_client_that_reads_slowly_gets_all_of_it(server: tuple[int, Echo]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server[0], limit=65_536)
    writer.write(b"GET /large HTTP/1.1\r\nHost: edge\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(0.3)
    assert await reader.readexactly(LARGE) == b"x" * LARGE
    writer.close()
    await writer.wait_closed()


def test_a_port_in_use_cannot_be_listened_on() -> None:
    with listen("127.0.0.1", 0) as first:
        first.listen()
        with pytest.raises(OSError, match="in use"):
            listen("127.0.0.1", first.getsockname()[1])


def test_both_kinds_of_addresses_can_be_listened_on() -> None:
    for host in ("127.0.0.1", "::1"):
        with listen(host, 0) as socket:
            assert socket.getsockname()[0] == host
