"""The upstream: a provider with OpenAI's and Anthropic's API, told by the path how to behave.

`python -m bench.upstream --port N` serves

    POST /v1/chat/completions               answers at once; a stream comes as one burst
    POST /v1/messages                       the same in Anthropic's dialect
    POST /wait-50/v1/chat/completions       answers after 50 ms
    POST /paced-10/v1/chat/completions      a stream's chunks come 10 ms apart
    GET  /count                             {"calls", "streams"} answered so far (calls are all, streams among them)

It parses no more than it needs and writes prepared bytes, so that it takes little of the cores it shares.
"""

import argparse
import asyncio
import json
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import cast

import uvloop

from bench.exchange import Answers, answers
from bench.messages_exchange import message_answers

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_PATH = re.compile(r"^POST (?:/(wait|paced)-(\d+))?/v1/(chat/completions|messages) HTTP/1\.1$")
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
_NO_LENGTH = b"HTTP/1.1 411 Length Required\r\ncontent-length: 0\r\n\r\n"


@dataclass(frozen=True)
class Behaviour:
    prepared: Answers
    wait_s: float = 0.0
    pace_s: float = 0.0

    @cached_property
    def burst(self) -> bytes:
        return self.prepared.stream_head + b"".join(self.prepared.stream_chunks)


_PREPARED = {"chat/completions": answers(), "messages": message_answers()}


@lru_cache(64)
def behaviour(request_line: bytes) -> Behaviour | None:
    """Return how to answer, None for a path that is not served."""
    match = _PATH.match(request_line.decode("latin-1"))
    if match is None:
        return None
    seconds, prepared = int(match[2] or 0) / 1000, _PREPARED[match[3]]
    return Behaviour(prepared, wait_s=seconds) if match[1] == "wait" else Behaviour(prepared, pace_s=seconds)


@dataclass(slots=True)
class Count:
    calls: int = 0
    streams: int = 0


class Upstream(asyncio.Protocol):
    """One connection. A request that comes before the last was answered is not expected: no client pipelines."""

    def __init__(self, count: Count) -> None:
        self._count = count
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parts: list[bytes] = []
        self._received = 0
        self._needed = 0  # bytes of head and body; 0 while the head is not complete

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is no subclass; it sets TCP_NODELAY on every TCP connection.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._parts.append(data)
        self._received += len(data)
        if not self._needed:
            data = b"".join(self._parts)
            self._parts = [data]
            head_end = data.find(b"\r\n\r\n")
            if head_end < 0:
                return
            length = _LENGTH.search(data, 0, head_end)
            if length is None and data.startswith(b"POST"):
                self._write(_NO_LENGTH)
                return
            self._needed = head_end + 4 + (int(length[1]) if length else 0)
        if self._received >= self._needed:
            request = data if len(self._parts) == 1 else b"".join(self._parts)
            self._parts = []
            self._received = self._needed = 0
            self._answer(request)

    def _answer(self, request: bytes) -> None:
        line = request[: request.find(b"\r\n")]
        how = behaviour(line)
        if how is None:
            self._write(self._counted() if line.startswith(b"GET /count ") else _NOT_FOUND)
            return
        self._count.calls += 1
        at = request.find(b'"stream":')  # one pass over what may be a large prompt
        if at < 0 or not request[at + 9 : at + 14].lstrip().startswith(b"true"):
            if how.wait_s:
                self._loop.call_later(how.wait_s, self._write, how.prepared.plain)
            else:
                self._write(how.prepared.plain)
            return
        self._count.streams += 1
        with_usage = b'"include_usage":true' in request or b'"include_usage": true' in request
        end = how.prepared.stream_end_with_usage if with_usage else how.prepared.stream_end
        if how.pace_s:
            self._write(how.prepared.stream_head)
            self._write_chunk(0, self._loop.time(), how, end)
        elif how.wait_s:
            self._loop.call_later(how.wait_s, self._write, how.burst + end)
        else:
            self._write(how.burst + end)

    def _write_chunk(self, number: int, began: float, how: Behaviour, end: bytes) -> None:
        """Write a chunk and plan the next, by the clock and not by the last one, so that delays do not add up."""
        if self._transport is None:
            return
        if number == len(how.prepared.stream_chunks):
            self._transport.write(end)
            return
        self._transport.write(how.prepared.stream_chunks[number])
        number += 1
        self._loop.call_at(began + number * how.pace_s, self._write_chunk, number, began, how, end)

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _counted(self) -> bytes:
        body = json.dumps({"calls": self._count.calls, "streams": self._count.streams}).encode()
        return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


async def serve(port: int) -> None:
    count = Count()
    server = await asyncio.get_running_loop().create_server(lambda: Upstream(count), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.upstream", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
