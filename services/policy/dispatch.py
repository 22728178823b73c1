"""An admitted request on its way to a router, and what becomes of it where no router takes it."""

from collections.abc import Iterable
from typing import NamedTuple

import structlog

from services.policy.budgets.admission import Placed, bound_of
from services.policy.budgets.count_input import TextTokens
from services.policy.partitions.decision import Wanted
from services.policy.partitions.taking import Taker
from services.policy.replies import Replies, admitted_fact
from shared import subjects
from shared.bus import Bus, Message, NotConnected
from shared.calls import Admit, Bound, Complete, pack
from shared.errors import Unavailable
from shared.identity.keys import Key
from shared.payloads.bodies import BodyHolder

log = structlog.get_logger()

_NOWHERE = "-"


class Body(NamedTuple):
    """`grown`: by how many bytes a guardrail made it longer than what the edge counted.

    `text`: its tokens, once they were `counted`, and can be told.
    """

    data: bytes
    ref: str
    changed: bool
    grown: int = 0
    counted: bool = False
    text: TextTokens | None = None


class Passed(NamedTuple):
    """A request that may be served: its key, model and text are in order. `key` None is the master key."""

    number: int  # the partition that decides on it
    request: Admit
    key: Key | None
    body: Body
    applied: tuple[str, ...]  # guardrails


class Dispatch:
    def __init__(self, bus: Bus, taker: Taker, replies: Replies, bodies: BodyHolder) -> None:
        self._bus = bus
        self._taker = taker
        self._replies = replies
        self._bodies = bodies
        self._undelivered = subjects.undelivered(bus.process)

    async def start(self) -> None:
        await self._bus.subscribe(f"{self._undelivered}.>", self._on_undelivered)

    def send_on(
        self,
        passed: Passed,
        admitted_ms: int,
        placed: Placed | None = None,
        wanted: Wanted | None = None,
        lines: str = "",
        homes: tuple[int, ...] = (),
        longest: int | None = None,
    ) -> None:
        """Send it to a router. The command leaves last: whatever fails before that has sent nothing.

        Without `placed`, nobody waits for its end here; without a hold, only its limits do. `lines` are headers for its
        client. `homes` are the other partitions where it has taken part of limits, and `longest` the longest answer
        they have room for.
        """
        number, request, body, applied = passed.number, passed.request, passed.body, passed.applied
        hold_pico, max_tokens = None, None
        bound: Bound | None = None
        excluded: tuple[str, ...] = ()
        if placed is not None:
            max_tokens = placed.max_tokens
        if longest is not None:
            max_tokens = longest if max_tokens is None else min(longest, max_tokens)
        if placed is not None and wanted is not None and wanted.held:
            hold_pico = placed.amount
            bound = bound_of(wanted.ask, placed)
            excluded = tuple(wanted.charges.providers[index].holder for index in placed.excluded)
        call = Complete(
            request,
            number,
            admitted_ms,
            hold_pico,
            max_tokens,
            applied,
            body.ref,
            body.changed,
            bound,
            excluded,
            bool(homes) or (wanted is not None and wanted.part is not None),
            homes,
            lines,
        )
        command = pack(call, body.data)
        fact = admitted_fact(
            request,
            partition=number,
            admitted_ms=admitted_ms,
            hold_pico=hold_pico,
            max_tokens=max_tokens,
            guardrails=applied,
        )
        held = (number, *homes) if placed else homes
        where = "_".join(map(str, held)) or _NOWHERE
        reply = f"{self._undelivered}.{where}.{request.edge}.{request.request_id}"
        where_to = subjects.complete_at(request.session[0]) if request.session[0] else subjects.COMPLETE
        try:
            self._bus.publish(where_to, command, reply)
        except NotConnected:
            self.give_back(held, request.request_id)
            self._replies.forget(request)
            return
        try:
            self._replies.sent_on(request, fact)
        except Exception:
            # Whoever called would give the hold back, and a router spends it.
            log.exception("a request is with a router, and nobody was told", request=request.request_id)

    def give_back(self, partitions: Iterable[int], request_id: str) -> None:
        """The request goes no further: what it holds and has taken in these partitions is nobody's."""
        for number in partitions:
            self._taker.give_back(number, request_id)

    def _on_undelivered(self, message: Message) -> None:
        """The server says that no router took the command: nothing was spent, so nothing stays held."""
        if not message.is_no_responders:
            return
        where, edge, request_id = message.subject[len(self._undelivered) + 1 :].split(".")
        self.give_back(map(int, where.split("_")) if where != _NOWHERE else (), request_id)
        failure = Unavailable("no router is running to serve the request", retry_after_s=1)
        self._bodies.drop(request_id)
        self._replies.undelivered(edge, request_id, failure)
