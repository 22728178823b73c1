"""Requests that policy works on for longer than a moment: each in a task, and never left without an answer."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from services.policy.replies import Replies
from shared.bodies import BodyHolder
from shared.calls import Admit
from shared.errors import GatewayError

log = structlog.get_logger()

FAILED = "a request failed inside policy"


class InProgress:
    """One instance serves all partitions of a process."""

    def __init__(self, replies: Replies, bodies: BodyHolder) -> None:
        self._replies = replies
        self._bodies = bodies
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def tasks(self) -> int:
        return len(self._tasks)

    def spawn(self, request: Admit, work: Coroutine[Any, Any, None]) -> None:
        """Go on with `work`; if it fails, the request is answered that it did."""

        async def guarded() -> None:
            try:
                await work
            except Exception:
                log.exception(FAILED, request=request.request_id)
                self.failed(request)

        task = asyncio.get_running_loop().create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def refuse(self, request: Admit, refusal: GatewayError) -> None:
        """It cannot be done now: nobody decided against it."""
        self._bodies.drop(request.request_id)
        self._replies.refuse(request, refusal)

    def failed(self, request: Admit) -> None:
        """Nobody must wait for what is not being done."""
        self.refuse(request, GatewayError("the gateway failed to admit the request; its log says why"))
