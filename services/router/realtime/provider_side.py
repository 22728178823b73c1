"""What the provider of a session says: noted where it concerns the gateway, and told to the client."""

import asyncio
from collections.abc import Awaitable, Callable
from math import ceil
from typing import Any

import orjson
import structlog

from services.router.realtime import client_events, server_events
from services.router.realtime.context import bytes_per_ms
from services.router.realtime.responses import Responses
from services.router.realtime.server_events import ServerEvent
from services.router.realtime.state import BAD_GATEWAY, Ended, State
from services.router.realtime.transcripts import Transcripts
from services.router.realtime.turns import as_asked, first_update
from services.router.transport.socket import SocketClosed
from shared.errors import GatewayError, ProviderFailed
from shared.frames import Close
from shared.ids import new_id

log = structlog.get_logger()


class ProviderSide:
    def __init__(
        self,
        state: State,
        responses: Responses,
        transcripts: Transcripts,
        answer_turn: Callable[[], Awaitable[None]],
    ) -> None:
        """`answer_turn` makes the response that the client wants after a turn."""
        self._state = state
        self._responses = responses
        self._transcripts = transcripts
        self._answer_turn = answer_turn
        self._answering: set[asyncio.Future[None]] = set()

    async def hear(self) -> None:
        """Until the provider closes the connection."""
        state = self._state
        try:
            while True:
                message = await state.socket.receive()
                told = await self._told(message)
                if told is not None and not state.is_over:
                    state.tell(told)
        except SocketClosed as closed:
            state.provider_closed(closed)
        except Exception as error:
            log.exception("a session failed inside the router", request=state.id)
            failure = GatewayError(f"the gateway failed: {type(error).__name__}")
            state.end(Ended(Close(BAD_GATEWAY, "the gateway failed"), failure))

    def stop(self) -> None:
        """Answer no more turns."""
        for answering in self._answering:
            answering.cancel()

    async def _told(self, message: bytes) -> bytes | None:
        """Return the event as the client is to have it; None: not at all."""
        event = server_events.read_server_event(message)
        if event is None:
            unreadable = ProviderFailed(f"{self._state.provider} sent an event that cannot be read")
            self._state.end(Ended(Close(BAD_GATEWAY, "an event of the provider cannot be read"), unreadable))
            return None
        kind = event.type
        if event.response_id is not None:
            await self._responses.part(event)
        elif kind == server_events.RESPONSE_CREATED:
            await self._responses.created(event)
        elif kind == server_events.RESPONSE_DONE:
            await self._responses.done(event)
        elif kind == server_events.SESSION_CREATED:
            await self._opened(server_events.session_in(message))
            self._state.opened.set()
        elif kind == server_events.SESSION_UPDATED:
            return self._updated(message)
        elif kind == server_events.ERROR:
            self._error(event)
        else:
            self._heard(event)
        return message

    async def _opened(self, session: dict[str, Any]) -> None:
        """Tell the provider to answer no turn by itself, before it hears anything."""
        state = self._state
        self._set(session)
        state.context.opened(session)
        update = first_update(session)
        if update is None:
            return
        state.answers_turns = True
        state.own_update = new_id("event")
        event = {"type": client_events.UPDATE_SESSION, "event_id": state.own_update, "session": update}
        await state.socket.send(orjson.dumps(event))

    def _updated(self, message: bytes) -> bytes | None:
        session = server_events.session_in(message)
        self._set(session)
        if self._state.own_update:
            self._state.own_update = ""
            return None
        return server_events.with_session(message, as_asked(session, self._state.answers_turns))

    def _set(self, session: dict[str, Any]) -> None:
        state = self._state
        state.context.bytes_per_ms = bytes_per_ms(session, "input")
        state.spoken_per_ms = bytes_per_ms(session, "output")
        if "max_response_output_tokens" in session:
            state.maximum_field = "max_response_output_tokens"
        maximum = session.get(state.maximum_field)
        state.maximum = maximum if isinstance(maximum, int) and not isinstance(maximum, bool) else None

    def _error(self, event: ServerEvent) -> None:
        """An error may be the answer to one of our own events."""
        error, state = event.error, self._state
        if error is None:
            return
        if error.code == server_events.EMPTY_COMMIT and state.client_commits:
            state.client_commits -= 1  # none will be told of: the next one ends a turn
        if not isinstance(error.event_id, str):
            return
        if error.event_id == state.own_update:
            failure = ProviderFailed(f"{state.provider} does not let the gateway decide on each response")
            state.end(Ended(Close(BAD_GATEWAY, "the session cannot be metered"), failure))
        else:
            self._responses.refused(error.event_id, error.message)

    def _heard(self, event: ServerEvent) -> None:
        kind, state = event.type, self._state
        context = state.context
        if kind == server_events.SPEECH_STARTED and event.audio_start_ms is not None:
            context.speech_began(int(event.audio_start_ms))
        elif kind == server_events.SPEECH_STOPPED and event.audio_end_ms is not None:
            context.speech_ended(ceil(event.audio_end_ms))
        elif kind in (server_events.TRANSCRIBED, server_events.NOT_TRANSCRIBED):
            self._transcripts.told(event.usage)
        elif kind == server_events.CLEARED:
            context.cleared()
        elif kind == server_events.COMMITTED:
            self._transcripts.committed(context.committed())
            if state.client_commits:
                state.client_commits -= 1
            elif state.answers_turns and not state.is_over:
                answering = asyncio.ensure_future(self._answer_turn())
                self._answering.add(answering)
                answering.add_done_callback(self._answering.discard)
