"""A request's way through router, top to bottom: its tries, what it used and cost, the fact, the end."""

import time
from functools import partial

import orjson
import structlog

from services.router.finished_fact import finished_fact, shortened
from services.router.job import Ending, Job, failed
from services.router.objects.keep import keep_object
from services.router.objects.keep_passed import keep_named, keep_passed
from services.router.objects.lists import listed
from services.router.objects.stored import StoredResponses
from services.router.providers.base import OwnForm
from services.router.providers.passing import PassedAnswer
from services.router.realtime.sessions import Sessions
from services.router.responses import RESPONSES, keep
from services.router.settle_usage import settle_usage
from services.router.streaming.answer_headers import cost_lines, served_by_lines
from services.router.tell_cost import body_with_cost, closing_with_cost, cost_tap
from services.router.tries import Tries
from shared.bus import Bus, MessageTooBig, Outbox
from shared.errors import GatewayError, Unavailable
from shared.facts import encode_fact
from shared.frames import Head
from shared.kept.object_calls import LISTS, STORED
from shared.prices import PriceBook
from shared.prices.price_call import NOT_BILLED, Priced, price_call

log = structlog.get_logger()

_DONE = b"data: [DONE]\n\n"


class Completer:
    """Gets requests done. One instance serves all of a router."""

    def __init__(
        self,
        bus: Bus,
        outbox: Outbox,
        tries: Tries,
        stored: StoredResponses,
        sessions: Sessions,
        prices: PriceBook,
        *,
        cost_in_streams: bool = False,
    ) -> None:
        """`cost_in_streams`: a stream that tells its client the usage tells the cost, too."""
        self._bus = bus
        self._outbox = outbox
        self._tries = tries
        self._stored = stored
        self._sessions = sessions
        self._prices = prices
        self._cost_in_streams = cost_in_streams
        self.mismatches: dict[str, int] = {}  # by provider: answers whose usage did not add up
        self.overruns: dict[str, int] = {}  # by provider: requests that cost more than was held for them

    async def complete(self, job: Job) -> None:
        """Do it; whatever happens, one fact is stored and the edge is told."""
        if self._outbox.full:
            # The fact of a request that was not called for is small, and it frees what is held for the request.
            ending = failed(Unavailable("facts cannot be stored at the moment", retry_after_s=1))
            self._write_end(job, ending, None)
            job.answer.muted = True
        else:
            request = job.call.request
            job.tap = cost_tap(request, in_streams=self._cost_in_streams)
            if request.passed[0] == "POST":
                job.when_named = partial(keep_named, self._bus, job)
            ending = await self._outcome(job)
        if job.call.request.object is not None:
            priced = NOT_BILLED
        else:
            priced, ending.usage = price_call(
                self._prices,
                ending.deployment,
                ending.usage,
                duration_ms=ending.finished_ms - ending.started_ms,
                now=time.time(),
            )
        if job.billed_pico:
            priced = priced._replace(pico=priced.pico + job.billed_pico)
        if ending.usage.mismatch and ending.deployment is not None:
            provider = ending.deployment.provider
            self.mismatches[provider] = self.mismatches.get(provider, 0) + 1
        if job.deferred is not None:
            later = job.deferred
            await self._outbox.put(later.subject, encode_fact(later), later.id)
            self._write_end(job, ending, priced)
            return
        fact = finished_fact(job, ending, priced)
        if fact.overrun_pico:
            self.overruns[fact.provider] = self.overruns.get(fact.provider, 0) + 1
        try:
            await self._outbox.put(fact.subject, encode_fact(fact), fact.id)
        except MessageTooBig:
            fact = shortened(fact)
            await self._outbox.put(fact.subject, encode_fact(fact), fact.id)
        self._write_end(job, ending, priced)
        if job.file is not None:
            job.file.close()

    async def _outcome(self, job: Job) -> Ending:
        try:
            if job.call.request.session[0]:
                ending = await self._sessions.respond(job)
            elif job.call.request.call_type in LISTS:
                return await listed(self._bus, job)
            elif job.call.request.call_type in STORED:
                return await self._stored.ending_of(job)
            else:
                ending = await self._tries.ending_of(job)
            await settle_usage(job, ending)
            if ending.outlet is not None and ending.body:
                ending.body = ending.outlet.whole(orjson.loads(ending.body), ending.usage)
            elif ending.outlet is not None and ending.failure is None:
                ending.closing = ending.outlet.closing(ending.usage)
            if job.call.request.call_type == RESPONSES and ending.failure is None:
                await keep(self._bus, job, ending)
            elif (job.call.request.object or job.call.request.passed[0]) and (ending.failure is None or ending.told):
                try:
                    await (keep_object if job.call.request.object else keep_passed)(self._bus, job, ending)
                except Unavailable as failure:
                    return failed(failure, ending.deployment)
        except Exception as error:
            log.exception("a request failed inside the router", request=job.call.request.request_id)
            return failed(GatewayError(f"the gateway failed: {type(error).__name__}"))
        return ending

    def _write_end(self, job: Job, ending: Ending, priced: Priced | None) -> None:
        answer = job.answer
        if ending.when_stored is not None:
            ending.when_stored()
            return
        form = ending.reader if isinstance(ending.reader, OwnForm) else None
        if ending.failure is not None and not ending.told:
            if job.tap is not None and job.tap.held and answer.begun:
                answer.data(job.tap.held)
            answer.failure(ending.failure)
        elif answer.begun or (job.call.request.stream and not isinstance(ending.reader, PassedAnswer)):
            closing = ending.closing if ending.outlet is not None else form.closing if form else _DONE
            answer.data(closing if job.tap is None else closing_with_cost(job, ending, priced, closing), last=True)
        elif ending.deployment is not None:
            if job.call.request.tells_cost:
                ending.body = body_with_cost(job, ending, priced)
            told = form or OwnForm
            headers = (("content-type", told.content_type), ("content-length", str(len(ending.body))))
            lines = served_by_lines(job, ending.deployment) + cost_lines(priced)
            provider_us = (ending.finished_ms - ending.started_ms) * 1_000
            head = Head(told.status, headers + told.more_headers, False, self._bus.process, provider_us, lines)
            answer.head(head, ending.body, last=True)
