"""The responses of a session that are not over: each a request of its own, found in what the provider says."""

import asyncio
from typing import Any

import orjson
import structlog

from services.router.job import Ending, Job, attempted, failed, now_ms
from services.router.realtime import client_events
from services.router.realtime.admissions import Admissions
from services.router.realtime.response import Response
from services.router.realtime.response_reader import ResponseReader
from services.router.realtime.server_events import ServerEvent
from services.router.realtime.state import BAD_GATEWAY, Ended, State
from services.router.transport.socket import SocketClosed
from shared.errors import BudgetExceeded, DeadlinePassed, GatewayError, InvalidRequest, Unavailable
from shared.frames import Close
from shared.ids import new_id
from shared.usage import NOTHING, Usage, added

log = structlog.get_logger()

RESPONSE_S = 600.0
"""How long a response may take."""

RESPONSE_TOKENS_MAX = 4_096
"""More cannot be asked for by number. https://platform.openai.com/docs/api-reference/realtime-client-events"""

STORED_S = 10.0
"""How long the provider is not heard while a response's fact is being stored."""


class Responses:
    def __init__(self, state: State, admissions: Admissions) -> None:
        self._state = state
        self._admissions = admissions
        self._waiting: list[Response] = []  # sent, and not begun yet; in this order
        self._running: dict[str, Response] = {}
        self._unasked: dict[str, ResponseReader] = {}
        self._quiet = asyncio.Event()
        self._quiet.set()
        self.unasked_usage = NOTHING

    async def respond(self, job: Job) -> Ending:
        """Ask the provider for a response that policy has admitted, and wait for its end."""
        state = self._state
        asked = self._admissions.of(job.call.request.request_id)
        if asked is None or state.is_over:
            return failed(Unavailable("the session has ended", retry_after_s=1))
        if state.deployment.provider in job.call.excluded_providers:
            full = BudgetExceeded(
                f"the budget of the provider '{state.deployment.provider}' has no room for the response"
            )
            asked.resolve(full)
            return failed(full)
        state.guardrails = job.call.applied_guardrails
        response = self._admitted(job, asked.event_id or new_id("event"))
        self._waiting.append(response)
        self._quiet.clear()
        try:
            await state.socket.send(_create_event(response, orjson.loads(job.body), state.maximum_field))
        except SocketClosed as closed:
            state.provider_closed(closed)
        asked.resolve(None)
        failure: GatewayError | None
        try:
            async with job.limited(max(0.001, min(job.deadline_s, RESPONSE_S))):
                failure = await response.over
        except TimeoutError:
            failure = DeadlinePassed(f"{state.provider} did not finish the response in time")
            state.end(Ended(Close(BAD_GATEWAY, "a response was not finished in time"), failure))
        finally:
            job.unlimited()
            self._forget(response)
        return self._ending(response, failure)

    def _admitted(self, job: Job, event_id: str) -> Response:
        state, call = self._state, job.call
        most = call.max_tokens if call.max_tokens is not None else call.bound.output_tokens if call.bound else None
        reader = ResponseReader(
            state.provider, input_tokens=call.request.input_bytes, spoken_bytes_per_ms=state.spoken_per_ms
        )
        response = Response(job, reader, event_id=event_id, mark=state.context.mark, most=most)
        response.started_ms = now_ms()
        job.answer.muted = True  # its client hears the session
        return response

    def _ending(self, response: Response, failure: GatewayError | None) -> Ending:
        at, deployment = now_ms(), self._state.deployment
        attempt = attempted(deployment, failure, started_ms=response.started_ms, ended_ms=at)
        response.job.attempts.append(attempt)
        return Ending(
            deployment=deployment,
            reader=response.reader,
            failure=failure,
            status=attempt.status,
            started_ms=response.started_ms,
            first_token_ms=response.first_ms or at,
            finished_ms=at,
            when_stored=response.stored.set,
        )

    # What the provider says of them

    async def created(self, event: ServerEvent) -> None:
        made = event.response.id if event.response is not None else None
        if made is None:
            return
        if self._waiting:
            response = self._waiting.pop(0)
            response.reader.note(event)
            response.job.answer.begun = True
            self._running[made] = response
            if self._state.is_over:
                await self._cancel(response)
            return
        log.error("a provider made a response that nobody asked for: it is cancelled", provider=self._state.provider)
        self._unasked[made] = ResponseReader(
            self._state.provider,
            input_tokens=self._state.context.tokens,
            spoken_bytes_per_ms=self._state.spoken_per_ms,
        )
        await self._state.socket.send(_cancel_event(made))

    async def part(self, event: ServerEvent) -> None:
        """A part of a response: counted, in case that the provider never says what it used."""
        made = event.response_id or ""
        response = self._running.get(made)
        if response is None:
            if made in self._unasked:
                self._unasked[made].note(event)
            return
        response.first_ms = response.first_ms or now_ms()
        response.reader.note(event)
        if response.is_past_line and not response.cancelled:
            log.error("a provider does not keep to a response's maximum", provider=self._state.provider)
            await self._cancel(response)

    async def done(self, event: ServerEvent) -> None:
        """A response is over; return when its fact is stored."""
        made = event.response.id if event.response is not None else None
        unasked = self._unasked.pop(made or "", None)
        if unasked is not None:
            unasked.note(event)
            self._count_unasked(unasked.usage or unasked.counted())
            return
        response = self._running.get(made or "")
        if response is None:
            return
        reader, context = response.reader, self._state.context
        reader.note(event)
        if reader.usage is not None and response.in_conversation:
            context.responded(response.mark, reader.usage.prompt_tokens, reader.usage.completion_tokens)
        response.end(reader.failure)
        try:
            async with asyncio.timeout(STORED_S):
                await response.stored.wait()
        except TimeoutError:
            log.warning("a response's fact is not stored yet", request=response.job.call.request.request_id)

    def refused(self, event_id: str, message: object) -> None:
        """The provider answers one of our events with an error: a response that it does not make."""
        response = next((waiting for waiting in self._waiting if waiting.event_id == event_id), None)
        if response is not None:
            self._waiting.remove(response)
            response.end(InvalidRequest(f"{self._state.provider} refused the response: {message}"))

    # The end

    async def cut_off(self, provider: "asyncio.Task[None]", wait_s: float) -> None:
        """Cancel all, and wait a moment for what they have used; `provider` hears it."""
        job = self._state.job
        for response in self._open():
            response.job.client_left = job.client_left
            response.job.interrupted = "cancelled" if job.client_left else ""
            await self._cancel(response)
        if not self._quiet.is_set():
            quiet = asyncio.get_running_loop().create_task(self._quiet.wait())
            await asyncio.wait({provider, quiet}, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
            quiet.cancel()
        failure = self._state.ended.result().failure
        for response in self._open():
            broken = failure or Unavailable("the session ended before the response was whole")
            response.end(None if job.client_left else broken)

    def _open(self) -> tuple[Response, ...]:
        return (*self._waiting, *self._running.values())

    async def _cancel(self, response: Response) -> None:
        response.cancelled = True
        try:
            await self._state.socket.send(_cancel_event(response.reader.response_id))
        except SocketClosed as closed:
            self._state.provider_closed(closed)

    def _forget(self, response: Response) -> None:
        if response in self._waiting:
            self._waiting.remove(response)
        self._running.pop(response.reader.response_id, None)
        if not self._waiting and not self._running:
            self._quiet.set()

    def _count_unasked(self, usage: Usage) -> None:
        none = self.unasked_usage is NOTHING
        self.unasked_usage = usage if none else added(self.unasked_usage, usage)


def _create_event(response: Response, terms: dict[str, Any], maximum_field: str) -> bytes:
    """Return the response.create of an admitted response. `terms` are the client's, as guardrails let them pass."""
    call = response.job.call
    response.in_conversation = terms.get("conversation", "auto") != "none"
    for name in ("max_output_tokens", "max_response_output_tokens"):
        terms.pop(name, None)
    limits = [limit for limit in (call.request.max_tokens, call.max_tokens) if limit is not None]
    if limits:
        terms[maximum_field] = min(*limits, RESPONSE_TOKENS_MAX)
    event = {"type": client_events.CREATE_RESPONSE, "event_id": response.event_id, "response": terms}
    return orjson.dumps(event)


def _cancel_event(response_id: str) -> bytes:
    made = {"response_id": response_id} if response_id else {}
    return orjson.dumps({"type": "response.cancel", **made})
