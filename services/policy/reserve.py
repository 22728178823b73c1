"""What a request that may be served takes before it is: a hold on its budgets, its part of limits. Then on to a router,
or back with a refusal.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import structlog

from services.policy.asking import Asking
from services.policy.budgets.admission import NOTHING, Ask, Placed
from services.policy.budgets.ceilings import Ceilings
from services.policy.budgets.charges import Charges
from services.policy.budgets.count_input import text_tokens
from services.policy.budgets.headers import key_budget_lines
from services.policy.budgets.refusals import over_budget, unpriced_models, untold_cost
from services.policy.count_body import counts_at_once
from services.policy.counting import Counting
from services.policy.dispatch import Dispatch, Passed
from services.policy.in_progress import FAILED, InProgress
from services.policy.limits.headers import merged_lines
from services.policy.limits.need import NO_TOKENS
from services.policy.limits.refusals import over_limit_error
from services.policy.limits.room import counts_tokens
from services.policy.metrics import Counts
from services.policy.partitions.decision import Answer, Denied, Left, NoRoom, Part, Wanted
from services.policy.partitions.owning.open_partitions import OpenPartitions
from services.policy.partitions.partition import Partition
from services.policy.partitions.taking import Taker, split
from services.policy.replies import Replies
from shared.bus import Bus
from shared.calls import Admit
from shared.clock import time_ms
from shared.errors import Unavailable
from shared.header_lines import headers_in
from shared.kept.passed_objects import is_untold
from shared.payloads.bodies import BodyGone, BodyHolder

log = structlog.get_logger()

TELL_AFTER_S = 0.2
"""How long other partitions may take before the edge is told that somebody works on its request."""


class Rules(NamedTuple):
    """What the configuration says about admission."""

    allow_unpriced: bool
    budget_status: int
    patience_ms: int  # how long an edge waits that was not told to


class Reserve:
    """One instance serves all partitions of a process. Nothing here waits unless a body has to be read from elsewhere,
    its tokens counted, or a limit asked for in another partition.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        asking: Asking,
        partitions: OpenPartitions,
        ceilings: Ceilings,
        rules: Rules,
        bodies: BodyHolder,
        replies: Replies,
        in_progress: InProgress,
        counts: Counts,
    ) -> None:
        self._asking = asking
        self._partitions = partitions
        self._ceilings = ceilings
        self._rules = rules
        self._bodies = bodies
        self._replies = replies
        self._in_progress = in_progress
        self._counts = counts
        self._counting = Counting(bus, asking, ceilings)
        self._taker = Taker(bus, partitions)
        self._dispatch = Dispatch(bus, self._taker, replies, bodies)

    async def start(self) -> None:
        await self._dispatch.start()

    def hold(self, passed: Passed) -> None:
        """Hold what the request may cost at most; without any budget, and without a window to open, nothing is held.

        Its text is bound by its bytes, and only where those do not fit, or take much of a limit, by its tokens.
        """
        number, request, key, body = passed.number, passed.request, passed.key, passed.body
        if request.session[0] and not body.counted:
            body = body._replace(counted=True)  # what is read is the whole conversation, and the body its newest part
            passed = passed._replace(body=body)
        now_ms = time_ms()
        partition = self._partitions.get(number)
        charges = self._asking.charges(request, key, now_ms)
        limits = self._asking.limits(request, key)
        if (charges.budgeted or limits) and not self._is_served_here(number, partition, request, charges):
            return
        ask, need, counts = NOTHING, NO_TOKENS, False
        if charges.budgeted or (limits and counts_tokens(limits)):
            assert partition is not None, "it is served here"
            ask, unpriced = self._ceilings.ask_for(request, now_ms / 1000, grown=max(0, body.grown), text=body.text)
            if unpriced and charges.limited and not self._rules.allow_unpriced:
                untold = bool(request.passed[0]) and is_untold(*request.passed)
                refusal = untold_cost(*request.passed) if untold else unpriced_models(request.model, unpriced)
                self._replies.deny(request, "budget", refusal)
                return
            need = self._asking.need(request, ask) if limits else need
            may_gain = self._counting.may_gain
            counts = not body.counted and may_gain(partition, request, charges, ask, limits, need, now_ms)
        if counts:
            self._count(passed)
            return
        part = self._asking.part(request, key, now_ms, limits, need) if limits else None
        if not charges.budgeted:
            if partition is not None and charges.windows:
                if partition.stands.needs_window(charges, now_ms):
                    self._decide(partition, passed, charges, NOTHING, part)
                    return
                now_ms = max(now_ms, partition.stands.counts_from(charges))
            if part is None or partition is None:
                self._dispatch.send_on(passed, now_ms)
            else:
                self._decide(partition, passed, charges, NOTHING, part, held=False)
            return
        assert partition is not None, "it is served here"
        self._decide(partition, passed, charges, ask, part)

    def _count(self, passed: Passed) -> None:
        """Count its tokens, then hold what it may cost."""
        body = passed.body
        if counts_at_once(body.data):
            self.hold(
                passed._replace(body=body._replace(counted=True, text=text_tokens(body.data, passed.request.call_type)))
            )
        else:
            self._replies.wait(passed.request)
            self._in_progress.spawn(passed.request, self._count_then_hold(passed))

    def _is_served_here(self, number: int, partition: Partition | None, request: Admit, charges: Charges) -> bool:
        """Return whether what it is counted in can be decided here; else it is refused."""
        if charges.must[0].home != number:
            log.error("an edge counts other partitions than policy", edge=request.edge, partition=number)
            refusal = Unavailable("the request was sent to the wrong partition", retry_after_s=1)
            self._in_progress.refuse(request, refusal)
        elif partition is None:
            self._in_progress.refuse(request, Unavailable("the budget's owner is just changing", retry_after_s=1))
        else:
            return True
        return False

    async def _count_then_hold(self, passed: Passed) -> None:
        request, body = passed.request, passed.body
        try:
            text = await self._counting.text_of(passed)
        except BodyGone as error:
            self._in_progress.refuse(request, Unavailable(str(error), retry_after_s=1))
            return
        self.hold(passed._replace(body=body._replace(counted=True, text=text)))

    def _decide(
        self,
        partition: Partition,
        passed: Passed,
        charges: Charges,
        ask: Ask,
        part: Part | None,
        *,
        held: bool = True,
    ) -> None:
        request = passed.request
        here, elsewhere = split(part, partition.number) if part is not None else (None, {})
        wanted = self._asking.wanted(request, passed.key, charges, ask, here, held=held)
        if not held and here is None:
            self._in_progress.spawn(request, self._take_then_send(partition, passed, wanted, elsewhere, None))
            return

        def done(answer: Answer) -> None:
            try:
                if isinstance(answer, Denied) and self._counting.may_fit(partition, request, passed.body, answer):
                    self._replies.wait(request)
                    self._in_progress.spawn(request, self._count_then_hold(passed))
                    return
                self._decided(partition, passed, wanted, elsewhere, answer)
            except Exception:
                log.exception(FAILED, request=request.request_id)
                if isinstance(answer, Placed):
                    self._dispatch.give_back((partition.number,), request.request_id)
                self._in_progress.failed(request)

        if not partition.decide(wanted, done):
            self._replies.wait(request)

    def _decided(
        self, partition: Partition, passed: Passed, wanted: Wanted, elsewhere: Mapping[int, Part], answer: Answer
    ) -> None:
        request, now_ms = passed.request, time_ms()
        if isinstance(answer, Denied):
            self._bodies.drop(request.request_id)
            self._counts.over_budget(answer.charge)
            whole = None if wanted.ask.output_pico_per_token else wanted.ask.whole_pico
            refusal = over_budget(answer.charge, answer.standing, self._rules.budget_status, now_ms / 1000, whole)
            self._replies.deny(request, "budget", refusal)
        elif isinstance(answer, NoRoom):
            self._over_limit(request, answer)
        elif isinstance(answer, Left):
            self._in_progress.left(request, "rate_limit" if answer.for_limit else "budget")
        elif answer is None:
            undecided = Unavailable("the budget could not be decided; nothing was spent", retry_after_s=1)
            self._in_progress.refuse(request, undecided)
        elif now_ms - wanted.now_ms > self._rules.patience_ms and not self._replies.is_told_to_wait(request):
            # The edge has given the request up: nobody would read the answer that is paid for.
            self._dispatch.give_back((partition.number,), request.request_id)
            too_late = Unavailable("the budget took too long to be decided", retry_after_s=1)
            self._in_progress.refuse(request, too_late)
        elif elsewhere:
            self._in_progress.spawn(request, self._take_then_send(partition, passed, wanted, elsewhere, answer))
        else:
            self._dispatch.send_on(passed, now_ms, answer, wanted, _lines(partition, wanted, now_ms))

    async def _take_then_send(
        self,
        partition: Partition,
        passed: Passed,
        wanted: Wanted,
        elsewhere: Mapping[int, Part],
        placed: Placed | None,
    ) -> None:
        """Take its part of the limits that are at home in other partitions, whose answers are waited for."""
        request, homes = passed.request, tuple(elsewhere)
        if placed is not None and placed.max_tokens is not None:
            longest = placed.max_tokens
            elsewhere = {home: part._replace(need=part.need.shortened(longest)) for home, part in elsewhere.items()}
        here = (partition.number,) if placed is not None else ()
        telling = asyncio.get_running_loop().call_later(TELL_AFTER_S, self._replies.wait, request)
        try:
            taken = await self._taker.take(wanted, elsewhere, partial(self._counting.closer_need, passed, placed))
        except BaseException:
            self._dispatch.give_back((*here, *homes), request.request_id)
            raise
        finally:
            telling.cancel()
        if isinstance(taken, NoRoom):
            self._dispatch.give_back(here, request.request_id)
            self._over_limit(request, taken)
        elif taken is None:
            self._dispatch.give_back(here, request.request_id)
            undecided = Unavailable("a limit could not be decided; nothing was used of it", retry_after_s=1)
            self._in_progress.refuse(request, undecided)
        elif (refusal := _too_late(request, wanted, elsewhere)) is not None:
            self._dispatch.give_back((*here, *homes), request.request_id)
            self._in_progress.refuse(request, refusal)
        else:
            now_ms = time_ms()
            lines = merged_lines(_lines(partition, wanted, now_ms), taken.lines)
            self._dispatch.send_on(passed, now_ms, placed, wanted, lines, homes, taken.max_tokens)

    def _over_limit(self, request: Admit, refused: NoRoom) -> None:
        self._bodies.drop(request.request_id)
        self._counts.over_limit(refused.over)
        self._replies.deny(request, "rate_limit", over_limit_error(refused.over, time_ms(), headers_in(refused.lines)))


def _too_late(request: Admit, wanted: Wanted, elsewhere: Mapping[int, Part]) -> Unavailable | None:
    """Return why a request must not go on any more once all homes of its limits have answered, None where it may."""
    now_ms = time_ms()
    if now_ms >= request.deadline_ms:
        return Unavailable("the limits took too long to be decided; nothing was used of them", retry_after_s=1)
    if now_ms < wanted.now_ms + TELL_AFTER_S * 1000:
        return None
    if wanted.again() is None:
        return Unavailable("its key may not call any more; nothing was used of its limits", retry_after_s=1)
    for home, part in elsewhere.items():
        if part.limits != tuple([limit for limit in part.again() if limit.home == home]):
            return Unavailable("its limits have changed while it waited; nothing was used of them", retry_after_s=1)
    return None


def _lines(partition: Partition, wanted: Wanted, now_ms: int) -> str:
    """Return the headers that tell its client how its key's budget and its limits stand."""
    key = wanted.charges.must[0]
    lines = key_budget_lines(key, partition.standing(key.account), now_ms)
    return lines if wanted.part is None else lines + partition.limits.lines(wanted.part, now_ms)
