"""Requests that policy works on for longer than a moment: each in a task, and never left without an answer."""

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any

import structlog

from services.policy.replies import Replies
from shared.calls import Admit
from shared.errors import GatewayError
from shared.facts.request import DenialStage
from shared.payloads.bodies import BodyHolder

log = structlog.get_logger()

FAILED = "a request failed inside policy"


class InProgress:
    """One instance serves all partitions of a process."""

    def __init__(self, replies: Replies, bodies: BodyHolder) -> None:
        self._replies = replies
        self._bodies = bodies
        self._tasks: dict[str, tuple[asyncio.Task[None], Admit]] = {}  # by request

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
        self._tasks[request.request_id] = (task, request)
        task.add_done_callback(partial(self._done, request.request_id))

    def leave(self, request_id: str) -> bool:
        """The client left: end the task. Return whether there was one; what it has taken, it gives back."""
        task, request = self._tasks.pop(request_id, (None, None))
        if task is None or request is None:
            return False
        task.cancel()
        self.left(request, "request")
        return True

    def left(self, request: Admit, stage: DenialStage) -> None:
        """Nobody waits for an answer any more; that is told as a denial, at the stage that was reached."""
        self._bodies.drop(request.request_id)
        gone = GatewayError("the client left while its request waited", status=499, type="client_left")
        self._replies.deny(request, stage, gone)

    def _done(self, request_id: str, task: asyncio.Task[None]) -> None:
        if request_id in self._tasks and self._tasks[request_id][0] is task:
            del self._tasks[request_id]

    def refuse(self, request: Admit, refusal: GatewayError) -> None:
        """It cannot be done now: nobody decided against it."""
        self._bodies.drop(request.request_id)
        self._replies.refuse(request, refusal)

    def failed(self, request: Admit) -> None:
        """Nobody must wait for what is not being done."""
        self.refuse(request, GatewayError("the gateway failed to admit the request; its log says why"))
