"""Limits that are at home in other partitions: a request takes its part there once its own partition lets it go on.

Each home decides on its own and writes down what is taken, so that the sum is exact wherever the requests come from.
What was taken for a request that is then refused goes back; its end is told to all homes by its fact.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import structlog

from services.policy.budgets.admission import NOTHING, Placed
from services.policy.budgets.charges import Charges
from services.policy.budgets.entries import Whom
from services.policy.limits.headers import merged_lines
from services.policy.limits.need import Need
from services.policy.limits.room import Limit, Over
from services.policy.partitions.decision import Answer, NoRoom, Part, Wanted
from services.policy.partitions.owning.open_partitions import OpenPartitions
from services.policy.partitions.partition import Partition
from services.policy.partitions.take_messages import TakeAnswer, TakeAsk, decode_answer, decode_ask, encode
from shared import subjects
from shared.bus import Bus, BusError, Message, NotConnected
from shared.clock import time_ms

log = structlog.get_logger()

ANSWER_S = 2.5
"""How long a home may take beyond the time a request may wait in it: longer than it looks for the newest ends."""

TOLD_S = 1.0
_NOTHING_CHARGED = Charges(())


class TakenElsewhere(NamedTuple):
    """`max_tokens`: the longest answer that all homes have room for, None where none lowers it."""

    lines: str
    max_tokens: int | None


def split(part: Part, number: int) -> tuple[Part | None, dict[int, Part]]:
    """Return what of `part` is at home in partition `number`, and the rest by the partition that is its home."""
    if all(limit.home == number for limit in part.limits):
        return part, {}
    homes: dict[int, tuple[Limit, ...]] = {}
    for limit in part.limits:
        homes[limit.home] = (*homes.get(limit.home, ()), limit)
    here = homes.pop(number, ())

    def again() -> tuple[Limit, ...]:
        return tuple(limit for limit in part.again() if limit.home == number)

    elsewhere = {home: part._replace(limits=limits) for home, limits in homes.items()}
    return (part._replace(limits=here, again=again) if here else None), elsewhere


class Taker:
    """The side of the partition that decides on a request. One instance serves all partitions of a process."""

    def __init__(self, bus: Bus, partitions: OpenPartitions) -> None:
        self._bus = bus
        self._partitions = partitions
        self._returning: set[asyncio.Task[None]] = set()

    async def take(
        self, wanted: Wanted, elsewhere: Mapping[int, Part], count: Callable[[Sequence[Over]], Awaitable[Need | None]]
    ) -> TakenElsewhere | NoRoom | None:
        """Return what is taken elsewhere once all homes have given their part.

        NoRoom: one of them refuses it; None: one of them could not be asked. Then nothing stays taken. `count` gets
        the limits that have not enough tokens, and returns a closer need, None where that gains nothing.
        """
        answers = dict(zip(elsewhere, await asyncio.gather(*self._asks(wanted, elsewhere)), strict=True))
        lacking = {home: over for home, answer in answers.items() if (over := _lacks_tokens(answer)) is not None}
        closer = await count(list(lacking.values())) if lacking else None
        if closer is not None:
            parts = {home: elsewhere[home]._replace(need=closer) for home in lacking}
            answers |= zip(parts, await asyncio.gather(*self._asks(wanted, parts)), strict=True)
        lines = ""
        for answer in answers.values():
            lines = merged_lines(lines, answer.lines) if answer is not None else lines
        given = [answer for answer in answers.values() if answer is not None and answer.taken]
        if len(given) == len(answers):
            maxima = [answer.max_tokens for answer in given if answer.max_tokens is not None]
            return TakenElsewhere(lines, min(maxima, default=None))
        for home, answer in answers.items():
            if answer is None or answer.taken:
                self.give_back(home, wanted.request)
        over = next((answer.over for answer in answers.values() if answer is not None and answer.over), None)
        return NoRoom(over, lines) if over is not None else None

    def _asks(self, wanted: Wanted, parts: Mapping[int, Part]) -> list[Coroutine[Any, Any, TakeAnswer | None]]:
        return [self._ask(home, wanted, part) for home, part in parts.items()]

    def give_back(self, home: int, request: str) -> None:
        """The request goes no further: tell its home now, and again until that hears it."""
        if self._partitions.get(home) is not None:
            self._partitions.release(home, request)
            return

        async def tell() -> None:
            try:
                await self._bus.request(subjects.release(home), msgspec.json.encode([request]), timeout_s=TOLD_S)
            except (BusError, TimeoutError):
                self._partitions.release(home, request)

        task = asyncio.get_running_loop().create_task(tell())
        self._returning.add(task)
        task.add_done_callback(self._returning.discard)

    async def _ask(self, home: int, wanted: Wanted, part: Part) -> TakeAnswer | None:
        wait_ms = max(0, part.give_up_ms - time_ms())
        ask = TakeAsk(
            wanted.request,
            part.key,
            wanted.tenant,
            part.limits,
            part.need,
            part.counts,
            wait_ms,
            part.level,
            part.rank,
            wanted.expires_ms,
        )
        try:
            data = await self._bus.request(subjects.take(home), encode(ask), timeout_s=ANSWER_S + wait_ms / 1000)
            return decode_answer(data)
        except (BusError, TimeoutError, msgspec.DecodeError) as error:
            log.info("the home of a limit does not answer", partition=home, error=repr(error))
            return None


def serve_take(bus: Bus, partition: Partition, message: Message) -> None:
    """The home's side: let the partition decide, and answer once the journal has it."""
    try:
        ask = decode_ask(message.data)
    except msgspec.DecodeError as error:
        log.error("a question for a part of limits cannot be read", partition=partition.number, error=str(error))
        return
    now_ms = time_ms()
    limits = ask.limits
    give_up_ms = now_ms + ask.wait_ms if ask.wait_ms else 0
    part = Part(limits, ask.need, ask.counts, give_up_ms, ask.level, ask.rank, lambda: limits, ask.key)
    wanted = Wanted(
        ask.request,
        ask.tenant,
        Whom(),
        _NOTHING_CHARGED,
        NOTHING,
        "",
        now_ms,
        ask.expires_ms,
        0,
        lambda: _NOTHING_CHARGED,
        part,
        held=False,
    )

    def done(answer: Answer) -> None:
        said = TakeAnswer(False, None, "")
        if isinstance(answer, NoRoom):
            said = TakeAnswer(False, answer.over, answer.lines)
        elif isinstance(answer, Placed):
            said = TakeAnswer(True, None, partition.limits.lines(part, time_ms()), answer.max_tokens)
        try:
            bus.publish(message.reply, encode(said))
        except NotConnected:
            log.info("an answer about limits was lost: no connection", request=ask.request)

    partition.decide(wanted, done)


def _lacks_tokens(answer: TakeAnswer | None) -> Over | None:
    over = answer.over if answer is not None else None
    return over if over is not None and over.type == "tokens" else None
