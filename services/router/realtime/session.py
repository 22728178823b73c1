"""One realtime session while it lasts: what its client says goes to the provider, what the provider says comes back.

No response is made that policy has not admitted: the provider answers no turn by itself, and each response.create goes
to policy first, with what the conversation comes to by then.
"""

import asyncio

from services.router.job import Ending, Job, now_ms
from services.router.realtime.admissions import Admissions
from services.router.realtime.client_events import Allowed
from services.router.realtime.client_side import ClientSide
from services.router.realtime.inbox import Inbox
from services.router.realtime.provider_side import ProviderSide
from services.router.realtime.responses import Responses
from services.router.realtime.state import Ended, State
from services.router.realtime.transcripts import CALL_TYPE, Transcripts
from services.router.transport.socket import Socket
from shared.bus import Bus
from shared.errors import Unavailable
from shared.frames import Close
from shared.realtime import error_event
from shared.serving.deployments import Deployment
from shared.serving.model_groups import DeploymentsByName
from shared.usage import NOTHING

WIND_UP_S = 3.0
"""How long to wait for what responses have used that are cancelled because their session ends."""


class Session:
    def __init__(
        self,
        bus: Bus,
        job: Job,
        deployment: Deployment,
        provider: str,
        socket: Socket,
        admissions: Admissions,
        deployments: DeploymentsByName,
    ) -> None:
        call = job.call
        self.inbox = Inbox(bus, call.request.edge, call.request.request_id)
        self._state = State(
            job,
            deployment,
            provider,
            socket,
            bus.process,
            call.applied_guardrails,
            Allowed(call.request.model, call.hold_pico is not None),
        )
        self._responses = Responses(self._state, admissions)
        self._transcripts = Transcripts(self._state, admissions, deployments)
        self._client = ClientSide(self._state, self.inbox, admissions, self._transcripts)
        self._provider = ProviderSide(self._state, self._responses, self._transcripts, self._client.answer_turn)

    async def respond(self, job: Job) -> Ending:
        """Make a response that policy has admitted, or have a stretch transcribed; return when that is over."""
        if job.call.request.call_type == CALL_TYPE:
            return await self._transcripts.admitted(job)
        return await self._responses.respond(job)

    async def run(self) -> Ending:
        """Until either side ends it. How it ended is told to the client when the session's fact is stored."""
        state, job, started = self._state, self._state.job, now_ms()
        loop = asyncio.get_running_loop()
        client = loop.create_task(self._client.hear())
        provider = loop.create_task(self._provider.hear())
        try:
            async with job.limited(job.deadline_s):
                await asyncio.wait({state.ended})
        except TimeoutError:
            state.end(_out_of_time(job))
        finally:
            job.unlimited()
        ended = state.ended.result()
        client.cancel()
        self._provider.stop()
        if ended.failure is not None:
            state.tell(error_event(ended.failure))
        job.answer.muted = job.answer.muted or self.inbox.client_left
        await self._responses.cut_off(provider, WIND_UP_S)
        self._transcripts.cut_off()
        provider.cancel()
        await state.socket.close()
        unasked = self._responses.unasked_usage
        return Ending(
            deployment=state.deployment,
            failure=ended.failure,
            status=ended.failure.status if ended.failure is not None else 200,
            usage=unasked,
            usage_source="none" if unasked is NOTHING else "provider",
            started_ms=started,
            first_token_ms=started,
            finished_ms=now_ms(),
            when_stored=lambda: job.answer.close(ended.close),
        )


def _out_of_time(job: Job) -> Ended:
    if job.cut:
        stopped = Unavailable("the gateway is being restarted; open the session again", retry_after_s=1)
        return Ended(Close(1012, "service restart"), stopped)
    return Ended(Close(1001, "the session has reached its longest time"))
