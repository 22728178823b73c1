"""Writing an answer to the edge that waits for it: numbered frames, the head first, the last when all is stored."""

import asyncio

import structlog

from shared import subjects
from shared.bus import Bus, BusError
from shared.errors import GatewayError
from shared.frames import (
    DATA_MAX,
    LAST,
    Close,
    Head,
    close_frame,
    data_frame,
    failure_frame,
    head_frame,
    message_frames,
    progress_frame,
)

log = structlog.get_logger()

ROOM_AGAIN_S = 0.01


class AnswerWriter:
    """`begun` once the head has left: from then on the request cannot be tried elsewhere."""

    def __init__(self, bus: Bus, edge: str, request_id: str) -> None:
        self._bus = bus
        self._subject = subjects.frames(edge, request_id)
        self._number = 0
        self.begun = False
        self.muted = False  # the client left: nobody reads it

    async def room(self) -> None:
        """Wait while much of what was written has not left: an answer can come faster than the bus takes it."""
        while self._bus.is_backed_up and self._bus.connected and not self.muted:  # noqa: ASYNC110  nothing announces it
            await asyncio.sleep(ROOM_AGAIN_S)

    def progress(self) -> None:
        """Say that this router works on it."""
        self._publish(progress_frame(self._bus.process, is_router=True))

    def head(self, head: Head, data: bytes, *, last: bool = False) -> None:
        """Begin the answer, with its first data; `last` ends it too."""
        self.begun = True
        first, rest = data[:DATA_MAX], data[DATA_MAX:]
        ends = LAST if last and not rest else 0
        self._publish(head_frame(self._take_number(), head, first, ends))
        if rest:
            self.data(rest, last=last)

    def data(self, data: bytes, *, last: bool = False) -> None:
        for start in range(0, max(1, len(data)), DATA_MAX):
            part = data[start : start + DATA_MAX]
            ends = LAST if last and start + DATA_MAX >= len(data) else 0
            self._publish(data_frame(self._take_number(), part, ends))

    def message(self, message: bytes) -> None:
        """Send one message of a realtime session."""
        frames = message_frames(self._number, message)
        self._number += len(frames)
        for frame in frames:
            self._publish(frame)

    def close(self, close: Close) -> None:
        """End a realtime session."""
        self._publish(close_frame(self._take_number(), close))

    def failure(self, failure: GatewayError) -> None:
        self._publish(failure_frame(self._take_number(), failure.to_dict()))

    def _take_number(self) -> int:
        number = self._number
        self._number += 1
        return number

    def _publish(self, frame: bytes) -> None:
        if self.muted:
            return
        try:
            self._bus.publish(self._subject, frame)
        except BusError as error:
            # The next frame that gets through leaves a gap, and edge fails the answer; it is still read and counted.
            log.debug("a frame was lost", subject=self._subject, error=str(error))
