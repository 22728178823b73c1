"""A batch that has ended: its output priced line by line, and the one fact that ends its request."""

import asyncio
import time
from collections.abc import Iterable

import msgspec
import structlog

from services.router.finished_fact import finished_fact
from services.router.job import Ending, Job, attempted, now_ms
from services.router.objects.at_provider import AtProvider, Batch
from services.router.objects.calls import ObjectAnswer
from services.router.objects.price_lines import LinePrices
from services.router.streaming.answer import AnswerWriter
from shared.bus import Bus, Outbox
from shared.errors import GatewayError
from shared.facts import BatchPriced, CompletionFinished, PricedLine, encode_fact
from shared.facts.header import caller_fields
from shared.kept.open_batches import OpenBatch
from shared.payloads.line_reader import LineReader, LineTooLong
from shared.payloads.spool import Spool
from shared.prices import PriceBook
from shared.serving.deployments import Deployment
from shared.usage import UsageSource

log = structlog.get_logger()

LINES_OF_A_FACT = 500


class Settler:
    def __init__(self, bus: Bus, outbox: Outbox, prices: PriceBook, at_provider: AtProvider) -> None:
        self._bus = bus
        self._outbox = outbox
        self._prices = prices
        self._at_provider = at_provider

    async def settle(self, entry: OpenBatch, deployment: Deployment, batch: Batch) -> CompletionFinished:
        """Return the fact of the end. What its lines cost is stored by then.

        A provider that does not have the output any more leaves only what was held.

        Raises:
            GatewayError: the output cannot be read now.
        """
        lines = entry.call.request.object.lines if entry.call.request.object is not None else None
        count = lines.count if lines is not None else 1
        share = -(-(entry.call.hold_pico or 0) // max(1, count))
        priced = LinePrices(self._prices, deployment, lines.call_type if lines is not None else "acompletion", share)
        source: UsageSource = "provider"
        file_id = batch.output_file_id
        if file_id:
            try:
                spool = await self._at_provider.file(deployment, file_id)
            except GatewayError as failure:
                if failure.status != 404:
                    raise
                log.error("the output of a batch is gone: what was held counts", batch=entry.batch_id)
                priced.pico, priced.unread, source = entry.call.hold_pico or 0, count, "assumed"
            else:
                try:
                    await self._price(entry, file_id, spool, priced)
                finally:
                    spool.close()
        if priced.unread:
            source = "assumed"
        return _finished(entry, deployment, batch, priced, source, self._bus)

    async def _price(self, entry: OpenBatch, file_id: str, spool: Spool, priced: LinePrices) -> None:
        reader = LineReader()
        now, part = time.time(), 0
        some: list[PricedLine] = []
        try:
            for data in spool.parts():
                some += _added(priced, reader.feed(data), now)
                while len(some) >= LINES_OF_A_FACT:
                    await self._tell(entry, file_id, part, some[:LINES_OF_A_FACT])
                    some, part = some[LINES_OF_A_FACT:], part + 1
                await asyncio.sleep(0)
            some += _added(priced, reader.end(), now)
        except (LineTooLong, msgspec.DecodeError) as error:
            raise GatewayError(f"the output of the batch {entry.batch_id} cannot be read: {error}") from error
        for start in range(0, len(some), LINES_OF_A_FACT):
            await self._tell(entry, file_id, part, some[start : start + LINES_OF_A_FACT])
            part += 1

    async def _tell(self, entry: OpenBatch, file_id: str, part: int, lines: list[PricedLine]) -> None:
        request = entry.call.request
        fact = BatchPriced(
            id=f"bat_{request.request_id}_{part}",
            ts_ms=now_ms(),
            request_id=request.request_id,
            **caller_fields(request.caller),
            batch_id=entry.batch_id,
            file_id=file_id,
            part=part,
            lines=tuple(lines),
        )
        await self._outbox.put(fact.subject, encode_fact(fact), fact.id)


def _added(priced: LinePrices, lines: Iterable[tuple[int, bytes]], now: float) -> list[PricedLine]:
    return [priced.add(line, now) for _, line in lines]


def _finished(
    entry: OpenBatch, deployment: Deployment, batch: Batch, priced: LinePrices, source: UsageSource, bus: Bus
) -> CompletionFinished:
    request = entry.call.request
    ended_ms = now_ms()
    reader = ObjectAnswer()
    reader.response_id, reader.finish_reason = entry.batch_id, batch.status
    failure = None
    if batch.status == "failed":
        failure = GatewayError("the provider could not begin the batch", status=400, type="invalid_request_error")
    job = Job(entry.call, b"", AnswerWriter(bus, request.edge, request.request_id))
    job.attempts.append(attempted(deployment, failure, started_ms=entry.started_ms, ended_ms=ended_ms))
    ending = Ending(
        deployment=deployment,
        reader=reader,
        failure=failure,
        usage=priced.usage(),
        usage_source=source,
        started_ms=entry.started_ms,
        first_token_ms=ended_ms,
        finished_ms=ended_ms,
    )
    return finished_fact(job, ending, priced.priced(), priced_at=priced.prompt_tokens_max)
