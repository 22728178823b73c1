"""One accepted request while a router works on it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import ceil
from typing import Literal

from services.router.dialects.outlet import Outlet
from services.router.providers.base import AnswerReader
from services.router.streaming.answer import AnswerWriter
from services.router.streaming.shown_cost import CostTap
from shared import tokens
from shared.calls import Complete
from shared.errors import GatewayError
from shared.facts import Attempt, CompletionDeferred
from shared.interrupted import Interrupted
from shared.payloads.spool import Spool
from shared.serving.deployments import Deployment
from shared.usage import NOTHING, Usage, UsageSource

DRAIN_MAX_S = 600.0
"""How long a stream is read on for its usage after its client left."""

ERROR_TEXT_MAX = 300
"""Characters of each try's failure: several are told together."""

COUNT_EVERY = 16
"""Pieces of a stream after which its tokens are counted at the latest, where only so many are read on."""


@dataclass(slots=True)
class Job:
    """`cut`: reading is to end early, because the client left and the call is to be cancelled, or the router stops."""

    call: Complete
    body: bytes
    answer: AnswerWriter
    attempts: list[Attempt] = field(default_factory=list)
    retries: int = 0
    fallbacks: int = 0
    billed_pico: int = 0  # for tries that failed
    file: Spool | None = None  # that is uploaded
    deferred: CompletionDeferred | None = None  # the provider has taken a batch: the request's end comes later
    client_left: bool = False
    streams: bool = False  # the answer is a stream, whatever the request said: of a call that passes
    cut: Literal["", "client", "stop"] = ""
    when_named: Callable[[str, Deployment], Awaitable[None]] | None = None
    """To be told the id of what a passed call has made, before its client is."""
    named: bool = False  # it is remembered whose that is
    tap: CostTap | None = None  # of a stream whose client wants to know what it cost
    read_until: float | None = None  # by the loop's clock: when a stream that nobody hears any more is left
    interrupted: Literal["", "drained", "cancelled", "capped"] = ""  # what became of a stream nobody hears
    _limit: asyncio.Timeout | None = None  # on what is awaited now
    _cap: asyncio.TimerHandle | None = None
    _cap_tokens: int | None = None
    _tokens_heard: int | None = None  # when the client left
    _pieces: int = 0
    _count_at: int = 1

    @property
    def deadline_s(self) -> float:
        """Seconds until the request's deadline, by the wall clock it was given in."""
        return self.call.request.deadline_ms / 1000 - time.time()

    def limited(self, seconds: float | None) -> asyncio.Timeout:
        """Return a timeout around what is awaited next; `leave` and `stop` may bring it forward. Then `unlimited`."""
        self._limit = asyncio.timeout(0 if self.cut else seconds)
        return self._limit

    def unlimited(self) -> None:
        self._limit = None
        if self._cap is not None:
            self._cap.cancel()
            self._cap = None

    def leave(self, how: Interrupted) -> None:
        """The client is gone: nobody reads the answer. A stream is cancelled, or read on, to its end or for a while.

        An answer that is not streamed is always read: only its end tells what it cost.
        """
        if self.client_left:
            return
        self.client_left = True
        self.answer.muted = True
        loop = asyncio.get_running_loop()
        if not (self.call.request.stream or self.streams):
            return
        if how.mode == "cancel":
            self._cut_off("cancelled")
            return
        self.interrupted = "drained"
        self.read_until = loop.time() + DRAIN_MAX_S
        if how.mode == "drain_capped":
            self._cap_tokens = how.cap_tokens
            self._cap = loop.call_later(how.cap_s, self._cut_off, "capped")
        if self.answer.begun:
            self._end_at(self.read_until)

    def has_read_enough(self, text_so_far: Callable[[], str]) -> bool:
        """Return whether as many tokens were read since the client left as its key pays for; ask with every piece."""
        cap = self._cap_tokens
        if cap is None:
            return False
        if self._tokens_heard is None:
            self._tokens_heard = tokens.count(text_so_far())
            return False
        self._pieces += 1
        if self._pieces < self._count_at:
            return False
        read = tokens.count(text_so_far()) - self._tokens_heard
        if read < cap:
            each = max(1, ceil(read / self._pieces))  # a piece is a token, or many where they come together
            self._count_at = self._pieces + max(1, min(COUNT_EVERY, (cap - read) // each))
            return False
        self._cut_off("capped")
        return True

    def _cut_off(self, how: Literal["cancelled", "capped"]) -> None:
        self.cut = self.cut or "client"
        self.interrupted = how
        self._end_at(asyncio.get_running_loop().time())

    def stop(self) -> None:
        """The router must end: what has come until now is all there will be."""
        self.cut = "stop"
        self._end_at(asyncio.get_running_loop().time())

    def _end_at(self, when: float) -> None:
        if self._limit is not None:
            self._limit.reschedule(when)


@dataclass(slots=True, kw_only=True)
class Ending:
    """How a job ended: what its fact will say, and what is left to write."""

    deployment: Deployment | None = None
    reader: AnswerReader | None = None
    failure: GatewayError | None = None
    told: bool = False  # the client has the failure in its provider's own words
    status: int = 200
    usage: Usage = NOTHING
    usage_source: UsageSource = "none"
    started_ms: int = 0
    first_token_ms: int = 0
    finished_ms: int = 0
    body: bytes = b""  # of an answer that is not streamed
    outlet: Outlet | None = None  # what puts it into the client's dialect
    closing: bytes = b""  # what ends a stream in that dialect
    when_stored: Callable[[], None] | None = None  # in the place of writing an end, where the client hears a session


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def attempted(deployment: Deployment, failure: GatewayError | None, *, started_ms: int, ended_ms: int) -> Attempt:
    """Return what a fact tells of one call of a provider."""
    return Attempt(
        deployment=deployment.id,
        provider=deployment.provider,
        model=deployment.model,
        started_ms=started_ms,
        duration_ms=ended_ms - started_ms,
        status=failure.status if failure is not None else 200,
        error=failure.message[:ERROR_TEXT_MAX] if failure is not None else "",
    )


def failed(failure: GatewayError, deployment: Deployment | None = None) -> Ending:
    """Return the ending of a request that no provider answered."""
    at = now_ms()
    return Ending(
        deployment=deployment,
        failure=failure,
        status=failure.status,
        started_ms=at,
        first_token_ms=at,
        finished_ms=at,
    )
