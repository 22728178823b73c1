"""A request's way through router, top to bottom: tries in turn, the answer written, what it cost, the fact, the end."""

import asyncio
import time
from random import Random
from typing import NamedTuple

import msgspec
import orjson
import structlog

from services.router.attempt import Attempts
from services.router.choice.health import Health
from services.router.choice.plan import Groups, Plan, Try, pause_s
from services.router.finished_fact import finished_fact, shortened
from services.router.job import Ending, Job, failed, now_ms
from services.router.objects.keep import keep_object
from services.router.outcome import Failed, no_adapter, not_its_own, too_dear, unsent
from services.router.price_call import Priced, price_call
from services.router.providers.answers.failures import is_context_failure, is_policy_failure
from services.router.providers.base import AnswerReader, OwnForm, Provider, ProviderCall
from services.router.providers.passing import PassedAnswer
from services.router.responses import RESPONSES, keep
from services.router.streaming.answer_headers import whole_headers
from services.router.streaming.count_tokens import counted_usage
from services.router.streaming.money_line import UNBOUND, Rates, Room, rates_of, room_for, units_pico
from services.router.transport.transports import Transports
from shared.bodies import BodyGone, read_body, spooled_body
from shared.bus import Bus, MessageTooBig, Outbox
from shared.calls import WRITING, Bound
from shared.deployments import Deployment
from shared.errors import DeadlinePassed, GatewayError, NotFound, Unavailable
from shared.facts import Attempt, encode_fact
from shared.facts.header import unchecked
from shared.frames import Head
from shared.prices import PriceBook, PriceRow, dearest_rows
from shared.usage import Usage

log = structlog.get_logger()

_attempt_noted = unchecked(Attempt)

_DONE = b"data: [DONE]\n\n"
ERROR_TEXT_MAX = 300
"""Of each try's failure, where several are told together."""


class _Tried(NamedTuple):
    deployment: Deployment
    failure: GatewayError
    called: bool


class _Billed(NamedTuple):
    usage: dict[str, int]
    pico: int


_NOT_BILLED = _Billed({}, 0)


class Completer:
    """Gets requests done. One instance serves all of a router."""

    def __init__(
        self,
        bus: Bus,
        outbox: Outbox,
        transports: Transports,
        providers: dict[str, Provider],
        groups: Groups,
        health: Health,
        prices: PriceBook,
        *,
        timeout_s: float,
        stream_timeout_s: float | None,
        drop_params: bool,
        chance: Random,
    ) -> None:
        self._bus = bus
        self._outbox = outbox
        self._attempts = Attempts(transports, bus.process)
        self._providers = providers
        self._groups = groups
        self._health = health
        self._prices = prices
        self._timeout_s = timeout_s
        self._stream_timeout_s = stream_timeout_s
        self._drop_params = drop_params
        self._chance = chance
        self.mismatches: dict[str, int] = {}  # by provider: answers whose usage did not add up
        self._rates: dict[
            tuple[str, str], tuple[PriceRow, Rates, list[PriceRow]]
        ] = {}  # by deployment and tier, of the price now

    async def complete(self, job: Job) -> None:
        """Do it; whatever happens, one fact is stored and the edge is told."""
        if self._outbox.full:
            # The fact of a request that was not called for is small, and it frees what is held for the request.
            ending = failed(Unavailable("facts cannot be stored at the moment", retry_after_s=1))
            self._write_end(job, ending, None)
            job.answer.muted = True
        else:
            ending = await self._outcome(job)
        priced, ending.usage = price_call(
            self._prices,
            ending.deployment if job.call.request.object is None else None,  # those calls are not billed
            ending.usage,
            duration_ms=ending.finished_ms - ending.started_ms,
            now=time.time(),
        )
        if job.billed_pico:
            priced = priced._replace(pico=priced.pico + job.billed_pico)
        if ending.usage.mismatch and ending.deployment is not None:
            provider = ending.deployment.provider
            self.mismatches[provider] = self.mismatches.get(provider, 0) + 1
        fact = finished_fact(job, ending, priced)
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
            ending = await self._call(job)
            await self._settle_usage(job, ending)
            if ending.outlet is not None and ending.body:
                ending.body = ending.outlet.whole(orjson.loads(ending.body), ending.usage)
            elif ending.outlet is not None and ending.failure is None:
                ending.closing = ending.outlet.closing(ending.usage)
            if job.call.request.call_type == RESPONSES and ending.failure is None:
                await keep(self._bus, job, ending)
            elif job.call.request.object is not None and ending.failure is None:
                await keep_object(self._bus, job, ending)
        except Unavailable as failure:
            return failed(failure, ending.deployment)
        except Exception as error:
            log.exception("a request failed inside the router", request=job.call.request.request_id)
            return failed(GatewayError(f"the gateway failed: {type(error).__name__}"))
        return ending

    async def _call(self, job: Job) -> Ending:
        request = job.call.request
        if job.call.body_ref:
            try:
                # A guardrail may have changed the body's size.
                size = None if job.call.body_changed else request.body_bytes
                if request.object is not None:
                    job.file = await spooled_body(self._bus, job.call.body_ref, size)
                else:
                    job.body = await read_body(self._bus, job.call.body_ref, size)
            except BodyGone as error:
                return failed(Unavailable(str(error), retry_after_s=1))
        failures: list[_Tried] = []
        plan = self._plan(job)
        step = plan.next()
        while step is not None:
            if step.again and not await self._pause(job, step, failures):
                plan.drop(step.deployment)
                step = plan.next()
                continue
            if job.client_left or job.cut or job.deadline_s <= 0:
                break
            if failures:
                job.retries += step.deployment.group == failures[-1].deployment.group
                job.fallbacks = step.fallback
            outcome = await self._try(job, step.deployment)
            if isinstance(outcome, Ending):
                return outcome
            failures.append(_Tried(step.deployment, outcome.failure, outcome.called))
            if outcome.elsewhere:
                plan.drop(step.deployment)
            elif is_context_failure(outcome.failure):
                plan.leave_for_longer()
            elif is_policy_failure(outcome.failure):
                plan.leave_for_freer()
            elif not outcome.retryable:
                plan.leave()
            step = plan.next()
        return _failure_to_show(failures, job)

    def _plan(self, job: Job) -> Plan:
        request = job.call.request
        now = time.monotonic()
        return Plan(
            self._groups,
            request.group,
            num_retries=request.num_retries,
            with_fallbacks=not request.disable_fallbacks,
            cooling=lambda deployment: self._health.cooling(deployment, now),
            chance=self._chance,
            excluded_providers=job.call.excluded_providers,
            only=request.pinned if request.object is not None else "",
        )

    async def _try(self, job: Job, deployment: Deployment) -> Ending | Failed:
        """Call one deployment and, where it answers, read it all; note the attempt and the deployment's health."""
        provider = self._providers.get(deployment.provider)
        wished_s, configured_s = job.call.request.timeout_s, self._timeout_of(job, deployment)
        timeout_s = max(0.001, min(wished_s or configured_s, job.deadline_s))
        started, began_ns = now_ms(), time.perf_counter_ns()
        outcome: Ending | Failed = unsent(no_adapter(deployment))
        room = self._room(job, deployment)
        pinned = job.call.request.pinned
        if pinned and deployment.id != pinned:
            outcome = unsent(not_its_own(deployment))
        elif room is None:
            outcome = unsent(too_dear(deployment))
        elif provider is not None:
            call = self._provider_call(job, deployment, room.max_tokens)
            own_limit = timeout_s < configured_s and (wished_s is not None or bool(job.attempts))
            outcome = await self._attempts.call(
                job, provider, deployment, call, timeout_s, own_limit=own_limit, line=room.line
            )
        failure = outcome.failure
        billed = self._billed(deployment, outcome)
        job.billed_pico += billed.pico
        job.attempts.append(
            _attempt_noted(
                deployment=deployment.id,
                provider=deployment.provider,
                model=deployment.model,
                started_ms=started,
                duration_ms=(time.perf_counter_ns() - began_ns) // 1_000_000,
                status=failure.status if failure else 200,
                error=failure.message[:ERROR_TEXT_MAX] if failure else "",
                usage=billed.usage,
                cost_pico=billed.pico,
            )
        )
        if failure is None:
            self._health.succeeded(deployment)
        elif not _of_client(outcome) if isinstance(outcome, Ending) else outcome.counts:
            alone = len(self._groups.deployments.get(deployment.group, ())) == 1
            self._health.failed(deployment, failure.status, alone=alone, now=time.monotonic())
        return outcome

    def _room(self, job: Job, deployment: Deployment) -> Room | None:
        """Return what the hold has left for a try there, None when it does not pay for one."""
        bound, hold_pico = job.call.bound, job.call.hold_pico
        if bound is None or hold_pico is None:
            return UNBOUND
        row = self._prices.row_for(
            deployment.id, deployment.provider, deployment.priced_as, own=deployment.prices, now=time.time()
        )
        if row is None:
            return UNBOUND
        tier = job.call.request.tier
        known = self._rates.get((deployment.id, tier))
        if known is None or known[0] is not row:
            rows = dearest_rows(deployment, tier, start=time.time(), end=time.time())
            known = self._rates[(deployment.id, tier)] = (row, rates_of(rows), rows)
        request, left_pico = job.call.request, hold_pico - job.billed_pico
        units = request.units
        if known[1].ms_pico:
            units = (*units, ("compute_ms", max(0, request.deadline_ms - request.received_ms)))
        if units:
            left_pico -= units_pico(known[2], units)
        return room_for(left_pico, known[1], bound, writes=request.call_type in WRITING)

    def _billed(self, deployment: Deployment, outcome: Ending | Failed) -> "_Billed":
        """Return what a provider reported to have used for a try that failed, and goes on elsewhere."""
        if isinstance(outcome, Ending) or outcome.usage is None:
            return _NOT_BILLED
        priced, usage = price_call(self._prices, deployment, outcome.usage, duration_ms=0, now=time.time())
        return _Billed(usage.counts(), priced.pico)

    def _provider_call(self, job: Job, deployment: Deployment, max_tokens: int | None) -> ProviderCall:
        request = job.call.request
        return ProviderCall(
            body=job.body,
            model=request.model,
            stream=request.stream,
            include_usage=request.include_usage,
            max_tokens=job.call.max_tokens if max_tokens is None else max_tokens,
            max_tokens_field=request.max_tokens_field,
            drop_params=self._drop_params if deployment.drop_params is None else deployment.drop_params,
            call_type=request.call_type,
            dialect=request.dialect,
            content_type=request.content_type,
            client_headers=request.client_headers,
            passed=request.passed,
            request_id=request.request_id,
            pinned=bool(request.pinned),
            object=request.object,
        )

    def _timeout_of(self, job: Job, deployment: Deployment) -> float:
        """Return the seconds that the configuration gives one try."""
        configured = deployment.timeout_s or self._timeout_s
        if job.call.request.stream:
            return deployment.stream_timeout_s or self._stream_timeout_s or configured
        return configured

    async def _pause(self, job: Job, step: Try, failures: list[_Tried]) -> bool:
        """Wait before the same deployment is tried again; False where that would take too long."""
        last = next((tried.failure for tried in reversed(failures) if tried.deployment.id == step.deployment.id), None)
        asked_s = last.retry_after_s if last else None
        wait_s = pause_s(step.again, asked_s, self._groups.retry_after_s, self._chance)
        if wait_s is None or wait_s >= job.deadline_s:
            return False
        try:
            async with job.limited(None):
                await asyncio.sleep(wait_s)
        except TimeoutError:
            log.debug("a pause was cut short", request=job.call.request.request_id)
        finally:
            job.unlimited()
        return True

    async def _settle_usage(self, job: Job, ending: Ending) -> None:
        """Take the provider's figures; count only where it gave none for an answer it did give."""
        reader = ending.reader
        if reader is None or ending.usage_source != "none":
            return
        if reader.usage is not None:
            ending.usage, ending.usage_source = reader.usage, "provider"
            if not reader.done and not reader.finish_reason and (job.cut or ending.failure is not None):
                await self._count_what_was_read(ending, reader.usage, reader)
        elif isinstance(reader, PassedAnswer) and not (reader.is_billed and reader.text_so_far()):
            if reader.is_billed:
                ending.usage, ending.usage_source = _assumed(job.call.bound), "assumed"
        elif ending.failure is None or job.answer.begun:
            own = await asyncio.to_thread(reader.counted) if isinstance(reader, OwnForm) else None
            ending.usage = own or await counted_usage(job.body, reader.text_so_far())
            ending.usage_source = "counted"

    async def _count_what_was_read(self, ending: Ending, told: Usage, reader: AnswerReader) -> None:
        """Anthropic tells at a stream's start what it has read, and only at its end what it has written."""
        read = (await counted_usage(b"", reader.text_so_far())).output
        if read > told.completion_tokens:
            ending.usage = msgspec.structs.replace(told, output=told.output + read - told.completion_tokens)
            ending.usage_source = "counted"

    def _write_end(self, job: Job, ending: Ending, priced: Priced | None) -> None:
        answer = job.answer
        form = ending.reader if isinstance(ending.reader, OwnForm) else None
        if ending.failure is not None:
            answer.failure(ending.failure)
        elif job.call.request.stream:
            if ending.outlet is not None:
                answer.data(ending.closing, last=True)
            else:
                answer.data(form.closing if form else _DONE, last=True)
        elif ending.deployment is not None:
            content_type = form.content_type if form else OwnForm.content_type
            headers = whole_headers(job, ending.deployment, ending.body, priced, content_type)
            provider_us = (ending.finished_ms - ending.started_ms) * 1_000
            answer.head(Head(200, headers, False, self._bus.process, provider_us), ending.body, last=True)


def _assumed(bound: Bound | None) -> Usage:
    """Return the most that a call was admitted for; of one that nothing is held for, that it was made."""
    return Usage() if bound is None else Usage(input=bound.input_tokens, output=bound.output_tokens * bound.n)


def _of_client(ending: Ending) -> bool:
    return ending.deployment is not None and ending.deployment.of_client


def _failure_to_show(failures: list[_Tried], job: Job) -> Ending:
    """Return the last failure a provider gave, else the last; and say what else was tried."""
    if not failures:
        if job.client_left:
            return failed(GatewayError("the client left before a provider was called", status=499, type="client_left"))
        if job.cut:
            return failed(Unavailable("the gateway was stopped before a provider was called", retry_after_s=1))
        if job.deadline_s <= 0:
            return failed(DeadlinePassed("the request's deadline passed before a provider could be called"))
        if job.call.request.pinned:
            return failed(NotFound("the deployment that keeps this is not configured any more"))
        return failed(Unavailable(f"no deployment serves the model '{job.call.request.group}'"))
    deployment, failure, _ = next((tried for tried in reversed(failures) if tried.called), failures[-1])
    others = {
        tried.id: f"{tried.provider}/{tried.model}: {error.message[:ERROR_TEXT_MAX]}"
        for tried, error, _ in failures
        if tried.id != deployment.id
    }
    if others:
        failure.message += f" (before that, {'; '.join(others.values())})"
    return failed(failure, deployment)
