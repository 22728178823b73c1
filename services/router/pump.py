"""From the provider's open answer to the client's frames: read to the end, whoever is still listening."""

import asyncio
import time

from services.router.answer_headers import stream_headers
from services.router.job import Ending, Job, now_ms
from services.router.provider_answer import ProviderAnswer
from services.router.providers.base import AnswerReader
from services.router.providers.broken_answer import UnreadableAnswer
from shared.deployments import Deployment
from shared.errors import GatewayError
from shared.frames import Head

WHOLE_BYTES_MAX = 128 * 1024 * 1024
END_WAIT_S = 2.0
"""How long the connection may stay open after a stream has said that it is over."""


class Reading:
    """One answer while it is read."""

    __slots__ = ("_began_ns", "_deployment", "_first_ms", "_started_ms", "reader")

    def __init__(self, deployment: Deployment, reader: AnswerReader, started_ms: int, began_ns: int) -> None:
        self.reader = reader
        self._deployment = deployment
        self._started_ms = started_ms
        self._began_ns = began_ns
        self._first_ms = 0

    def forward(self, job: Job, out: bytes, router: str) -> bool:
        """Write some of a stream's events; return whether they were the first. Nothing is written for b""."""
        if not out:
            return False
        if self._first_ms:
            job.answer.data(out)
            return False
        self.begin(job, out, router)
        return True

    def begin(self, job: Job, out: bytes, router: str) -> None:
        """Write the head of a streamed answer, and its first events."""
        self._first_ms = now_ms()
        provider_us = (time.perf_counter_ns() - self._began_ns) // 1_000
        job.answer.head(Head(200, stream_headers(job, self._deployment), True, router, provider_us), out)

    def ending(self, failure: GatewayError | None = None, *, status: int = 200, body: bytes = b"") -> Ending:
        at = now_ms()
        return Ending(
            deployment=self._deployment,
            reader=self.reader,
            failure=failure,
            status=failure.status if failure else status,
            started_ms=self._started_ms,
            first_token_ms=self._first_ms or at,
            finished_ms=at,
            body=body,
        )


async def read_whole(answer: ProviderAnswer, reading: Reading) -> Ending:
    """Read an answer that is not streamed.

    Raises:
        httpx.TransportError, httpx.DecodingError, BrokenAnswer
    """
    parts, size = [], 0
    async for part in answer.parts():
        parts.append(part)
        size += len(part)
        if size > WHOLE_BYTES_MAX:
            raise UnreadableAnswer(f"larger than {WHOLE_BYTES_MAX} bytes")
    whole = reading.reader.whole(parts[0] if len(parts) == 1 else b"".join(parts))
    return reading.ending(status=answer.status_code, body=whole.body)


async def forward(job: Job, answer: ProviderAnswer, reading: Reading, limit: asyncio.Timeout, router: str) -> Ending:
    """Forward a streamed answer as it comes. `limit` holds for its first event; then for the silence between two.

    Raises:
        httpx.TransportError, httpx.DecodingError, BrokenAnswer
    """
    reader = reading.reader
    async for part in answer.parts():
        if reading.forward(job, reader.feed(part), router):
            limit.reschedule(job.read_until)
        if reader.done:
            limit.reschedule(asyncio.get_running_loop().time() + END_WAIT_S)
    reading.forward(job, reader.end(), router)
    if not job.answer.begun:
        if reader.usage is None:
            raise UnreadableAnswer("an empty stream")
        reading.begin(job, b"", router)
    return reading.ending()
