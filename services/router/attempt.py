"""One call of one deployment, from the request sent to the answer read: how it ended, or what its failure means."""

import time

import httpx
import structlog

from services.router.client_credentials import brings_credentials, with_clients_own
from services.router.dialects.outlet import Outlet
from services.router.job import Ending, Job, now_ms
from services.router.objects.calls import NotKept, object_call
from services.router.outcome import (
    Failed,
    answered,
    broken,
    by_status,
    failure_of_answer,
    failure_of_stream,
    redirected,
    rejected,
    timed_out,
    unsent,
    unserved,
)
from services.router.prepare import Unserved, prepared
from services.router.providers.answers.broken_answer import BrokenAnswer
from services.router.providers.answers.headers import FailsByHeader, ReadsHeaders
from services.router.providers.answers.rejection import Rejected
from services.router.providers.base import AnswerReader, Provider, ProviderCall
from services.router.providers.passing import PassedAnswer
from services.router.providers.signing_in import SignsIn
from services.router.providers.stepping import TakesSteps
from services.router.streaming.money_line import MoneyLine
from services.router.streaming.passed_whole import read_passed
from services.router.streaming.pump import Reading, forward, forward_passed, read_whole
from services.router.transport.provider_answer import ProviderAnswer
from services.router.transport.stepped_answer import SteppedAnswer
from services.router.transport.transports import Transports
from shared.errors import CredentialMissing, ProviderFailed, Unavailable
from shared.payloads.spool import Spool
from shared.serving.deployments import Deployment

log = structlog.get_logger()

ERROR_BODY_MAX = 64 * 1024
BROKEN = (httpx.TransportError, httpx.DecodingError, httpx.InvalidURL)


class Attempts:
    """Makes calls. `router` is this process's name, for the head of an answer."""

    def __init__(self, transports: Transports, router: str) -> None:
        self._transports = transports
        self._router = router

    async def call(
        self,
        job: Job,
        provider: Provider,
        deployment: Deployment,
        call: ProviderCall,
        timeout_s: float,
        *,
        own_limit: bool,
        line: MoneyLine | None = None,
    ) -> Ending | Failed:
        """Call the deployment; a streamed answer is written to the client as it comes.

        `timeout_s` is for the whole answer, or up to a stream's first event; `own_limit` says that it is shorter than
        the configuration's; at `line` a stream is ended. A failure after the answer has begun is an Ending: it cannot
        be tried again.
        """
        if deployment.client_sets and brings_credentials(call):
            try:
                call, deployment = with_clients_own(call, deployment, signs_in=isinstance(provider, SignsIn))
            except Rejected as reason:
                return rejected(reason)
        outcome = await self._call(job, provider, deployment, call, timeout_s, own_limit=own_limit, line=line)
        if isinstance(outcome, Failed) and (
            deployment.of_client or (call.object is not None and _is_asked_wrong(outcome))
        ):
            return outcome._replace(counts=False)  # it says nothing of the deployment as others use it
        return outcome

    async def _call(
        self,
        job: Job,
        provider: Provider,
        deployment: Deployment,
        call: ProviderCall,
        timeout_s: float,
        *,
        own_limit: bool,
        line: MoneyLine | None,
    ) -> Ending | Failed:
        renamed: Spool | None = None  # made for the provider of a file that is uploaded
        try:
            if isinstance(provider, SignsIn):
                failed = await sign_in(job, provider, deployment, timeout_s)
                if failed is not None:
                    return failed
            outlet: Outlet | None = None
            if call.object is not None:
                request, reader, renamed = await object_call(provider, call, deployment, job.file)
            else:
                request, reader, outlet = prepared(provider, call, deployment)
        except CredentialMissing as missing:
            return unsent(missing)
        except (Unserved, NotKept) as reason:
            return unserved(reason)
        except Rejected as reason:
            return rejected(reason)
        reading = Reading(deployment, reader, now_ms(), time.perf_counter_ns(), outlet)
        answer: ProviderAnswer | None = None
        try:
            async with job.limited(timeout_s) as limit:
                answer = await self._transports.open(request, timeout_s)
                if isinstance(reader, PassedAnswer):
                    reader.begin(answer.status_code, answer.header)
                    job.streams = reader.is_stream
                    if reader.is_whole:
                        ending = await read_passed(job, answer, reading, limit, self._router)
                    else:
                        ending = await forward_passed(job, answer, reading, limit, self._router, line)
                    return _with_what_it_reports(ending, provider.name)
                steps = provider.steps(call, deployment) if isinstance(provider, TakesSteps) else None
                if steps is not None:
                    opened = self._transports
                    answer = SteppedAnswer(answer, steps, lambda step: opened.open(step, timeout_s), provider.name)
                if answer.status_code >= 300:
                    if isinstance(provider, SignsIn) and answer.status_code in (401, 403):
                        provider.sign_out(deployment)
                    return await _refused(provider, answer)
                if isinstance(reader, ReadsHeaders):
                    reader.read_headers(answer.header)
                if call.stream:
                    return await forward(job, answer, reading, limit, self._router, line)
                return await read_whole(answer, reading)
        except (TimeoutError, httpx.TimeoutException) as error:
            if job.cut:
                return _cut(job, reading)
            if reader.done or _has_reported(reader):  # all was said; only the connection's end did not come
                return _with_what_it_reports(reading.ending(), provider.name)
            if job.answer.begun:
                return reading.ending(failure_of_stream(provider.name, error))
            return timed_out(provider.name, timeout_s, own_limit=own_limit)._replace(usage=reader.usage)
        except BROKEN as error:
            if _has_reported(reader):
                return _with_what_it_reports(reading.ending(), provider.name)
            if job.answer.begun:
                return reading.ending(failure_of_stream(provider.name, error))
            return broken(provider.name, error)._replace(usage=reader.usage)
        except BrokenAnswer as error:
            reading.forward(job, error.before, self._router)
            failure = failure_of_answer(provider.name, error)
            return reading.ending(failure) if job.answer.begun else by_status(failure)._replace(usage=reader.usage)
        finally:
            job.unlimited()
            if renamed is not None:
                renamed.close()
            if answer is not None:
                await _close(answer)


def _has_reported(reader: AnswerReader) -> bool:
    return isinstance(reader, PassedAnswer) and reader.broken is not None


def _with_what_it_reports(ending: Ending, provider: str) -> Ending:
    """An error in an answer that passes is a failure, which its client has read; one cut at the money line has none."""
    reader = ending.reader
    if isinstance(reader, PassedAnswer) and reader.broken is not None and ending.usage_source == "none":
        ending.failure, ending.told = failure_of_answer(provider, reader.broken), True
        ending.status = ending.failure.status
    return ending


def _is_asked_wrong(outcome: Failed) -> bool:
    """Whether it is the object that is not there, or not as the request needs it."""
    return outcome.failure.status in (400, 404, 409, 413, 422)


async def sign_in(job: Job, provider: SignsIn, deployment: Deployment, timeout_s: float) -> Failed | None:
    """Have the credential at hand; return why that failed, if it did.

    Raises:
        CredentialMissing
    """
    try:
        async with job.limited(timeout_s):
            await provider.sign_in(deployment)
    except TimeoutError:
        return timed_out(f"the sign-in for '{deployment.provider}/{deployment.model}'", timeout_s, own_limit=False)
    except ProviderFailed as failure:
        return by_status(failure)
    finally:
        job.unlimited()
    return None


async def _refused(provider: Provider, answer: ProviderAnswer) -> Failed:
    if answer.status_code < 400:
        return redirected(provider.name, answer.status_code, answer.header("location"))
    body = await _error_body(answer)
    if isinstance(provider, FailsByHeader):
        return answered(provider.failure_with(answer.status_code, body, answer.header), answer.header("retry-after"))
    failure = provider.failure(answer.status_code, body)
    return answered(failure, answer.header("retry-after"))


def _cut(job: Job, reading: Reading) -> Ending | Failed:
    """The reading was ended from here: by a client that left, or because the router stops."""
    if job.cut == "client":
        return reading.ending()
    stopped = Unavailable("the gateway was stopped before the answer was whole", retry_after_s=1)
    if job.answer.begun:
        return reading.ending(stopped)
    return Failed(stopped, retryable=False, elsewhere=False, counts=False)


async def _error_body(answer: ProviderAnswer) -> bytes:
    """Return the body as far as it can be read: the status alone tells enough."""
    parts, size = [], 0
    try:
        async for part in answer.parts():
            parts.append(part)
            size += len(part)
            if size > ERROR_BODY_MAX:
                break
    except BROKEN as error:
        log.debug("an error's body could not be read to its end", error=str(error))
    return b"".join(parts)


async def _close(answer: ProviderAnswer) -> None:
    try:
        await answer.aclose()
    except BROKEN as error:
        log.debug("a connection to a provider did not close well", error=str(error))
