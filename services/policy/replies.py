"""What policy answers an edge, and the facts that say so."""

import asyncio
import time

import structlog

from shared import subjects
from shared.bus import Bus, NotConnected, Outbox
from shared.calls import Admit
from shared.errors import GatewayError
from shared.facts import RequestAdmitted, RequestDenied, encode_fact
from shared.facts.header import caller_fields, unchecked
from shared.facts.request import DenialStage
from shared.frames import failure_frame, progress_frame

log = structlog.get_logger()

REMIND_EVERY_S = 5.0
"""Edges take who is silent for three times that for dead."""

_admitted = unchecked(RequestAdmitted)


class Replies:
    """To be told that somebody works on its request, an edge must hear so; what was told is remembered until then."""

    def __init__(self, bus: Bus, outbox: Outbox) -> None:
        self._bus = bus
        self._outbox = outbox
        self._told_to_wait: dict[str, str] = {}  # request -> edge

    @property
    def waiting(self) -> int:
        """How many edges were told to wait for this process."""
        return len(self._told_to_wait)

    def is_told_to_wait(self, request: Admit) -> bool:
        return request.request_id in self._told_to_wait

    def wait(self, request: Admit) -> None:
        """This process works on it from now on."""
        self._told_to_wait[request.request_id] = request.edge
        self._publish(request.edge, request.request_id, progress_frame(self._bus.process))

    async def remind(self) -> None:
        """Until cancelled: say again every few seconds that this process works on what waits in it."""
        while True:
            await asyncio.sleep(REMIND_EVERY_S)
            frame = progress_frame(self._bus.process)
            for request_id, edge in list(self._told_to_wait.items()):
                self._publish(edge, request_id, frame)

    def sent_on(self, request: Admit, admitted: bytes) -> None:
        """A router has it; `admitted` is the fact."""
        if request.request_id in self._told_to_wait:
            self._told_to_wait.pop(request.request_id, None)
            self._publish(request.edge, request.request_id, progress_frame(""))
        self._outbox.put(
            subjects.fact(RequestAdmitted.KIND, RequestAdmitted.VERSION, request.caller.tenant),
            admitted,
            f"adm_{request.request_id}",
        )

    def deny(self, request: Admit, stage: DenialStage, refusal: GatewayError, *, guardrail: str = "") -> None:
        """Say no, and publish that it was said."""
        self.refuse(request, refusal)
        caller = request.caller
        fact = RequestDenied(
            id=f"den_{request.request_id}",
            ts_ms=time.time_ns() // 1_000_000,
            request_id=request.request_id,
            **caller_fields(caller),
            stage=stage,
            route=request.route,
            call_type=request.call_type,
            model=request.model,
            status=refusal.status,
            error_type=refusal.type,
            message=refusal.message,
            received_ms=request.received_ms,
            guardrail=guardrail,
            details=refusal.fields or {},
            ip=caller.ip,
            user_agent=caller.user_agent,
            session_id=caller.session_id,
        )
        self._outbox.put(fact.subject, encode_fact(fact), fact.id)

    def refuse(self, request: Admit, refusal: GatewayError) -> None:
        """Say that it cannot be done now: nobody decided against it."""
        self._told_to_wait.pop(request.request_id, None)
        self.undelivered(request.edge, request.request_id, refusal)

    def forget(self, request: Admit) -> None:
        """Nobody can be told: the edge notices by itself."""
        self._told_to_wait.pop(request.request_id, None)

    def undelivered(self, edge: str, request_id: str, refusal: GatewayError) -> None:
        self._publish(edge, request_id, failure_frame(0, refusal.to_dict()))

    def _publish(self, edge: str, request_id: str, frame: bytes) -> None:
        try:
            self._bus.publish(subjects.frames(edge, request_id), frame)
        except NotConnected:
            log.warning("an answer was lost: no connection", request=request_id)


def admitted_fact(
    request: Admit,
    *,
    partition: int,
    admitted_ms: int,
    hold_pico: int | None,
    max_tokens: int | None,
    guardrails: tuple[str, ...],
) -> bytes:
    fact = _admitted(
        id=f"adm_{request.request_id}",
        ts_ms=admitted_ms,
        request_id=request.request_id,
        **caller_fields(request.caller),
        partition=partition,
        model=request.model,
        hold_pico=hold_pico,
        max_tokens=max_tokens,
        guardrails=guardrails,
    )
    return encode_fact(fact)
