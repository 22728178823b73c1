"""An answer that takes several calls, read as if it were one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import structlog

from services.router.providers.answers.broken_answer import ProviderStreamError, UnreadableAnswer
from services.router.providers.answers.failures import provider_failure
from services.router.providers.base import HttpCall
from services.router.providers.stepping import Steps
from services.router.transport.provider_answer import ProviderAnswer

log = structlog.get_logger()

STEP_BYTES_MAX = 32 * 1024 * 1024
CANCEL_S = 2.0
"""How long the word that it is to end may take; whoever waits for a failure waits for it, too."""


class SteppedAnswer:
    """A `ProviderAnswer`. The first call's answer is here; the others are made while it is read."""

    def __init__(
        self,
        first: ProviderAnswer,
        steps: Steps,
        open_call: Callable[[HttpCall], Awaitable[ProviderAnswer]],
        provider: str,
    ) -> None:
        self.status_code = first.status_code if first.status_code >= 300 else 200  # 201: something was made
        self._answer = first
        self._steps = steps
        self._open = open_call
        self._provider = provider

    def header(self, name: str) -> str | None:
        return self._answer.header(name)

    async def parts(self) -> AsyncIterator[bytes]:
        if self.status_code >= 300:
            async for part in self._answer.parts():
                yield part
            return
        body = await self._whole()
        step = self._steps.after(body)
        while step is not None:
            await asyncio.sleep(step.wait_s)
            await self._answer.aclose()
            self._answer = await self._open(step.call)
            if self._answer.status_code >= 300:
                await self._raise_refusal()
            if step.streams:
                async for part in self._answer.parts():
                    yield part
                step = self._steps.after_stream()
            else:
                body = await self._whole()
                step = self._steps.after(body)
        yield self._steps.last(body)

    async def aclose(self) -> None:
        await self._answer.aclose()
        call = self._steps.cancelling()
        if call is not None:
            await self._cancel(call)

    async def _cancel(self, call: HttpCall) -> None:
        """What is left unfinished would go on, and be billed."""
        try:
            async with asyncio.timeout(CANCEL_S):
                answer = await self._open(call)
                await answer.aclose()
        except (TimeoutError, httpx.TransportError) as error:
            log.warning("work that nobody waits for could not be cancelled", provider=self._provider, error=str(error))
            return
        if answer.status_code >= 300:
            log.warning("the provider refused to cancel", provider=self._provider, status=answer.status_code)

    async def _whole(self) -> bytes:
        parts, size = [], 0
        async for part in self._answer.parts():
            parts.append(part)
            size += len(part)
            if size > STEP_BYTES_MAX:
                raise UnreadableAnswer(f"larger than {STEP_BYTES_MAX} bytes")
        return b"".join(parts)

    async def _raise_refusal(self) -> None:
        status = self._answer.status_code
        failure = provider_failure(self._provider, status, await self._whole())
        raise ProviderStreamError(failure.type, failure.message, status=failure.status if status >= 400 else 502)
