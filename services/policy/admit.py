"""A request's way through policy, top to bottom: key, model, guardrails, limits, budget; on to a router, or back."""

import asyncio
import struct
import time
from collections.abc import Coroutine, Mapping
from typing import Any, NamedTuple

import msgspec
import structlog

from services.policy.asking import Asking
from services.policy.budgets.admission import NOTHING, Ask, Placed
from services.policy.budgets.ceilings import Ceilings
from services.policy.budgets.charges import Charges
from services.policy.budgets.count_input import NO_TEXT, text_tokens
from services.policy.budgets.headers import key_budget_headers
from services.policy.budgets.refusals import over_budget, unpriced_models
from services.policy.count_body import count_body, counts_at_once
from services.policy.dispatch import Body, Dispatch
from services.policy.guardrails import Blocked, Chain
from services.policy.key_lookup import look_key_up
from services.policy.limits.headers import Header, merged_headers
from services.policy.limits.refusals import over_limit_error
from services.policy.partitions.decision import Answer, Denied, NoRoom, Part, Wanted
from services.policy.partitions.owning.open_partitions import OpenPartitions
from services.policy.partitions.partition import Partition
from services.policy.partitions.taking import Taker, split
from services.policy.replies import Replies
from shared.access import refusal_of_key
from shared.bodies import BodyGone, BodyHolder, read_body
from shared.bus import Bus, BusError, Message, Outbox
from shared.calls import BODY_INLINE_MAX, Admit, unpack_admit
from shared.errors import AuthenticationFailed, GatewayError, Unavailable
from shared.holder_access import HolderAccess
from shared.keys import MASTER_KEY_ID, Key
from shared.pass_through import asked_for

log = structlog.get_logger()

TELL_AFTER_S = 0.2
"""How long other partitions may take before the edge is told that somebody works on its request."""

MASKED_BODY_KEPT_S = 60.0
_FAILED = "a request failed inside policy"


class Rules(NamedTuple):
    """What the configuration says about admission."""

    partitions: int
    allow_unpriced: bool
    budget_status: int
    patience_ms: int  # how long an edge waits that was not told to


class Admission:
    """Answers `cmd.admit.<partition>`. Nothing here waits unless a body or a key has to be read from elsewhere."""

    def __init__(
        self,
        bus: Bus,
        outbox: Outbox,
        *,
        keys: Mapping[str, Key],
        asking: Asking,
        partitions: OpenPartitions,
        ceilings: Ceilings,
        chain: Chain,
        rules: Rules,
        access: HolderAccess,
    ) -> None:
        self._bus = bus
        self._outbox = outbox
        self._keys = keys
        self._asking = asking
        self._partitions = partitions
        self._ceilings = ceilings
        self._chain = chain
        self._rules = rules
        self._access = access
        self._bodies = BodyHolder(bus)
        self._tasks: set[asyncio.Task[None]] = set()
        self._replies = Replies(bus, outbox)
        self._taker = Taker(bus, partitions)
        self._dispatch = Dispatch(bus, self._taker, self._replies, self._bodies)

    async def start(self) -> None:
        await self._bodies.start()
        await self._dispatch.start()

    async def remind(self) -> None:
        """Until cancelled: tell edges every few seconds that their requests still wait here."""
        await self._replies.remind()

    def on_admit(self, number: int, message: Message) -> None:
        """Answer one request of the partition, which this process owns."""
        try:
            request, body = unpack_admit(message.data)
        except (msgspec.DecodeError, struct.error) as error:
            log.error("a request cannot be read", partition=number, error=str(error))
            return
        now_ms = _now_ms()
        if now_ms >= request.deadline_ms:
            return  # edge has answered by now
        try:
            self._check(number, request, body, now_ms)
        except Exception:
            log.exception(_FAILED, request=request.request_id)
            self._failed(request)

    def _check(self, number: int, request: Admit, body: bytes, now_ms: int) -> None:
        if self._outbox.full:
            self._refuse(request, Unavailable("facts cannot be stored at the moment", retry_after_s=1))
        elif request.caller.key == MASTER_KEY_ID:
            self._check_holders(number, request, None, body)
        elif (key := self._keys.get(request.caller.key)) is not None:
            self._check_key(number, request, key, body, now_ms)
        else:
            self._spawn(request, self._look_key_up(number, request, body))

    async def _look_key_up(self, number: int, request: Admit, body: bytes) -> None:
        """The edge knows a key that is not mirrored here: made a moment ago, or deleted."""
        try:
            key = await look_key_up(self._bus, request.caller.key)
        except BusError as error:
            self._refuse(request, Unavailable(f"the key could not be looked up: {error}", retry_after_s=1))
            return
        if key is None:
            deleted = AuthenticationFailed(
                "Authentication Error, the key was deleted.", type="token_not_found_in_db", param="key"
            )
            self._replies.deny(request, "key", deleted)
            return
        self._check_key(number, request, key, body, _now_ms())

    def _check_key(self, number: int, request: Admit, key: Key, body: bytes, now_ms: int) -> None:
        refusal = refusal_of_key(key, route=request.route, now=now_ms / 1000)
        if refusal is not None:
            self._replies.deny(request, "key", refusal)
        else:
            self._check_holders(number, request, key, body)

    def _check_holders(self, number: int, request: Admit, key: Key | None, body: bytes) -> None:
        end_user = request.caller.end_user
        refusal = self._access.refusal(key, end_user)
        if refusal is not None:
            self._replies.deny(request, "key", refusal)
            return
        refusal = self._access.model_refusal(key, end_user, asked_for(request.group), request.model)
        if refusal is not None:
            self._replies.deny(request, "model", refusal)
        else:
            self._guard(number, request, key, body)

    def _guard(self, number: int, request: Admit, key: Key | None, body: bytes) -> None:
        names = self._chain.names_for(request.guardrails, self._access.guardrails_of(key))
        if not names:
            self._hold(number, request, key, Body(body, request.body_ref, False), ())
        elif request.body_ref:
            self._replies.wait(request)
            self._spawn(request, self._read_then_guard(number, request, key, names))
        else:
            self._guard_text(number, request, key, body, names)

    async def _read_then_guard(self, number: int, request: Admit, key: Key | None, names: tuple[str, ...]) -> None:
        try:
            whole = await read_body(self._bus, request.body_ref, request.body_bytes)
        except BodyGone as error:
            self._refuse(request, Unavailable(str(error), retry_after_s=1))
            return
        self._guard_text(number, request, key, whole, names)

    def _guard_text(self, number: int, request: Admit, key: Key | None, body: bytes, names: tuple[str, ...]) -> None:
        if request.passed[0] and not body:
            self._hold(number, request, key, Body(b"", "", False), names)
            return
        verdict = self._chain.check_request(body, names, request.content_type)
        if isinstance(verdict, Blocked):
            self._replies.deny(request, "guardrail", verdict.error, guardrail=verdict.guardrail)
            return
        if verdict.body is None:
            passed = Body(b"" if request.body_ref else body, request.body_ref, False)
        elif len(verdict.body) <= BODY_INLINE_MAX:
            passed = Body(verdict.body, "", True, len(verdict.body) - len(body))
        else:
            ref = self._bodies.hold(request.request_id, verdict.body)
            passed = Body(b"", ref, True, len(verdict.body) - len(body))
            asyncio.get_running_loop().call_later(MASKED_BODY_KEPT_S, self._bodies.drop, request.request_id)
        self._hold(number, request, key, passed, verdict.applied)

    def _hold(self, number: int, request: Admit, key: Key | None, body: Body, applied: tuple[str, ...]) -> None:
        """Hold what the request may cost at most; without any budget, and without a window to open, nothing is held.

        Its text is bound by its bytes, and only where those do not fit by its tokens.
        """
        now_ms = _now_ms()
        partition = self._partitions.get(number)
        charges = self._asking.charges(request, key, now_ms)
        part = self._asking.part(request, key, now_ms, max(0, body.grown))
        if (charges.budgeted or part is not None) and not self._is_served_here(number, partition, request, charges):
            return
        if not charges.budgeted:
            if partition is not None and key is not None and key.budget_duration:
                if partition.stands.needs_window(charges, now_ms):
                    self._decide(partition, request, key, charges, body, applied, NOTHING, part)
                    return
                now_ms = max(now_ms, partition.stands.counts_from(charges))
            if part is None or partition is None:
                self._dispatch.send_on(number, request, body, applied, now_ms)
            else:
                self._decide(partition, request, key, charges, body, applied, NOTHING, part, held=False)
            return
        assert partition is not None, "it is served here"
        ask, unpriced = self._ceilings.ask_for(request, now_ms / 1000, grown=max(0, body.grown), text=body.text)
        if unpriced and not self._rules.allow_unpriced:
            self._replies.deny(request, "budget", unpriced_models(request.model, unpriced))
        elif (
            body.counted
            or partition.stands.covers(charges, ask, now_ms)
            or not self._may_gain(partition, request, charges, now_ms)
        ):
            self._decide(partition, request, key, charges, body, applied, ask, part)
        elif counts_at_once(body.data):
            self._hold(number, request, key, body._replace(counted=True, text=text_tokens(body.data)), applied)
        else:
            self._replies.wait(request)
            self._spawn(request, self._count_then_hold(number, request, key, body, applied))

    def _is_served_here(self, number: int, partition: Partition | None, request: Admit, charges: Charges) -> bool:
        """Return whether what it is counted in can be decided here; else it is refused."""
        if charges.must[0].home != number:
            log.error("an edge counts other partitions than policy", edge=request.edge, partition=number)
            self._refuse(request, Unavailable("the request was sent to the wrong partition", retry_after_s=1))
        elif partition is None:
            self._refuse(request, Unavailable("the budget's owner is just changing", retry_after_s=1))
        else:
            return True
        return False

    def _may_gain(self, partition: Partition, request: Admit, charges: Charges, now_ms: int) -> bool:
        """Whether to count its tokens: not where a budget would not cover it if it had no text at all."""
        least, _ = self._ceilings.ask_for(request, now_ms / 1000, text=NO_TEXT)
        return partition.stands.may_cover(charges, least, now_ms)

    def _may_fit_counted(self, partition: Partition, request: Admit, body: Body, denied: Denied) -> bool:
        """Whether what its home did not lend for the text's bytes may be enough for its tokens."""
        charge, standing = denied
        if body.counted or charge.home == partition.number or standing.only_holds:
            return False
        least, _ = self._ceilings.ask_for(request, _now_ms() / 1000, text=NO_TEXT)
        return least.input_pico + least.output_pico_per_token * least.n <= standing.limit - standing.spent

    async def _count_then_hold(
        self, number: int, request: Admit, key: Key | None, body: Body, applied: tuple[str, ...]
    ) -> None:
        try:
            text = await count_body(self._bus, body.data, body.ref, None if body.changed else request.body_bytes)
        except BodyGone as error:
            self._refuse(request, Unavailable(str(error), retry_after_s=1))
            return
        self._hold(number, request, key, body._replace(counted=True, text=text), applied)

    def _decide(
        self,
        partition: Partition,
        request: Admit,
        key: Key | None,
        charges: Charges,
        body: Body,
        applied: tuple[str, ...],
        ask: Ask,
        part: Part | None,
        *,
        held: bool = True,
    ) -> None:
        here, elsewhere = split(part, partition.number) if part is not None else (None, {})
        wanted = self._asking.wanted(request, key, charges, ask, here, held=held)
        if not held and here is None:
            self._spawn(request, self._take_then_send(partition, request, wanted, elsewhere, body, applied, None))
            return

        def done(answer: Answer) -> None:
            try:
                if isinstance(answer, Denied) and self._may_fit_counted(partition, request, body, answer):
                    self._replies.wait(request)
                    self._spawn(request, self._count_then_hold(partition.number, request, key, body, applied))
                    return
                self._decided(partition, request, wanted, elsewhere, body, applied, answer)
            except Exception:
                log.exception(_FAILED, request=request.request_id)
                if isinstance(answer, Placed):
                    self._dispatch.give_back((partition.number,), request.request_id)
                self._failed(request)

        if not partition.decide(wanted, done):
            self._replies.wait(request)

    def _decided(
        self,
        partition: Partition,
        request: Admit,
        wanted: Wanted,
        elsewhere: Mapping[int, Part],
        body: Body,
        applied: tuple[str, ...],
        answer: Answer,
    ) -> None:
        now_ms = _now_ms()
        if isinstance(answer, Denied):
            self._bodies.drop(request.request_id)
            refusal = over_budget(answer.charge, answer.standing, self._rules.budget_status, now_ms / 1000)
            self._replies.deny(request, "budget", refusal)
        elif isinstance(answer, NoRoom):
            self._over_limit(request, answer)
        elif answer is None:
            self._refuse(request, Unavailable("the budget could not be decided; nothing was spent", retry_after_s=1))
        elif now_ms - wanted.now_ms > self._rules.patience_ms and not self._replies.is_told_to_wait(request):
            # The edge has given the request up: nobody would read the answer that is paid for.
            self._dispatch.give_back((partition.number,), request.request_id)
            self._refuse(request, Unavailable("the budget took too long to be decided", retry_after_s=1))
        elif elsewhere:
            self._spawn(request, self._take_then_send(partition, request, wanted, elsewhere, body, applied, answer))
        else:
            headers = _headers(partition, wanted, now_ms)
            self._dispatch.send_on(partition.number, request, body, applied, now_ms, answer, wanted, headers)

    async def _take_then_send(
        self,
        partition: Partition,
        request: Admit,
        wanted: Wanted,
        elsewhere: Mapping[int, Part],
        body: Body,
        applied: tuple[str, ...],
        placed: Placed | None,
    ) -> None:
        """Take its part of the limits that are at home in other partitions, whose answers are waited for."""
        number, homes = partition.number, tuple(elsewhere)
        here = (number,) if placed is not None else ()
        telling = asyncio.get_running_loop().call_later(TELL_AFTER_S, self._replies.wait, request)
        try:
            taken = await self._taker.take(wanted, elsewhere)
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
            undecided = "a limit could not be decided; nothing was used of it"
            self._refuse(request, Unavailable(undecided, retry_after_s=1))
        else:
            now_ms = _now_ms()
            headers = merged_headers(_headers(partition, wanted, now_ms), taken)
            self._dispatch.send_on(number, request, body, applied, now_ms, placed, wanted, headers, homes)

    def _over_limit(self, request: Admit, refused: NoRoom) -> None:
        self._bodies.drop(request.request_id)
        self._replies.deny(request, "rate_limit", over_limit_error(refused.over, _now_ms(), refused.headers))

    def _refuse(self, request: Admit, refusal: GatewayError) -> None:
        self._bodies.drop(request.request_id)
        self._replies.refuse(request, refusal)

    def _failed(self, request: Admit) -> None:
        """Nobody must wait for what is not being done."""
        self._refuse(request, GatewayError("the gateway failed to admit the request; its log says why"))

    def _spawn(self, request: Admit, work: Coroutine[Any, Any, None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except Exception:
                log.exception(_FAILED, request=request.request_id)
                self._failed(request)

        task = asyncio.get_running_loop().create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _headers(partition: Partition, wanted: Wanted, now_ms: int) -> tuple[Header, ...]:
    key = wanted.charges.must[0]
    headers = key_budget_headers(key, partition.standing(key.account), now_ms)
    return headers if wanted.part is None else (*headers, *partition.limits.headers(wanted.part, now_ms))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
