"""The tries of a request, one after the other: at the deployments of its plan, until one answers or none is left."""

import asyncio
import time
from random import Random
from typing import NamedTuple

import structlog

from services.router.attempt import Attempts
from services.router.choice.health import Health
from services.router.choice.plan import Groups, Plan, Try, pause_s
from services.router.choice.rooms import Rooms
from services.router.job import ERROR_TEXT_MAX, Ending, Job, failed, now_ms
from services.router.outcome import Failed, no_adapter, not_its_own, too_dear, unsent
from services.router.providers.answers.failures import is_context_failure, is_policy_failure
from services.router.providers.base import Provider, ProviderCall
from services.router.realtime.sessions import Sessions
from services.router.transport.transports import Transports
from shared.bus import Bus
from shared.calls import REALTIME_SESSION, Admit
from shared.errors import DeadlinePassed, GatewayError, NotFound, Unavailable
from shared.facts import Attempt
from shared.facts.header import unchecked
from shared.payloads.bodies import BodyGone, read_body, spooled_body
from shared.prices import PriceBook
from shared.prices.price_call import price_call
from shared.serving.deployments import Deployment

log = structlog.get_logger()

_attempt_noted = unchecked(Attempt)


class _Tried(NamedTuple):
    deployment: Deployment
    failure: GatewayError
    called: bool


class _Billed(NamedTuple):
    usage: dict[str, int]
    pico: int


_NOT_BILLED = _Billed({}, 0)


class Tries:
    """One instance serves all requests of a router."""

    def __init__(
        self,
        bus: Bus,
        transports: Transports,
        sessions: Sessions,
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
        self._attempts = Attempts(transports, bus.process)
        self._sessions = sessions
        self._providers = providers
        self._groups = groups
        self._health = health
        self._prices = prices
        self._rooms = Rooms(prices)
        self._timeout_s = timeout_s
        self._stream_timeout_s = stream_timeout_s
        self._drop_params = drop_params
        self._chance = chance

    async def ending_of(self, job: Job) -> Ending:
        """Return how the request ended: read to its end at one deployment, or what its last try failed of."""
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
            only=(request.pinned,) if request.object is not None and request.pinned else request.holding,
        )

    async def _try(self, job: Job, deployment: Deployment) -> Ending | Failed:
        """Call one deployment and, where it answers, read it all; note the attempt and the deployment's health."""
        provider = self._providers.get(deployment.provider)
        wished_s, configured_s = job.call.request.timeout_s, self._timeout_of(job, deployment)
        timeout_s = max(0.001, min(wished_s or configured_s, job.deadline_s))
        started, began_ns = now_ms(), time.perf_counter_ns()
        outcome: Ending | Failed = unsent(no_adapter(deployment))
        room = self._rooms.of(job.call, deployment, billed_pico=job.billed_pico, now=time.time())
        pinned = job.call.request.pinned
        if pinned and deployment.id != pinned:
            outcome = unsent(not_its_own(deployment))
        elif provider is not None and job.call.request.call_type == REALTIME_SESSION:
            outcome = await self._sessions.open(job, provider, deployment, timeout_s, own_limit=wished_s is not None)
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

    def _billed(self, deployment: Deployment, outcome: Ending | Failed) -> _Billed:
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
            include_usage=request.include_usage or request.tells_cost,
            max_tokens=job.call.max_tokens if max_tokens is None else max_tokens,
            max_tokens_field=request.max_tokens_field,
            drop_params=self._drops_params(request, deployment),
            call_type=request.call_type,
            dialect=request.dialect,
            content_type=request.content_type,
            client_headers=request.client_headers,
            passed=request.passed,
            request_id=request.request_id,
            pinned=bool(request.pinned),
            object=request.object,
        )

    def _drops_params(self, request: Admit, deployment: Deployment) -> bool:
        """Return whether parameters that the provider lacks are left out: by the request, the deployment, or all."""
        if request.drop_params is not None:
            return request.drop_params
        return self._drop_params if deployment.drop_params is None else deployment.drop_params

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
        if job.call.request.pinned or job.call.request.holding:
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
