"""Opens sessions at providers, and finds the one that a frame or a response belongs to."""

import time

import httpx

from services.router.attempt import sign_in
from services.router.job import Ending, Job, failed
from services.router.outcome import (
    Failed,
    answered,
    broken,
    redirected,
    timed_out,
    unsent,
    without_sessions,
)
from services.router.providers.base import Provider
from services.router.providers.signing_in import SignsIn
from services.router.providers.speaking import SpeaksRealtime
from services.router.realtime.admissions import Admissions
from services.router.realtime.session import Session
from services.router.streaming.answer_headers import served_by_lines
from services.router.transport.socket import Socket, SocketRefused
from services.router.transport.transports import Transports
from shared import frames, subjects
from shared.bus import Bus, Message
from shared.errors import CredentialMissing, GatewayError, Unavailable
from shared.frames import Head
from shared.serving.deployments import Deployment
from shared.serving.model_groups import DeploymentsByName

OPEN_S = 30.0
"""How long a provider may take to open a session, however long its answers may take."""

SWITCHING = 101


class Sessions:
    def __init__(self, bus: Bus, transports: Transports, deployments: DeploymentsByName, *, silence_s: float) -> None:
        """`silence_s`: a response of which policy says nothing for so long is not being decided on."""
        self._bus = bus
        self._transports = transports
        self._deployments = deployments
        self._admissions = Admissions(bus, silence_s=silence_s)
        self._open: dict[str, Session] = {}

    async def start(self) -> None:
        await self._admissions.start()
        await self._bus.subscribe(subjects.sessions_of(self._bus.process), self._on_frame)

    async def open(
        self, job: Job, provider: Provider, deployment: Deployment, timeout_s: float, *, own_limit: bool
    ) -> Ending | Failed:
        """Open a session at the deployment, and return when it has ended; or why it cannot be opened there."""
        began_ns = time.perf_counter_ns()
        opened = await self._socket(job, provider, deployment, min(timeout_s, OPEN_S), own_limit=own_limit)
        if isinstance(opened, Failed):
            return opened
        if job.client_left or job.cut:
            await opened.close()
            gone = GatewayError("the client left before the session was open", status=499, type="client_left")
            return failed(gone if job.client_left else _stopped(), deployment)
        request = job.call.request
        session = Session(self._bus, job, deployment, provider.name, opened, self._admissions, self._deployments)
        self._open[request.request_id] = session
        provider_us = (time.perf_counter_ns() - began_ns) // 1_000
        lines = served_by_lines(job, deployment)
        job.answer.head(Head(SWITCHING, (), True, self._bus.process, provider_us, lines), b"")
        try:
            return await session.run()
        finally:
            self._open.pop(request.request_id, None)

    async def respond(self, job: Job) -> Ending:
        """Make a response of a session that is open here."""
        session = self._open.get(job.call.request.session[1])
        if session is None:
            return failed(Unavailable("the session has ended", retry_after_s=1))
        return await session.respond(job)

    async def _socket(
        self, job: Job, provider: Provider, deployment: Deployment, timeout_s: float, *, own_limit: bool
    ) -> Socket | Failed:
        name = provider.name
        try:
            if isinstance(provider, SignsIn):
                failure = await sign_in(job, provider, deployment, timeout_s)
                if failure is not None:
                    return failure
            call = provider.realtime(deployment) if isinstance(provider, SpeaksRealtime) else None
            if call is None:
                return unsent(without_sessions(deployment))
            headers = {**call.headers, **dict(job.call.request.client_headers)}
            async with job.limited(timeout_s):
                return await self._transports.open_socket(call.url, headers, timeout_s)
        except CredentialMissing as missing:
            return unsent(missing)
        except SocketRefused as refused:
            if refused.status < 400:
                return redirected(name, refused.status, refused.location)
            if isinstance(provider, SignsIn) and refused.status in (401, 403):
                provider.sign_out(deployment)
            return answered(provider.failure(refused.status, refused.body), refused.retry_after)
        except (TimeoutError, httpx.TimeoutException):
            if job.cut:
                return Failed(_stopped(), retryable=False, elsewhere=False, counts=False)
            return timed_out(name, timeout_s, own_limit=own_limit)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            return broken(name, error)
        finally:
            job.unlimited()

    def _on_frame(self, message: Message) -> None:
        session = self._open.get(message.subject.rsplit(".", 1)[1])
        if session is not None:
            session.inbox.on_frame(frames.unpack(message.data))


def _stopped() -> GatewayError:
    return Unavailable("the gateway was stopped before the session was open", retry_after_s=1)
