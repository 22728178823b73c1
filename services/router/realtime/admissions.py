"""Asking policy for each response of a session, and for what guardrails say to the rest of it."""

import asyncio
import time
from typing import Any

import msgspec
import orjson

from shared import frames, subjects
from shared.bus import Bus, BusError, Message, MessageTooBig
from shared.calls import Admit, pack
from shared.errors import GatewayError, InvalidRequest, Unavailable
from shared.realtime import decode_examined

REPORT_SILENCE_S = 15.0
"""Policy says every five seconds that a request still waits in it."""

EXAMINED_S = 5.0


class Asked:
    """One response that policy is asked for. `admitted` is done once it was sent to the provider, or refused."""

    __slots__ = ("admitted", "event_id", "until")

    def __init__(self, event_id: str | None, until: float) -> None:
        self.event_id = event_id  # the client's, of its response.create
        self.until = until
        self.admitted: asyncio.Future[GatewayError | None] = asyncio.get_running_loop().create_future()

    def resolve(self, failure: GatewayError | None) -> None:
        if not self.admitted.done():
            self.admitted.set_result(failure)


class Admissions:
    """One instance serves all sessions of a router."""

    def __init__(self, bus: Bus, *, silence_s: float) -> None:
        """`silence_s`: a request of which policy says nothing for so long is not being decided."""
        self._bus = bus
        self._silence_s = silence_s
        self._asked: dict[str, Asked] = {}

    async def start(self) -> None:
        await self._bus.subscribe(subjects.frames_of_edge(self._bus.process), self._on_frame)

    async def ask(self, request: Admit, body: bytes, partition: int, event_id: str | None) -> GatewayError | None:
        """Return None once the response was asked of the provider, else why it was not."""
        asked = self._asked[request.request_id] = Asked(event_id, time.monotonic() + self._silence_s)
        reply = subjects.frames(self._bus.process, request.request_id)
        try:
            self._bus.publish(subjects.admit(partition), pack(request, body), reply)
            while not asked.admitted.done():
                left_s = asked.until - time.monotonic()
                if left_s <= 0:
                    return Unavailable("no policy service decided on the response in time", retry_after_s=1)
                await asyncio.wait({asked.admitted}, timeout=left_s)
            return asked.admitted.result()
        except MessageTooBig as error:
            return InvalidRequest(f"response.create is too large: {error}", param="response")
        except BusError as error:
            return Unavailable(f"the message bus is away: {error}", retry_after_s=1)
        finally:
            self._asked.pop(request.request_id, None)

    def of(self, request_id: str) -> Asked | None:
        """Return the response that still waits to be asked of its provider."""
        asked = self._asked.get(request_id)
        return asked if asked is not None and not asked.admitted.done() else None

    async def examine(self, request: Admit, fields: dict[str, Any]) -> dict[str, Any]:
        """Return `fields` as the guardrails let them pass.

        Raises:
            GatewayError: they are blocked, or could not be examined.
        """
        request = msgspec.structs.replace(request, edge=self._bus.process, body_ref="")
        try:
            data = await self._bus.request(subjects.EXAMINE, pack(request, orjson.dumps(fields)), timeout_s=EXAMINED_S)
        except MessageTooBig as error:
            raise InvalidRequest(f"the event is too large to be examined by guardrails: {error}") from error
        except (BusError, TimeoutError) as error:
            raise Unavailable(f"no policy service examined the event: {error!r}", retry_after_s=1) from error
        examined = decode_examined(data)
        if examined.failure is not None:
            raise GatewayError.from_dict(examined.failure)
        if examined.body is None:
            return fields
        masked: dict[str, Any] = orjson.loads(examined.body)
        return masked

    def _on_frame(self, message: Message) -> None:
        asked = self._asked.get(message.subject.rsplit(".", 1)[1])
        if asked is None:
            return
        if message.headers:
            if message.is_no_responders:
                asked.resolve(Unavailable("no policy service is running to admit the response", retry_after_s=1))
            return
        frame = frames.unpack(message.data)
        if frame.flags & frames.PROGRESS:
            working = frames.decode_progress(frame.header).process
            asked.until = time.monotonic() + (REPORT_SILENCE_S if working else self._silence_s)
        elif frame.flags & frames.FAILURE:
            asked.resolve(GatewayError.from_dict(frames.decode_failure(frame.header)))
