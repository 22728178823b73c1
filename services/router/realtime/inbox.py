"""What the client of a session says, as its edge passes it on: frames in order, or the reason why no more will come."""

import asyncio
import time
from collections import deque

import structlog

from shared import frames, subjects
from shared.bus import Bus, NotConnected
from shared.frames import Close, Frame
from shared.realtime import MESSAGE_MAX_BYTES, SILENCE_S, WINDOW_BYTES

log = structlog.get_logger()

TELL_AFTER_BYTES = 256 * 1024
"""So much is taken before the edge is told that more may come."""

_WAITING_MAX_BYTES = WINDOW_BYTES + 2 * MESSAGE_MAX_BYTES
"""An edge that keeps to its window never has more on its way."""

GONE = Close(1001, "the client's edge is not heard of any more")
LOST = Close(1011, "a part of what the client said was lost on its way")
TOO_MUCH = Close(1011, "the client's edge sent more than it may")


class Inbox:
    """One session's. `ended` is set when nothing more is to be waited for."""

    def __init__(self, bus: Bus, edge: str, session: str) -> None:
        self._bus = bus
        self._answers = subjects.frames(edge, session)
        self._messages: deque[bytes] = deque()
        self._parts: list[bytes] = []
        self._expected = 0
        self._waiting_bytes = 0
        self._taken_bytes = 0
        self._told_bytes = 0
        self._there = asyncio.Event()
        self._heard_at = time.monotonic()
        self.ended: Close | None = None
        self.client_left = False

    def on_frame(self, frame: Frame) -> None:
        self._heard_at = time.monotonic()
        if frame.number != self._expected:
            self.end(LOST)
        elif frame.flags & frames.PROGRESS:
            return  # the client is there, and all that it said has come
        elif frame.flags & frames.LAST:
            self.client_left = True
            self.end(frames.decode_close(frame.header))
        else:
            self._expected += 1
            self._take(frame)

    def _take(self, frame: Frame) -> None:
        self._waiting_bytes += len(frame.data)
        if self._waiting_bytes > _WAITING_MAX_BYTES:
            self.end(TOO_MUCH)
            return
        self._parts.append(frame.data)
        if not frame.flags & frames.PART:
            self._messages.append(self._parts[0] if len(self._parts) == 1 else b"".join(self._parts))
            self._parts = []
            self._there.set()

    def end(self, close: Close) -> None:
        if self.ended is None:
            self.ended = close
            self._there.set()

    async def next(self) -> bytes | None:
        """Return the next message, None where `ended` says why there is none: at the latest when its edge is silent."""
        while not self._messages:
            if self.ended is not None:
                return None
            self._there.clear()
            left_s = self._heard_at + SILENCE_S - time.monotonic()
            try:
                async with asyncio.timeout(left_s):
                    await self._there.wait()
            except TimeoutError:
                if time.monotonic() - self._heard_at >= SILENCE_S:
                    log.warning("the edge of a session is not heard of any more", edge=self._answers)
                    self.end(GONE)
        message = self._messages.popleft()
        self._waiting_bytes -= len(message)
        return message

    def done_with(self, message: bytes) -> None:
        """The message went on: the client may say as much again."""
        self._taken_bytes += len(message)
        if self._taken_bytes - self._told_bytes < TELL_AFTER_BYTES:
            return
        self._told_bytes = self._taken_bytes
        try:
            self._bus.publish(self._answers, frames.credit_frame(self._taken_bytes))
        except NotConnected:
            self.end(LOST)
