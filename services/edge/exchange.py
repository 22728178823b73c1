"""A request's answer as it comes in over the bus: frames in order, or the reason why no more will come."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import structlog

from shared import frames, subjects
from shared.bus import Bus, Message, NotConnected
from shared.calls import Cancel, encode_header
from shared.errors import DeadlinePassed, GatewayError, Unavailable
from shared.frames import Frame
from shared.heartbeat import Pulse
from shared.payloads.spool import Spool

log = structlog.get_logger()

SWEEP_S = 0.1
REPORT_SILENCE_S = 15.0
"""Who works on a request says so every five seconds: after three times that, its answer was lost on the way."""

BUFFERED_BYTES_MAX = 64 * 1024 * 1024
"""What may wait in memory for a client that reads slowly, before its stream is failed or goes on waiting on disk."""


class _Aside(NamedTuple):
    """A frame whose data wait on disk."""

    frame: Frame
    offset: int
    size: int


class Exchange:
    """One pending request. `failure` is set when no further frame is to be waited for."""

    __slots__ = (
        "abandoned",
        "begun",
        "buffered",
        "client_left",
        "deadline",
        "expected",
        "failure",
        "frames",
        "on_credit",
        "opened",
        "request_id",
        "router",
        "silent_until",
        "spool",
        "spools",
        "timeout_s",
        "waiter",
        "watch",
        "worker",
    )

    def __init__(self, request_id: str, *, silence_s: float, timeout_s: float, spools: bool = False) -> None:
        """`spools`: what is too much to wait in memory waits on disk."""
        now = time.monotonic()
        self.request_id = request_id
        self.spools = spools
        self.spool: Spool | None = None
        self.frames: deque[Frame | _Aside] = deque()
        self.waiter: asyncio.Future[None] | None = None
        self.expected = 0
        self.buffered = 0
        self.opened = now
        self.silent_until = now + silence_s  # by when somebody must have said something
        self.timeout_s = timeout_s
        self.deadline = now + timeout_s  # for the next frame of data
        self.worker = ""  # the process that works on it, once it has said so
        self.router = ""  # the router among them: who hears of a client that left
        self.failure: GatewayError | None = None
        self.client_left = False
        self.abandoned = False  # the client left, and no router has heard of that yet
        self.begun = False  # whether the client has been sent the beginning of an answer
        self.on_credit: Callable[[int], None] | None = None  # of a session: how much of what its client said was taken
        self.watch: Callable[[], None] | None = None  # begins to watch the client, once it is worth it

    async def next(self) -> Frame | None:
        """Return the next frame, or None when `failure` says why there is none, or the client left."""
        while not self.frames:
            if self.failure is not None or self.client_left:
                return None
            self.waiter = asyncio.get_running_loop().create_future()
            await self.waiter
        frame = self.frames.popleft()
        if isinstance(frame, _Aside):
            assert self.spool is not None, "it was put there"
            return frame.frame._replace(data=self.spool.read(frame.offset, frame.size))
        self.buffered -= len(frame.data)
        return frame

    def put_aside(self, frame: Frame) -> None:
        """Let a frame wait on disk."""
        if self.spool is None:
            self.spool = Spool()
        self.frames.append(_Aside(frame._replace(data=b""), len(self.spool), len(frame.data)))
        self.spool.append(frame.data)

    def fail(self, failure: GatewayError) -> None:
        if self.failure is None:
            self.failure = failure
            self.wake()

    def leave(self) -> None:
        """The client is gone."""
        self.client_left = True
        self.wake()

    def wake(self) -> None:
        waiter, self.waiter = self.waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


class Exchanges:
    """All pending requests of this edge."""

    def __init__(self, bus: Bus, pulse: Pulse, *, silence_s: float) -> None:
        """`silence_s`: a request of which nobody says anything for so long is not being served."""
        self._bus = bus
        self._pulse = pulse
        self._silence_s = silence_s
        self._open: dict[str, Exchange] = {}

    async def start(self) -> None:
        await self._bus.subscribe(subjects.frames_of_edge(self._bus.process), self._on_frame)

    @property
    def pending(self) -> int:
        return len(self._open)

    def open(self, request_id: str, timeout_s: float, *, spools: bool = False) -> Exchange:
        exchange = Exchange(request_id, silence_s=self._silence_s, timeout_s=timeout_s, spools=spools)
        self._open[request_id] = exchange
        return exchange

    def close(self, exchange: Exchange) -> None:
        if not exchange.abandoned:
            self._open.pop(exchange.request_id, None)
        if exchange.spool is not None:
            exchange.spool.close()

    def cancel(self, exchange: Exchange) -> None:
        """The client left: tell the router, which drains or stops, by the configuration; else policy, where it waits.

        Until a router has heard of it, whoever says to work on it is told.
        """
        exchange.abandoned = not exchange.router
        worker = exchange.router or exchange.worker
        if not worker:
            return
        try:
            self._bus.publish(subjects.cancel(worker), encode_header(Cancel(exchange.request_id)))
        except NotConnected:
            log.debug("nobody could be told that a client left")

    async def sweep(self) -> None:
        """Until cancelled: fail what nobody serves, what is overdue, and what a dead router leaves behind."""
        while True:
            await asyncio.sleep(SWEEP_S)
            now = time.monotonic()
            for exchange in list(self._open.values()):
                if exchange.watch is not None and now - exchange.opened > SWEEP_S:
                    exchange.watch()
                    exchange.watch = None
                if exchange.abandoned and now > min(exchange.deadline, exchange.silent_until):
                    self._open.pop(exchange.request_id, None)
                if exchange.abandoned or exchange.failure is not None or exchange.frames:
                    continue
                if now > exchange.deadline:
                    exchange.fail(DeadlinePassed(f"no answer within {exchange.timeout_s:g} s (the request's timeout)"))
                elif exchange.worker and not self._pulse.alive(exchange.worker):
                    exchange.fail(
                        Unavailable(
                            "the service working on this request died; the call may have been billed", retry_after_s=1
                        )
                    )
                elif now > exchange.silent_until:
                    told = "stopped reporting on" if exchange.worker else "took"
                    exchange.fail(Unavailable(f"no service {told} the request in time", retry_after_s=1))

    def _on_frame(self, message: Message) -> None:
        exchange = self._open.get(message.subject.rsplit(".", 1)[1])
        if exchange is None:
            return
        if message.headers:
            if message.is_no_responders:
                exchange.fail(Unavailable("no policy service is running to admit the request", retry_after_s=1))
            return
        frame = frames.unpack(message.data)
        if frame.flags & frames.PROGRESS:
            progress = frames.decode_progress(frame.header)
            exchange.worker = progress.process
            silence_s = REPORT_SILENCE_S if progress.process else self._silence_s
            exchange.silent_until = time.monotonic() + silence_s
            if progress.is_router:
                exchange.router = progress.process
            if exchange.abandoned:
                self.cancel(exchange)
                self.close(exchange)
            return
        if exchange.abandoned:
            self._on_frame_of_nobody(exchange, frame)
            return
        if frame.flags & frames.CREDIT:
            if exchange.on_credit is not None:
                exchange.on_credit(frames.decode_credit(frame.header))
            return
        if frame.number != exchange.expected:
            exchange.fail(Unavailable("a part of the answer was lost on its way", retry_after_s=1))
            return
        if frame.flags & frames.HEAD and not frame.flags & frames.LAST:
            exchange.worker = exchange.router = frames.decode_head(frame.header).router
        exchange.expected += 1
        now = time.monotonic()
        exchange.deadline = now + exchange.timeout_s
        exchange.silent_until = now + REPORT_SILENCE_S
        exchange.buffered += len(frame.data)
        if exchange.buffered <= BUFFERED_BYTES_MAX:
            exchange.frames.append(frame)
        elif exchange.spools:
            exchange.buffered -= len(frame.data)
            exchange.put_aside(frame)
        else:
            exchange.fail(Unavailable("the client reads too slowly"))
            return
        exchange.wake()

    def _on_frame_of_nobody(self, exchange: Exchange, frame: Frame) -> None:
        """An answer begins that nobody waits for: its router is told, unless it is all there is."""
        if frame.flags & frames.HEAD and not frame.flags & frames.LAST:
            exchange.router = frames.decode_head(frame.header).router
            self.cancel(exchange)
        self._open.pop(exchange.request_id, None)
