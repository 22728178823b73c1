"""Responses that a provider keeps: read, deleted and cancelled there, for the edge that has checked whose they are."""

import asyncio
from collections.abc import Mapping

import httpx
import msgspec
import structlog

from services.router.choice.plan import Groups
from services.router.providers.base import HttpCall, Provider, ProviderCall
from services.router.transport.transports import Transports
from shared import subjects
from shared.bus import Bus, Message
from shared.calls import AskStored, StoredAnswer
from shared.errors import GatewayError, NotFound, ProviderFailed

log = structlog.get_logger()

TIMEOUT_S = 30.0
ANSWER_BYTES_MAX = 900 * 1024  # under NATS' default limit of 1 MB a message

_METHODS = {
    "get": ("GET", ""),
    "delete": ("DELETE", ""),
    "cancel": ("POST", "/cancel"),
    "items": ("GET", "/input_items"),
}

_decode = msgspec.msgpack.Decoder(AskStored).decode
_encode = msgspec.msgpack.Encoder().encode


class StoredResponses:
    """Answers `cmd.response`."""

    def __init__(self, bus: Bus, transports: Transports, providers: Mapping[str, Provider], groups: Groups) -> None:
        self._bus = bus
        self._transports = transports
        self._providers = providers
        self._groups = groups

    async def start(self) -> None:
        await self._bus.serve(subjects.RESPONSE, self._answer, queue=subjects.ROUTERS)

    async def _answer(self, message: Message) -> bytes:
        asked = _decode(message.data)
        try:
            return _encode(await self._ask(asked))
        except GatewayError as failure:
            return _encode(StoredAnswer(failure.status, b"", failure.to_dict()))

    async def _ask(self, asked: AskStored) -> StoredAnswer:
        deployment = next(
            (one for one in self._groups.deployments.get(asked.group, ()) if one.id == asked.deployment), None
        )
        provider = self._providers.get(deployment.provider) if deployment is not None else None
        if deployment is None or provider is None:
            raise NotFound("the deployment that holds the response is not configured any more", param="response_id")
        call = ProviderCall(
            body=b"{}",
            model="",
            stream=False,
            include_usage=False,
            max_tokens=None,
            max_tokens_field="",
            drop_params=True,
            call_type="aresponses",
        )
        request, _ = provider.prepare(call, deployment)
        base, _, query = request.url.partition("?")
        method, behind = _METHODS[asked.verb]
        queries = "&".join(part for part in (query, asked.query) if part)
        url = f"{base}/{asked.response_id}{behind}" + (f"?{queries}" if queries else "")
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer = await self._transports.open(HttpCall(url, request.headers, b"", method), TIMEOUT_S)
                try:
                    body = b"".join([part async for part in answer.parts()])
                finally:
                    await answer.aclose()
        except (httpx.TransportError, httpx.DecodingError, httpx.InvalidURL, TimeoutError) as error:
            raise ProviderFailed(f"{provider.name} could not be asked: {str(error) or type(error).__name__}") from error
        if answer.status_code >= 400:
            raise provider.failure(answer.status_code, body)
        if len(body) > ANSWER_BYTES_MAX:
            raise ProviderFailed("the stored response is too large to be passed on")
        content_type = answer.header("content-type") or "application/json"  # events, where a stream was asked for again
        return StoredAnswer(answer.status_code, body, content_type=content_type)
