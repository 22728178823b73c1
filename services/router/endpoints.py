"""Everything router answers: requests to complete, and clients that left."""

import asyncio

import msgspec
import structlog

from services.router.complete import Completer
from services.router.job import Job
from services.router.streaming.answer import AnswerWriter
from shared import subjects
from shared.bus import Bus, Message, NotConnected
from shared.calls import REALTIME_SESSION, decode_cancel, unpack_complete
from shared.interrupted import Interrupted

log = structlog.get_logger()
_encode = msgspec.json.Encoder().encode

ACCEPT_AFTER_S = 0.1
"""How long an answer may take before the edge is told that somebody works on it: quick answers need no such word."""

REPORT_EVERY_S = 5.0
TOLD_MAX = 5_000  # requests in one message
FLUSH_S = 2
"""How long at most to wait for commands that were on their way when this router stopped taking any."""

STOP_S = 5.0
"""How long requests may take to end, once they are told to."""


class Endpoints:
    def __init__(self, bus: Bus, completer: Completer, *, interrupted: Interrupted) -> None:
        self._bus = bus
        self._completer = completer
        self._interrupted = interrupted
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._subscription = 0

    @property
    def in_flight(self) -> int:
        return len(self._jobs)

    async def start(self) -> None:
        await self._bus.subscribe(subjects.cancel(self._bus.process), self._on_cancel)
        await self._bus.subscribe(subjects.complete_at(self._bus.process), self._on_complete)
        self._subscription = await self._bus.subscribe(subjects.COMPLETE, self._on_complete, subjects.ROUTERS)

    async def report(self) -> None:
        """Until cancelled, say every few seconds which requests are being worked on: to their edges, and to the owners
        of the partitions whose limits they take part of.
        """
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            reserved: dict[int, list[str]] = {}
            for job in list(self._jobs.values()):
                job.answer.progress()
                if job.call.reserved:
                    for partition in (job.call.partition, *job.call.homes):
                        reserved.setdefault(partition, []).append(job.call.request.request_id)
            for partition, requests in reserved.items():
                self._tell_owner(partition, requests)

    async def drain(self, timeout_s: float) -> None:
        """Take no more work; wait for what is in flight, and end what is not done in time."""
        await self._bus.unsubscribe(self._subscription, flush_s=FLUSH_S)
        if not self._tasks:
            return
        for job in list(self._jobs.values()):
            if job.call.request.call_type == REALTIME_SESSION:
                job.stop()  # its client opens another one elsewhere; it could last for an hour here
        log.info("waiting for requests in flight", requests=len(self._tasks))
        _, late = await asyncio.wait(self._tasks, timeout=timeout_s)
        if late:
            log.warning("requests are ended before their answers are whole", requests=len(late))
            for job in list(self._jobs.values()):
                job.stop()
            await asyncio.wait(late, timeout=STOP_S)

    def _on_complete(self, message: Message) -> None:
        call, body = unpack_complete(message.data)
        request = call.request
        job = Job(call, body, AnswerWriter(self._bus, request.edge, request.request_id))
        self._jobs[request.request_id] = job
        loop = asyncio.get_running_loop()
        accept = loop.call_later(ACCEPT_AFTER_S, job.answer.progress)
        task = loop.create_task(self._completer.complete(job))
        self._tasks.add(task)

        def done(task: asyncio.Task[None]) -> None:
            accept.cancel()
            self._tasks.discard(task)
            self._jobs.pop(request.request_id, None)
            if not task.cancelled() and task.exception() is not None:
                log.error("a request's task failed", request=request.request_id, exc_info=task.exception())

        task.add_done_callback(done)

    def _tell_owner(self, partition: int, requests: list[str]) -> None:
        for start in range(0, len(requests), TOLD_MAX):
            try:
                self._bus.publish(subjects.working(partition), _encode(requests[start : start + TOLD_MAX]))
            except NotConnected:
                log.debug("an owner could not be told what is worked on", partition=partition)

    def _on_cancel(self, message: Message) -> None:
        job = self._jobs.get(decode_cancel(message.data).request_id)
        if job is None:
            return
        job.leave(job.call.request.interrupted or self._interrupted)
