"""An adapter alone against a server: its request sent over HTTP, its answer read by its own reader."""

from typing import Any, NamedTuple

import httpx
import orjson

from services.router.providers.answers.headers import FailsByHeader, ReadsHeaders
from services.router.providers.registry import load_providers
from shared.serving.deployments import Deployment
from shared.usage import Usage
from tests.router_calls import provider_call


class Answered(NamedTuple):
    body: bytes
    usage: Usage | None
    content_type: str
    reader: Any

    @property
    def json(self) -> dict[str, Any]:
        decoded: dict[str, Any] = orjson.loads(self.body)
        return decoded


async def called(of: Deployment, body: dict[str, Any] | bytes, *, streamed: bool = False, **call: Any) -> Answered:
    """Raises: GatewayError: what the adapter makes of the provider's error."""
    provider = load_providers({})[of.provider]
    asked = provider_call(body, **call)
    assert provider.serves(asked.call_type, of)
    request, reader = provider.prepare(asked, of)
    async with httpx.AsyncClient(timeout=10) as client:
        answer = await client.post(request.url, headers=request.headers, content=request.body)
    if answer.status_code >= 400 and isinstance(provider, FailsByHeader):
        raise provider.failure_with(answer.status_code, answer.content, answer.headers.get)
    if answer.status_code >= 400:
        raise provider.failure(answer.status_code, answer.content)
    if isinstance(reader, ReadsHeaders):
        reader.read_headers(answer.headers.get)
    if streamed:
        out = reader.feed(answer.content) + reader.end()
        usage = reader.usage or reader.counted()  # type: ignore[attr-defined]
        return Answered(out, usage, getattr(reader, "stream_type", ""), reader)
    whole = reader.whole(answer.content)
    return Answered(whole.body, whole.usage, getattr(reader, "content_type", "application/json"), reader)
