"""Kill -9 of whatever comes, again and again, or a long sleep; and how long partitions had no owner because of it."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from shared import subjects
from shared.bus import Bus, BusError, kv, newest
from tests.torture.parts import Gateway

LONG_S = 6.0
"""For so long a policy process is sometimes left dead, or asleep: another one has to take its partitions over."""

RECOVERY_S = 2.0
START_AGAIN_S = 0.3
UP_WITHIN_S = 60.0
ASKED_EVERY_S = 0.1
ANSWER_WITHIN_S = 0.5


@dataclass
class Kills:
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str) -> None:
        self.counts[kind] += 1


async def kill_at_random(
    gateway: Gateway,
    kills: Kills,
    chance: random.Random,
    seconds: float,
    pause_s: tuple[float, float],
    answered: Callable[[], int],
    answers: tuple[int, int],
) -> None:
    """For so long, with a pause before each, and until so many `answers` came between two of them, and in all.

    That is there for slow machines: two seconds at most between two, three times as long in all. All parts are started
    again, the last before it returns.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    give_up = until + 2 * seconds
    victims = [name for name in gateway.parts if not name.startswith("ledger")] + ["nats", "nats"]
    coming: list[asyncio.Task[None]] = []

    async def back(name: str, after_s: float, start: Callable[[], None]) -> None:
        await asyncio.sleep(after_s)
        await asyncio.to_thread(start)
        gateway.down.discard(name)

    between, in_all = answers
    while loop.time() < (until if answered() >= in_all else give_up):
        before, at = answered(), loop.time()
        await asyncio.sleep(chance.uniform(*pause_s))
        while answered() < before + between and loop.time() < at + RECOVERY_S:  # noqa: ASYNC110  nothing announces it
            await asyncio.sleep(0.05)
        name = chance.choice(victims)
        if name in gateway.down:
            continue
        kind = name.rstrip("0123456789")
        longer = kind == "policy" and until - loop.time() > LONG_S and chance.random() < 0.4
        sleeps = longer and chance.random() < 0.5
        if name == "nats":
            gateway.nats.kill()
        elif not (gateway.freeze(name) if sleeps else gateway.kill(name)):
            continue  # it has ended by itself, and is started again
        kills.add("policy, asleep" if sleeps else kind)
        gateway.down.add(name)
        after_s = LONG_S if longer else chance.choice([0.0, 0.0, 0.5, 1.0])
        back_again = gateway.wake if sleeps else gateway.start
        start = gateway.nats.start if name == "nats" else (lambda name=name, back=back_again: back(name))
        coming.append(asyncio.create_task(back(name, after_s, start)))
    await asyncio.gather(*coming)


async def start_again(gateway: Gateway) -> None:
    """Until cancelled, start what has ended by itself: because NATS was away when it began, say."""
    while True:
        await asyncio.sleep(START_AGAIN_S)
        for name, part in gateway.parts.items():
            if name not in gateway.down and not part.runs:
                await asyncio.to_thread(gateway.start, name)


class OwnerWatch:
    """Asks every partition ten times a second whether somebody decides for it."""

    def __init__(self, bus: Bus, partitions: int) -> None:
        self._bus = bus
        self._partitions = partitions
        self._answered: dict[int, list[float]] = {number: [] for number in range(partitions)}

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for number in range(self._partitions):
                tasks.create_task(self._ask(number))

    async def takeover_s(self, gateway: Gateway, kills: Kills, *, asleep: bool) -> list[float]:
        """Kill the policy process that owns most, and leave it dead until others own all that it had.

        `asleep`: it is stopped instead, and wakes up then. Returns how long nobody answered for each of its partitions.
        """
        policies = [name for name in gateway.parts if name.startswith("policy")]
        give_up = time.monotonic() + UP_WITHIN_S
        while not all(gateway.is_up(name) for name in policies):
            assert time.monotonic() < give_up, gateway.last_words()
            await asyncio.sleep(ASKED_EVERY_S)
        owners = await self._owners()
        name = max(set(owners.values()), key=list(owners.values()).count)
        at = time.monotonic()
        gateway.down.add(name)
        (gateway.freeze if asleep else gateway.kill)(name)
        kills.add("policy, asleep" if asleep else "policy")
        for _ in range(int(LONG_S / ASKED_EVERY_S)):
            if time.monotonic() > at + LONG_S or name not in (await self._owners()).values():
                break
            await asyncio.sleep(ASKED_EVERY_S)
        await asyncio.sleep(2 * ASKED_EVERY_S + ANSWER_WITHIN_S)
        now = time.monotonic()
        (gateway.wake if asleep else gateway.start)(name)
        gateway.down.discard(name)
        return [self._longest_gap_s(number, at, now) for number, owner in owners.items() if owner == name]

    def _longest_gap_s(self, number: int, since: float, until: float) -> float:
        times = [since, *[one for one in self._answered[number] if one > since], until]
        return max(later - earlier for earlier, later in pairwise(times))

    async def _owners(self) -> dict[int, str]:
        """Return the name of each partition's owner, as the leases say."""
        found = {}
        for number in range(self._partitions):
            bucket = subjects.OWNERS_BUCKET
            stored = await newest(self._bus, kv.kv_stream(bucket), kv.kv_subject(bucket, str(number)))
            if stored is not None:
                found[number] = json.loads(stored.data)["name"]
        return found

    async def _ask(self, number: int) -> None:
        while True:
            try:
                await self._bus.request(subjects.account(number), b'{"accounts":[]}', timeout_s=ANSWER_WITHIN_S)
                self._answered[number].append(time.monotonic())
            except (BusError, TimeoutError):
                pass
            await asyncio.sleep(ASKED_EVERY_S)
