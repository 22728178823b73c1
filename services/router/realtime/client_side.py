"""What the client of a session says: looked at, examined, admitted where it asks for a response, and passed on."""

import asyncio
import time
from typing import Any

import msgspec
import orjson
import structlog

from services.router.realtime import client_events
from services.router.realtime.admissions import Admissions
from services.router.realtime.client_events import BadEvent, Event
from services.router.realtime.inbox import GONE, Inbox
from services.router.realtime.responses import RESPONSE_S, RESPONSE_TOKENS_MAX
from services.router.realtime.state import BAD_GATEWAY, REFUSED, Ended, State
from services.router.realtime.transcripts import CALL_TYPE, STRETCH_MS, Transcripts
from services.router.transport.socket import SocketClosed
from shared.calls import BODY_INLINE_MAX, REALTIME_RESPONSE, Admit
from shared.errors import GatewayError, ProviderFailed
from shared.frames import Close
from shared.ids import new_id
from shared.payloads.audio import heard_units

log = structlog.get_logger()

OPENED_S = 30.0
_EXAMINED = ("instructions", "prompt")
"""Of a session, by names that guardrails know of a request."""

_ENDING_STATUS = (401, 403)
"""Of a refusal that holds for everything else that the client could ask for."""


class ClientSide:
    def __init__(self, state: State, inbox: Inbox, admissions: Admissions, transcripts: Transcripts) -> None:
        self._state = state
        self._inbox = inbox
        self._admissions = admissions
        self._transcripts = transcripts

    async def hear(self) -> None:
        """Until the client is gone, or the session is over."""
        state, inbox = self._state, self._inbox
        try:
            await self._opened()
            while (message := await inbox.next()) is not None:
                await self._on_message(message)
                inbox.done_with(message)
            close = inbox.ended or GONE
            state.job.client_left = state.job.client_left or inbox.client_left or close is GONE
            state.end(Ended(close))
        except SocketClosed as closed:
            state.provider_closed(closed)
        except Exception as error:
            log.exception("a session failed inside the router", request=state.id)
            failure = GatewayError(f"the gateway failed: {type(error).__name__}")
            state.end(Ended(Close(BAD_GATEWAY, "the gateway failed"), failure))

    async def _opened(self) -> None:
        """Nothing of the client goes on before the provider was told not to answer turns by itself."""
        try:
            async with asyncio.timeout(OPENED_S):
                await self._state.opened.wait()
        except TimeoutError:
            failure = ProviderFailed(f"{self._state.provider} opened a connection, but no session")
            self._state.end(Ended(Close(BAD_GATEWAY, "no session"), failure))

    async def answer_turn(self) -> None:
        """Do what the provider would have done by itself after a turn."""
        try:
            await self._create({}, Event(client_events.CREATE_RESPONSE))
        except GatewayError as failure:
            self._state.tell_failure(failure)

    async def _on_message(self, message: bytes) -> None:
        event_id: str | None = None
        try:
            event = client_events.read_event(message)
            event_id = event.event_id
            await self._pass_on(event, message)
        except GatewayError as failure:
            named = failure.event_id if isinstance(failure, BadEvent) else event_id
            self._state.tell_failure(failure, named)

    async def _pass_on(self, event: Event, message: bytes) -> None:
        kind, state = event.type, self._state
        if kind == client_events.CREATE_RESPONSE:
            fields = client_events.fields_of(message, event)
            await self._create(client_events.part_of(fields, "response", event, needed=False), event)
            return
        if kind == client_events.UPDATE_SESSION:
            message = await self._update(client_events.fields_of(message, event), event)
        elif kind == client_events.CREATE_ITEM:
            message = await self._item(client_events.fields_of(message, event), event)
        elif kind == client_events.APPEND:
            self._no_sound(event)
            characters = max(0, len(bytes(memoryview(event.audio))) - 2)
            while self._transcripts.needs(state.context.heard_ms(characters)):
                await self._cover_stretch(event)
            state.context.buffered(characters)
        elif kind == client_events.COMMIT:
            state.client_commits += 1
        await state.socket.send(message)

    async def _update(self, fields: dict[str, Any], event: Event) -> bytes:
        state = self._state
        update = client_events.session_update(client_events.part_of(fields, "session", event), event, state.allowed)
        session = update.session
        if update.transcription is not None:
            self._no_sound(event)
            update.transcription["model"] = self._transcripts.begin(update.transcription["model"])
        elif update.sets_transcription:
            self._transcripts.end()
        if state.guardrails:
            said: dict[str, Any] = {name: session[name] for name in _EXAMINED if name in session}
            session = {**session, **(await self._examined(said))}
        if update.answers_turns is not None:
            state.answers_turns = update.answers_turns
        sent = orjson.dumps({**fields, "session": session})
        state.context.updated(len(sent))
        return sent

    async def _item(self, fields: dict[str, Any], event: Event) -> bytes:
        item = client_events.part_of(fields, "item", event)
        if client_events.has_sound(item):
            self._no_sound(event)
        if self._state.guardrails:
            item = (await self._examined({"input": [item]}))["input"][0]
        self._state.context.added(item)
        return orjson.dumps({**fields, "item": item})

    async def _create(self, terms: dict[str, Any], event: Event) -> None:
        """Have policy admit a response. What is admitted goes to the provider by `Responses.respond`.

        Raises:
            GatewayError: it is refused, and the session goes on.
        """
        state = self._state
        client_events.check_terms(terms, "response", event, state.allowed)
        wished = client_events.wished_tokens(terms, event)
        given = terms.get("input")
        if any(isinstance(item, dict) and client_events.has_sound(item) for item in _list(given)):
            self._no_sound(event)
        body = orjson.dumps(terms)
        if len(body) > BODY_INLINE_MAX:
            raise BadEvent(
                f"response.create must have at most {BODY_INLINE_MAX} bytes; create items for what is longer.",
                param="response",
                event_id=event.event_id,
            )
        if wished is None:
            wished = state.maximum if state.maximum or not state.allowed.held else RESPONSE_TOKENS_MAX
        now = time.time_ns() // 1_000_000
        request = msgspec.structs.replace(
            self._request(),
            max_tokens=wished,
            input_bytes=state.context.tokens + len(body),
            images=state.context.images,
            received_ms=now,
            deadline_ms=now + int(RESPONSE_S * 1_000),
            body_bytes=len(body),
            session=(state.router, state.id),
        )
        await self._ask(request, body, event)

    async def _cover_stretch(self, event: Event) -> None:
        """Have policy admit the transcription of a further stretch of what is heard.

        Raises:
            GatewayError: it is refused, and what was said is not passed on.
        """
        state, model = self._state, self._transcripts.model
        request = msgspec.structs.replace(
            self._request(),
            call_type=CALL_TYPE,
            model=model,
            group=model,
            units=heard_units(STRETCH_MS),
            received_ms=time.time_ns() // 1_000_000,
            session=(state.router, state.id),
        )
        await self._ask(request, b"{}", event)

    async def _ask(self, request: Admit, body: bytes, event: Event) -> None:
        """Have policy admit a part of the session.

        Raises:
            GatewayError: it is refused, and the session goes on, unless that holds for all of it.
        """
        state = self._state
        failure = await self._admissions.ask(request, body, state.job.call.partition, event.event_id)
        if failure is None:
            return
        if failure.type == "budget_exceeded" or failure.status in _ENDING_STATUS:
            state.end(Ended(Close(REFUSED, failure.type)))
        raise failure

    async def _examined(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Return the fields as guardrails let them pass.

        Raises:
            GatewayError
        """
        return await self._admissions.examine(self._request(), fields)

    def _request(self) -> Admit:
        """Return another request of the session's client: for a response, or for a part to be examined."""
        request = self._state.job.call.request
        caller = request.caller
        if not caller.session_id:
            caller = msgspec.structs.replace(caller, session_id=request.request_id)
        return msgspec.structs.replace(
            request, request_id=new_id("req"), edge=self._state.router, caller=caller, call_type=REALTIME_RESPONSE
        )

    def _no_sound(self, event: Event) -> None:
        if self._state.guardrails:
            raise BadEvent(
                f"Sound cannot be examined by the guardrails of this key ({', '.join(self._state.guardrails)}): "
                "send text.",
                event_id=event.event_id,
            )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
