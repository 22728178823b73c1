"""An answer that passes untouched and is no stream: read to its end, so that its headers can tell what it cost."""

import asyncio

from services.router.job import Ending, Job
from services.router.providers.passing import HEARD_BYTES_MAX
from services.router.streaming.pump import Reading
from services.router.transport.provider_answer import ProviderAnswer


async def read_passed(
    job: Job, answer: ProviderAnswer, reading: Reading, limit: asyncio.Timeout, router: str
) -> Ending:
    """Read it; one of more than HEARD_BYTES_MAX goes on as it comes, without its cost. `limit` holds for its beginning.

    Raises:
        httpx.TransportError, httpx.DecodingError
    """
    reader, kept, size = reading.reader, list[bytes](), 0
    async for part in answer.parts():
        if not size:
            limit.reschedule(job.read_until)
        size += len(part)
        kept.append(reader.feed(part))
        if size > HEARD_BYTES_MAX:
            await job.answer.room()
            reading.forward(job, b"".join(kept), router)
            kept.clear()
    reader.end()
    if job.answer.begun:
        reading.forward(job, b"".join(kept), router)
        kept.clear()
    return reading.ending(status=answer.status_code, body=b"".join(kept))
