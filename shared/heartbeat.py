"""Signs of life: each process says twice a second that it lives and what it lacks.

Edge learns from them what is missing (readiness) and that a router it waits for has died.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec
import structlog

from shared import subjects
from shared.bus import Bus, Message, NotConnected
from shared.policy_counts import PolicyCounts

log = structlog.get_logger()

INTERVAL_S = 0.5
DEAD_AFTER_S = 2.0


class Heartbeat(msgspec.Struct, array_like=True, frozen=True):
    """`lacks` is empty when the process can do its work, else a short phrase: "clickhouse".

    `mismatches`: of a router, by provider, the answers since its start whose usage did not add up; `overruns`: the
    requests that cost more than was held for them.
    `counts`: what a policy has counted.
    """

    service: str
    process: str
    lacks: str = ""
    mismatches: dict[str, int] = {}
    counts: PolicyCounts | None = None
    overruns: dict[str, int] = {}


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Heartbeat).decode


async def beat(
    bus: Bus,
    service: str,
    lacks: Callable[[], str] = lambda: "",
    mismatches: Mapping[str, int] = MappingProxyType({}),
    *,
    counts: Callable[[], PolicyCounts | None] = lambda: None,
    overruns: Mapping[str, int] = MappingProxyType({}),
) -> None:
    """Say so until cancelled."""
    while True:
        try:
            sign = Heartbeat(service, bus.process, lacks(), dict(mismatches), counts(), dict(overruns))
            bus.publish(subjects.heartbeat(service), _encode(sign))
        except NotConnected:
            log.debug("no heartbeat: not connected")
        await asyncio.sleep(INTERVAL_S)


class _Sign(NamedTuple):
    service: str
    lacks: str
    at: float
    mismatches: Mapping[str, int] = MappingProxyType({})
    counts: PolicyCounts | None = None
    overruns: Mapping[str, int] = MappingProxyType({})


class Pulse:
    """Who was heard of lately. Times are the listener's own monotonic clock."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._signs: dict[str, _Sign] = {}

    async def start(self) -> None:
        self._bus.on_reconnect(self._signs.clear)  # nothing could be heard: nobody is dead for that
        await self._bus.subscribe(subjects.HEARTBEATS, self._on_beat)

    def alive(self, process: str) -> bool:
        """Return False once a sign of life is overdue; a process just heard of has as long to give its first."""
        if not self._bus.connected:
            return True
        now = time.monotonic()
        sign = self._signs.get(process)
        if sign is None:
            sign = self._signs[process] = _Sign("", "", now)
        return now - sign.at < DEAD_AFTER_S

    def live(self, service: str) -> set[str]:
        """Return the processes of `service` that gave a sign of life lately."""
        now = time.monotonic()
        return {
            process for process, sign in self._signs.items() if sign.service == service and now - sign.at < DEAD_AFTER_S
        }

    def mismatches(self) -> Iterator[tuple[str, str, int]]:
        """Yield (router, provider, answers whose usage did not add up) of every router that lives."""
        for process in sorted(self.live("router")):
            for provider, count in self._signs[process].mismatches.items():
                yield process, provider, count

    def overruns(self) -> Iterator[tuple[str, str, int]]:
        """Yield (router, provider, requests that cost more than was held) of every router that lives."""
        for process in sorted(self.live("router")):
            for provider, count in self._signs[process].overruns.items():
                yield process, provider, count

    def lacks(self, service: str) -> str:
        """Return "" when a live process of `service` lacks nothing, else what to say about it."""
        states = [self._signs[process].lacks for process in self.live(service)]
        if not states:
            return "not running"
        return "" if "" in states else states[0]

    def policies(self) -> Iterator[tuple[str, PolicyCounts]]:
        """Yield what every policy that lives has counted."""
        for process in sorted(self.live("policy")):
            counts = self._signs[process].counts
            if counts is not None:
                yield process, counts

    def _on_beat(self, message: Message) -> None:
        sign = _decode(message.data)
        now = time.monotonic()
        self._signs[sign.process] = _Sign(sign.service, sign.lacks, now, sign.mismatches, sign.counts, sign.overruns)
        if len(self._signs) > 256:
            oldest = min(self._signs, key=lambda process: self._signs[process].at)
            del self._signs[oldest]
