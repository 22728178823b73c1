"""Bodies too large to travel along with a command: their holder serves them in parts, whoever needs one reads it.

So a 20 MB request with images crosses the bus once, in pieces that any NATS server takes, and skips policy when no
guardrail has to read it.
"""

from collections.abc import AsyncIterator

from shared import subjects
from shared.bus import Bus, BusError, Message
from shared.calls import BODY_PART_BYTES, BodyPart, decode_body_part, encode_header
from shared.payloads.spool import Spool

PART_TIMEOUT_S = 5.0


class BodyGone(Exception):
    """The holder does not have that body any more, or died."""


class BodyHolder:
    """Bodies this process holds, by request."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._bodies: dict[str, bytes | Spool] = {}

    async def start(self) -> None:
        await self._bus.serve(subjects.bodies_of(self._bus.process), self._answer)

    def hold(self, request_id: str, body: bytes | Spool) -> str:
        """Keep `body` until `drop`; return where it can be read."""
        self._bodies[request_id] = body
        return subjects.body(self._bus.process, request_id)

    def drop(self, request_id: str) -> None:
        self._bodies.pop(request_id, None)

    async def _answer(self, message: Message) -> bytes:
        body = self._bodies.get(message.subject.rsplit(".", 1)[1], b"")
        offset = decode_body_part(message.data).offset
        if isinstance(body, Spool):
            return body.read(offset, BODY_PART_BYTES)
        return body[offset : offset + BODY_PART_BYTES]


async def read_body(bus: Bus, ref: str, size: int | None) -> bytes:
    """Return the whole body held at `ref`; `size` None where only its holder knows it.

    Raises:
        BodyGone
    """
    return b"".join([part async for part in body_parts(bus, ref, size)])


async def body_parts(bus: Bus, ref: str, size: int | None) -> AsyncIterator[bytes]:
    """Yield the body in its parts.

    Raises:
        BodyGone
    """
    offset = 0
    while size is None or offset < size:
        try:
            part = await bus.request(ref, encode_header(BodyPart(offset)), timeout_s=PART_TIMEOUT_S)
        except (BusError, TimeoutError) as error:
            raise BodyGone(f"the request's body could not be read: {error}") from error
        if not part and (size is not None or offset == 0):
            raise BodyGone("the request's body is not held any more")
        yield part
        offset += len(part)
        if size is None and len(part) < BODY_PART_BYTES:
            break


async def spooled_body(bus: Bus, ref: str, size: int | None) -> Spool:
    """Return the whole body, however large; the caller closes it.

    Raises:
        BodyGone
    """
    spool = Spool()
    try:
        async for part in body_parts(bus, ref, size):
            spool.append(part)
    except BaseException:
        spool.close()
        raise
    return spool
