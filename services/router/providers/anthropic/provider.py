"""Anthropic behind the router: chat completions sent as messages, its answers read back."""

import time
from collections.abc import Mapping

import orjson

from services.router.providers.answers.count_answer import CountAnswer
from services.router.providers.answers.failures import provider_failure
from services.router.providers.answers.sse import SseParser
from services.router.providers.answers.translated_answer import Framing, TranslatedAnswer
from services.router.providers.anthropic.answers.translator import MessageTranslator
from services.router.providers.anthropic.native.message_answer import MessageAnswer
from services.router.providers.anthropic.native.messages import outgoing_count, outgoing_message, with_client_headers
from services.router.providers.anthropic.requests.request import to_messages
from services.router.providers.base import CHAT, AnswerReader, HttpCall, ProviderCall
from services.router.providers.chat.body import chat_body
from services.router.providers.credentials import call_headers, text_or_missing
from services.router.providers.prepared import Prepared
from shared.errors import CredentialMissing, GatewayError
from shared.prices import own_output_limit
from shared.serving.deployments import Deployment

API_VERSION = "2023-06-01"
MESSAGES, COUNT = "anthropic_messages", "acount_tokens"
"""Types of calls that Anthropic's own clients make."""

DEFAULT_MAX_TOKENS = 4096
"""Anthropic requires a maximum; this one holds where neither client nor catalogue says one."""


class Anthropic:
    name = "anthropic"

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._requests = Prepared(self._request)  # URL and headers

    def serves(self, call_type: str, deployment: Deployment) -> bool:
        return call_type in (CHAT, MESSAGES, COUNT)

    def prepare(self, call: ProviderCall, deployment: Deployment) -> tuple[HttpCall, AnswerReader]:
        url, headers = self._requests.of(deployment)
        if call.call_type != CHAT:
            return own_call(call, deployment, url, headers)
        body = chat_body(call, deployment, keep=("metadata",))
        default = deployment.max_output_tokens or own_output_limit(deployment.model) or DEFAULT_MAX_TOKENS
        request = to_messages(body, model=deployment.model, drop_params=call.drop_params, default_max_tokens=default)
        request |= deployment.extra_body
        return HttpCall(url, headers, orjson.dumps(request)), AnthropicAnswer(
            call.model, call.include_usage, created=int(time.time())
        )

    def failure(self, status: int, body: bytes) -> GatewayError:
        return provider_failure(self.name, status, body)

    def origin(self, deployment: Deployment) -> tuple[str, dict[str, str]]:
        url, headers = self._requests.of(deployment)
        return url.removesuffix("/v1/messages"), headers

    def _request(self, deployment: Deployment) -> tuple[str, dict[str, str]]:
        key = text_or_missing(deployment.api_key, deployment, "api_key") or self._environ.get("ANTHROPIC_API_KEY")
        if not key:
            raise CredentialMissing(
                f"the deployment 'anthropic/{deployment.model}' has no key: set ANTHROPIC_API_KEY in the gateway's "
                "environment, or api_key in its litellm_params",
                param="api_key",
            )
        base = text_or_missing(deployment.api_base, deployment, "api_base") or self._environ.get("ANTHROPIC_API_BASE")
        base = (base or "https://api.anthropic.com").rstrip("/")
        url = base if base.endswith("/v1/messages") else f"{base.removesuffix('/v1')}/v1/messages"
        return url, call_headers(deployment, {"x-api-key": key, "anthropic-version": API_VERSION})


def own_call(
    call: ProviderCall, deployment: Deployment, url: str, headers: dict[str, str]
) -> tuple[HttpCall, AnswerReader]:
    """Return the request of a client that speaks Anthropic's API itself."""
    headers = with_client_headers(headers, call)
    if call.call_type == COUNT:
        return HttpCall(f"{url}/count_tokens", headers, outgoing_count(call, deployment)), CountAnswer()
    return HttpCall(url, headers, outgoing_message(call, deployment)), MessageAnswer(call.model)


class AnthropicAnswer(TranslatedAnswer):
    """The reader of messages. `created` is the time to show to the client, in seconds since 1970."""

    def __init__(self, model: str, include_usage: bool, *, created: int, framing: Framing | None = None) -> None:
        """`framing` is how a stream is cut into events, server-sent ones if None."""
        super().__init__(framing or SseParser(), MessageTranslator(model, created, include_usage))
