"""Responses that are asked for again: read, deleted or cancelled where they are kept, at a provider or here."""

import asyncio
from collections.abc import Mapping
from urllib.parse import parse_qs, quote

import httpx
import orjson
import structlog

from services.router.job import Ending, Job, attempted, failed, now_ms
from services.router.objects.stored_page import page_of, with_ids
from services.router.providers.base import HttpCall, Provider, ProviderCall
from services.router.providers.signing_in import SignsIn
from services.router.responses import RESPONSES
from services.router.streaming.answer_headers import served_by_lines
from services.router.streaming.pump import WHOLE_BYTES_MAX
from services.router.transport.provider_answer import ProviderAnswer
from services.router.transport.transports import Transports
from shared.bus import Bus, BusError
from shared.errors import GatewayError, InvalidRequest, NotFound, ProviderFailed, Unavailable
from shared.frames import Head
from shared.kept.object_calls import CANCEL_RESPONSE, DELETE_RESPONSE, INPUT_ITEMS, PATHS, ObjectCall
from shared.kept.responses import Conversation, StoredResponse, conversation_of, find_response, forget_response
from shared.serving.deployments import Deployment
from shared.serving.model_groups import DeploymentsByName

log = structlog.get_logger()

TIMEOUT_S = 30.0
_JSON = "application/json"


class StoredResponses:
    def __init__(
        self, bus: Bus, transports: Transports, providers: Mapping[str, Provider], deployments: DeploymentsByName
    ) -> None:
        self._bus = bus
        self._transports = transports
        self._providers = providers
        self._deployments = deployments

    async def ending_of(self, job: Job) -> Ending:
        """Return the ending of a call whose caller edge knows to own the response."""
        request, asked = job.call.request, job.call.request.object
        if asked is None:
            raise ValueError("a call of a stored response does not say of which")
        deployment: Deployment | None = None
        started_ms = now_ms()
        try:
            stored = await find_response(self._bus, asked.id)
            if stored is None:
                raise _unknown(asked)
            if stored.deployment:
                deployment = self._deployment_of(stored)
                body, content_type = await self._at_provider(job, asked, deployment)
            else:
                body, content_type = await self._kept_here(request.call_type, asked, stored), _JSON
            if request.call_type == DELETE_RESPONSE:
                await forget_response(self._bus, asked.id, stored)
                body = orjson.dumps({"id": asked.id, "object": "response", "deleted": True})
        except BusError as error:
            log.warning("a stored response cannot be read", error=str(error))
            return failed(Unavailable("stored responses cannot be read at the moment", retry_after_s=1), deployment)
        except GatewayError as failure:
            return failed(failure, deployment)
        ended_ms = now_ms()
        headers = (("content-type", content_type), ("content-length", str(len(body))))
        lines = job.call.answer_lines.encode("ascii") if deployment is None else served_by_lines(job, deployment)
        head = Head(200, headers, False, self._bus.process, (ended_ms - started_ms) * 1_000, lines)
        return Ending(
            deployment=deployment,
            started_ms=started_ms,
            first_token_ms=ended_ms,
            finished_ms=ended_ms,
            when_stored=lambda: job.answer.head(head, body, last=True),
        )

    def _deployment_of(self, stored: StoredResponse) -> Deployment:
        members = self._deployments.get(stored.group, ())
        found = next((one for one in members if one.id == stored.deployment), None)
        if found is None or found.provider not in self._providers:
            raise NotFound("the deployment that holds the response is not configured any more", param="response_id")
        return found

    async def _at_provider(self, job: Job, asked: ObjectCall, deployment: Deployment) -> tuple[bytes, str]:
        """Return what the provider says, and its type: events, where a stream is asked for again."""
        provider = self._providers[deployment.provider]
        call = ProviderCall(body=b"{}", drop_params=True, call_type=RESPONSES)
        timeout_s = max(0.001, min(TIMEOUT_S, job.deadline_s))
        started_ms = now_ms()
        failure: GatewayError | None = None
        try:
            async with asyncio.timeout(timeout_s):
                if isinstance(provider, SignsIn):
                    await provider.sign_in(deployment)
                request, _ = provider.prepare(call, deployment)
                sent = _sent(request, job.call.request.call_type, asked)
                answer = await self._transports.open(sent, timeout_s)
                try:
                    body = await _whole(answer, provider.name)
                finally:
                    await answer.aclose()
            if answer.status_code >= 300:
                failure = provider.failure(answer.status_code, body)
                if isinstance(provider, SignsIn) and answer.status_code in (401, 403):
                    provider.sign_out(deployment)
        except ProviderFailed as error:
            failure = error
        except (httpx.TransportError, httpx.DecodingError, httpx.InvalidURL, TimeoutError) as error:
            failure = ProviderFailed(f"{provider.name} could not be asked: {str(error) or type(error).__name__}")
        job.attempts.append(attempted(deployment, failure, started_ms=started_ms, ended_ms=now_ms()))
        if failure is not None:
            raise failure
        return body, answer.header("content-type") or _JSON

    async def _kept_here(self, call_type: str, asked: ObjectCall, stored: StoredResponse) -> bytes:
        if call_type == DELETE_RESPONSE:
            return b""
        if call_type == CANCEL_RESPONSE:
            raise InvalidRequest(
                "Only a response that is made in the background can be cancelled.", param="response_id"
            )
        query = {name: values[-1] for name, values in parse_qs(asked.query).items()}
        if call_type == INPUT_ITEMS:
            return orjson.dumps(page_of(with_ids(await self._kept(asked, stored)), query))
        if query.get("stream") == "true":
            raise InvalidRequest(
                "The stream of a response that the gateway keeps is not kept: read it without 'stream'.",
                param="stream",
            )
        return bytes((await self._kept(asked, stored)).response)

    async def _kept(self, asked: ObjectCall, stored: StoredResponse) -> Conversation:
        kept = await conversation_of(self._bus, asked.id, stored)
        if kept is None:
            raise _unknown(asked)
        return kept


async def _whole(answer: ProviderAnswer, provider: str) -> bytes:
    """Raises ProviderFailed: there is no end to it."""
    body = bytearray()
    async for part in answer.parts():
        body += part
        if len(body) > WHOLE_BYTES_MAX:
            raise ProviderFailed(f"{provider} answered with more than {WHOLE_BYTES_MAX} bytes")
    return bytes(body)


def _sent(request: HttpCall, call_type: str, asked: ObjectCall) -> HttpCall:
    """`request` is that of a new response: its address and its headers, which hold the credential, are the same."""
    base, _, query = request.url.partition("?")
    method, path = PATHS[call_type]
    queries = "&".join(part for part in (query, asked.query) if part)
    url = base + path.removeprefix("/responses").replace("{id}", quote(asked.id, safe=""))
    return HttpCall(f"{url}?{queries}" if queries else url, request.headers, b"", method)


def _unknown(asked: ObjectCall) -> NotFound:
    return NotFound(f"Response with id '{asked.id[:100]}' not found.", param="response_id")
