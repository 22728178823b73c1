"""One client: a keep-alive connection that sends the same request again as soon as it was answered."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from bench.answers import Head, Malformed, complaint, ends_chunked, read_head, without_framing


@dataclass(frozen=True, slots=True)
class Order:
    """What the clients send in turn, and when they stop: after `stop_at` (time.perf_counter) or `calls_max` calls."""

    host: str
    port: int
    requests: Sequence[bytes]
    stream: bool
    stop_at: float
    calls_max: int
    dialect: str = "openai"


@dataclass(slots=True)
class Record:
    """What the clients of one run saw. Seconds."""

    sent: int = 0
    answered: int = 0
    latencies: list[float] = field(default_factory=list)
    first_chunks: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    last_answer_at: float = 0.0


class Client(asyncio.Protocol):
    """Sets `finished` once it will send no more."""

    def __init__(self, order: Order, record: Record) -> None:
        self._order = order
        self._record = record
        self._transport: asyncio.Transport | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._head: Head | None = None
        self._sent_at = 0.0
        self._chunk_at = 0.0
        self._waiting = False
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting:
            self._record.errors[f"connection lost before the answer was whole ({exc or 'closed'})"] += 1
        self._finish()

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        self._parts.append(data)
        self._size += len(data)
        try:
            if self._head is None:
                data = b"".join(self._parts)
                self._parts = [data]
                self._head = read_head(data)
                if self._head is None:
                    return
            if self._order.stream and b"data:" in data:
                self._note_chunk(now)
            if self._is_whole(self._head, data):
                self._take(self._head, now)
        except Malformed as problem:
            self._record.errors[str(problem)] += 1
            self._waiting = False
            self.give_up()

    def give_up(self) -> None:
        """Close at once; an answer that is still awaited counts as lost."""
        if self._transport is not None:
            self._transport.abort()
        else:
            self._finish()

    def _send(self) -> None:
        record, order = self._record, self._order
        assert self._transport is not None
        self._sent_at = now = time.perf_counter()
        if now >= order.stop_at or record.sent >= order.calls_max:
            self._transport.close()
            self._finish()
            return
        record.sent += 1
        self._parts = []
        self._size = 0
        self._head = None
        self._chunk_at = 0.0
        self._waiting = True
        self._transport.write(order.requests[record.sent % len(order.requests)])

    def _note_chunk(self, now: float) -> None:
        """A chunk is what one read brought: chunks that arrive together are one to the user's eye."""
        if self._chunk_at:
            self._record.gaps.append(now - self._chunk_at)
        else:
            self._record.first_chunks.append(now - self._sent_at)
        self._chunk_at = now

    def _is_whole(self, head: Head, data: bytes) -> bool:
        if head.body_size is not None:
            if self._size > head.size + head.body_size:
                raise Malformed("more bytes than content-length says")
            return self._size == head.size + head.body_size
        if len(data) < 7 and len(self._parts) > 1:  # the end mark came in pieces
            data = b"".join(self._parts)
            self._parts = [data]
        return ends_chunked(data)

    def _take(self, head: Head, now: float) -> None:
        self._waiting = False
        record = self._record
        body = b"".join(self._parts)[head.size :]
        problem = complaint(
            head.status,
            body if head.body_size is not None else without_framing(body),
            stream=self._order.stream,
            dialect=self._order.dialect,
        )
        if problem is None:
            record.answered += 1
            record.latencies.append(now - self._sent_at)
            record.last_answer_at = now
        else:
            record.errors[problem] += 1
        self._send()

    def _finish(self) -> None:
        self._transport = None
        if not self.finished.done():
            self.finished.set_result(None)
