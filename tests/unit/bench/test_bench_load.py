"""The real clients against the real upstream, and against servers that break their answers."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from bench.exchange import CHUNKS, answers
from bench.load import Load, Outcome, arguments, main, put_on, read_outcome
from bench.upstream import Count, Upstream


@pytest.fixture
async def upstream() -> AsyncIterator[tuple[str, Count]]:
    count = Count()
    server = await asyncio.get_running_loop().create_server(lambda: Upstream(count), "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", count


def load(url: str, path: str = "/v1/chat/completions", **changed: object) -> Load:
    fields: dict[str, object] = {
        "url": url + path,
        "model": "m",
        "key": "k",
        "connections": 2,
        "seconds": 60.0,  # the number of calls ends it, however slow the machine is
        "calls_max": 10,
        "prompt_bytes": 1024,
        "stream": False,
    }
    return Load(**(fields | changed))  # type: ignore[arg-type]


async def serving(answer: bytes) -> tuple[asyncio.Server, str]:
    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("prompt_bytes", [1024, 102_400])
async def test_every_call_is_answered_and_counted(upstream, prompt_bytes):
    url, count = upstream
    outcome = await put_on(load(url, prompt_bytes=prompt_bytes))
    assert (outcome.sent, outcome.answered, outcome.errors) == (10, 10, {})
    assert (count.calls, count.streams) == (10, 0)
    assert outcome.latency is not None
    assert outcome.first_chunk is None


async def test_keys_of_a_file_take_turns(tmp_path):
    asked: list[bytes] = []

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head.split(b"Bearer ")[1].split(b"\r\n")[0])
        writer.write(answers().plain)
        writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    (tmp_path / "keys").write_text("k1\nk2\nk3")
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await put_on(load(url, connections=1, calls_max=6, key=f"@{tmp_path / 'keys'}"))
    assert set(asked) == {b"k1", b"k2", b"k3"}


async def test_streams_are_read_to_their_end(upstream):
    url, count = upstream
    outcome = await put_on(load(url, stream=True))
    assert (outcome.answered, outcome.errors, count.streams) == (10, {}, 10)
    assert outcome.first_chunk is not None


@pytest.mark.parametrize("stream", [False, True])
async def test_messages_are_asked_and_read_in_their_dialect(upstream, stream):
    url, count = upstream
    outcome = await put_on(load(url, "/v1/messages", stream=stream, dialect="anthropic"))
    assert (outcome.answered, outcome.errors, count.calls) == (10, {}, 10)


async def test_paced_chunks_come_one_by_one(upstream):
    url, _ = upstream
    outcome = await put_on(load(url, "/paced-10/v1/chat/completions", stream=True, calls_max=2))
    assert outcome.answered == 2
    assert outcome.latency is not None
    assert outcome.latency.p50 >= 10 * CHUNKS
    assert outcome.first_chunk is not None
    assert outcome.first_chunk.p50 < outcome.latency.p50
    assert outcome.gap is not None
    assert outcome.gap.p99 > 5


async def test_an_upstream_that_waits_is_waited_for(upstream):
    url, _ = upstream
    outcome = await put_on(load(url, "/wait-50/v1/chat/completions", calls_max=2))
    assert outcome.latency is not None
    assert outcome.latency.p50 >= 49


async def test_the_time_ends_a_run(upstream):
    url, _ = upstream
    outcome = await put_on(load(url, "/wait-50/v1/chat/completions", seconds=0.5, calls_max=1_000_000))
    assert 1 <= outcome.answered == outcome.sent < 1_000_000


async def test_a_path_that_is_not_served_is_an_error(upstream):
    url, count = upstream
    outcome = await put_on(load(url, "/nowhere", calls_max=3))
    assert (outcome.answered, outcome.error_count, count.calls) == (0, 3, 0)
    assert "status 404: " in outcome.errors


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", "connection lost before the answer was whole (closed)"),
        (answers().plain[:-5], "connection lost before the answer was whole (closed)"),
        (answers().plain + b"x", "more bytes than content-length says"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "neither content-length nor chunked"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n\r\n0\r\n\r\n", "broken chunk framing"),
    ],
)
async def test_a_broken_answer_is_an_error(answer, error):
    server, url = await serving(answer)
    async with server:
        outcome = await put_on(load(url, connections=1, calls_max=1))
    assert (outcome.answered, outcome.errors) == (0, {error: 1})


async def test_nobody_there_is_an_error():
    server, url = await serving(b"")
    server.close()
    await server.wait_closed()
    outcome = await put_on(load(url, connections=1, seconds=0.5))
    assert outcome.answered == 0
    assert any("cannot connect" in error for error in outcome.errors)


async def test_usage_is_streamed_only_when_asked_for(upstream):
    url, _ = upstream
    host, port = url.removeprefix("http://").split(":")

    async def ask(body: dict[str, object]) -> bytes:
        reader, writer = await asyncio.open_connection(host, int(port))
        sent = json.dumps(body).encode()
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(sent), sent))
        answer = await reader.readuntil(b"0\r\n\r\n")
        writer.close()
        return answer

    assert b'"usage"' not in await ask({"stream": True})
    assert b'"usage"' in await ask({"stream": True, "stream_options": {"include_usage": True}})


def test_a_load_survives_the_command_line(capsys):
    asked = load("http://127.0.0.1:9", seconds=0.5, stream=True)
    main(arguments(asked))
    outcome = read_outcome(capsys.readouterr().out)
    assert isinstance(outcome, Outcome)
    assert outcome.answered == 0
    assert outcome.error_count > 0
