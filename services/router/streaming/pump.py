"""From the provider's open answer to the client's frames: read to the end, whoever is still listening."""

import asyncio
import time

import msgspec

from services.router.cuts.registry import CUTS
from services.router.dialects.outlet import Outlet
from services.router.job import Ending, Job, now_ms
from services.router.providers.answers.broken_answer import UnreadableAnswer
from services.router.providers.answers.sse import EVENT_BYTES_MAX
from services.router.providers.base import AnswerReader, OwnForm
from services.router.streaming.answer_headers import served_by_lines
from services.router.streaming.count_tokens import counted_usage
from services.router.streaming.money_line import MoneyLine
from services.router.transport.provider_answer import ProviderAnswer
from shared import tokens
from shared.errors import GatewayError
from shared.frames import Head
from shared.serving.deployments import Deployment

WHOLE_BYTES_MAX = 128 * 1024 * 1024
_NOT_CHAT = (KeyError, TypeError, AttributeError, ValueError)
END_WAIT_S = 2.0
"""How long the connection may stay open after a stream has said that it is over."""


class Reading:
    """One answer while it is read."""

    __slots__ = ("_began_ns", "_first_ms", "_outlet", "_started_ms", "deployment", "reader")

    def __init__(
        self,
        deployment: Deployment,
        reader: AnswerReader,
        started_ms: int,
        began_ns: int,
        outlet: Outlet | None = None,
    ) -> None:
        """`outlet`: the way from chat to the client's dialect, where the reader does not speak it."""
        self.reader = reader
        self._outlet = outlet
        self.deployment = deployment
        self._started_ms = started_ms
        self._began_ns = began_ns
        self._first_ms = 0

    def forward(self, job: Job, out: bytes, router: str) -> bool:
        """Write some of a stream's events; return whether they were the first. Nothing is written for b""."""
        if out and self._outlet is not None:
            try:
                out = self._outlet.feed(out)
            except _NOT_CHAT as error:
                raise UnreadableAnswer(f"not a chunk of a chat: {error!r}") from error
        elif out and job.tap is not None:
            out = job.tap.through(out)
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
        form = self.reader if isinstance(self.reader, OwnForm) else OwnForm
        stream_type = form.stream_type if self._outlet is None else self._outlet.stream_type
        headers = (("content-type", stream_type), *form.more_headers)
        lines = served_by_lines(job, self.deployment)
        job.answer.head(Head(form.status, headers, form.is_events, router, provider_us, lines), out)

    def ending(self, failure: GatewayError | None = None, *, status: int = 200, body: bytes = b"") -> Ending:
        at = now_ms()
        return Ending(
            deployment=self.deployment,
            reader=self.reader,
            failure=failure,
            status=failure.status if failure else status,
            started_ms=self._started_ms,
            first_token_ms=self._first_ms or at,
            finished_ms=at,
            body=body,
            outlet=self._outlet,
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


async def forward(
    job: Job,
    answer: ProviderAnswer,
    reading: Reading,
    limit: asyncio.Timeout,
    router: str,
    line: MoneyLine | None = None,
) -> Ending:
    """Forward a streamed answer as it comes. `limit` holds for its first event; then for the silence between two.

    At `line` the answer ends for the client as one that has its full length, and the provider's call is left.

    Raises:
        httpx.TransportError, httpx.DecodingError, BrokenAnswer
    """
    reader = reading.reader
    line = line_on(line, reader)
    async for part in answer.parts():
        out = reader.feed(part)
        if line is not None and out and _may_be_reached(line, out, reader):
            out, reached = await _up_to(line, out)
            if reached:
                return await _ended_at_line(job, reading, line, out, router)
        if reading.forward(job, out, router):
            limit.reschedule(job.read_until)
        if job.client_left and job.has_read_enough(reader.text_so_far):
            return reading.ending()
        if reader.done:
            limit.reschedule(asyncio.get_running_loop().time() + END_WAIT_S)
    out = reader.end()
    if line is not None and out and _may_be_reached(line, out, reader):
        out, reached = await _up_to(line, out)
        if reached:
            return await _ended_at_line(job, reading, line, out, router)
    reading.forward(job, out, router)
    if not job.answer.begun:
        if reader.usage is None:
            raise UnreadableAnswer("an empty stream")
        reading.begin(job, b"", router)
    return reading.ending()


async def forward_passed(
    job: Job,
    answer: ProviderAnswer,
    reading: Reading,
    limit: asyncio.Timeout,
    router: str,
    line: MoneyLine | None = None,
) -> Ending:
    """Forward an answer as it is, whatever its status. `limit` holds for its first bytes.

    Where it can be cut at `line`, it goes on in whole events, untouched all the same.

    Raises:
        httpx.TransportError, httpx.DecodingError
    """
    reader, rest = reading.reader, b""
    line = line_on(line, reader)
    async for part in answer.parts():
        await job.answer.room()
        out = reader.feed(part)
        if job.when_named is not None and reader.response_id:
            await job.when_named(reader.response_id, reading.deployment)
            job.when_named = None
        if line is not None:
            events, rest = line.cut.wire.split(rest + out)
            out = b"".join(events)
            if out and _may_be_reached(line, out, reader):
                out, reached = await _up_to(line, out)
                if reached:
                    return await _ended_at_line(job, reading, line, out, router)
            if len(rest) > EVENT_BYTES_MAX:  # no events at all
                line, out, rest = None, out + rest, b""
        if reading.forward(job, out, router):
            limit.reschedule(job.read_until)
        if job.client_left and job.has_read_enough(reader.text_so_far):
            return reading.ending(status=answer.status_code)
    if rest:
        reading.forward(job, rest, router)
    reading.reader.end()
    if not job.answer.begun:
        reading.begin(job, b"", router)
    return reading.ending(status=answer.status_code)


def line_on(line: MoneyLine | None, reader: AnswerReader) -> MoneyLine | None:
    """Return the line with the reader's way to be cut; None where there is nothing to cut, as of sound."""
    if line is None or not isinstance(reader, OwnForm):
        return line
    cut = CUTS.get(reader.cut_as)
    if cut is None:
        return None
    line.cut = cut()
    return line


def _may_be_reached(line: MoneyLine, out: bytes, reader: AnswerReader) -> bool:
    return line.may_be_reached(out, reader.usage, said_all=reader.done or bool(reader.finish_reason))


async def _up_to(line: MoneyLine, out: bytes) -> tuple[bytes, bool]:
    if not tokens.is_loaded():
        await asyncio.to_thread(tokens.count, "")
    return line.take(out)


async def _ended_at_line(job: Job, reading: Reading, line: MoneyLine, out: bytes, router: str) -> Ending:
    """What was used is what the provider says of the input, and what went to the client of the answer."""
    request, reader = job.call.request, reading.reader
    usage = reader.usage or await counted_usage(job.body, "")
    usage = msgspec.structs.replace(
        usage, output=line.tokens, reasoning=0, audio_output=0, image_output=0, reported_cost_pico=None
    )
    shown = request.include_usage or request.tells_cost
    end = line.ending(reader.response_id or request.request_id, request.model, usage, shows_usage=shown)
    reading.forward(job, out + end.events, router)
    if isinstance(reader, OwnForm):
        reader.closing = end.closing
    reader.finish_reason = line.cut.reason
    ending = reading.ending()
    ending.usage, ending.usage_source = usage, "counted"
    return ending
