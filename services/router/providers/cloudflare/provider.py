"""Cloudflare Workers AI behind the router. Its compatible endpoint serves unless api_base ends with /ai/run."""

import time
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

import orjson

from services.router.providers.answers.completions import Completions, SseEvents
from services.router.providers.answers.failures import provider_failure
from services.router.providers.answers.translated_answer import TranslatedAnswer
from services.router.providers.base import CHAT, AnswerReader, HttpCall, ProviderCall
from services.router.providers.chat.body import chat_body
from services.router.providers.cloudflare.run import RunTranslator, to_run
from services.router.providers.credentials import address_or_none, call_headers, needed_key
from services.router.providers.openai.answer import OpenAIAnswer
from services.router.providers.openai.body import MAX_TOKENS_FIELDS, outgoing_body
from services.router.providers.openai.other_calls import other_call
from services.router.providers.openai.paths import PATHS
from services.router.providers.prepared import Prepared
from shared.errors import CredentialMissing, GatewayError
from shared.ids import new_id
from shared.serving.deployments import Deployment

ROOT = "https://api.cloudflare.com/client/v4/accounts"
KEY_VARIABLES = ("CLOUDFLARE_API_KEY", "CLOUDFLARE_API_TOKEN")
DONE = b'{"done":true}'
_OWN_ENDPOINT = "/ai/run"


class _Request(NamedTuple):
    base: str
    headers: dict[str, str]
    is_own: bool  # the endpoint of Workers AI's own form


class Cloudflare:
    name = "cloudflare"

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._requests = Prepared(self._request)

    def serves(self, call_type: str, deployment: Deployment) -> bool:
        return call_type in (CHAT, "aembedding") and not (call_type != CHAT and self._requests.of(deployment).is_own)

    def prepare(self, call: ProviderCall, deployment: Deployment) -> tuple[HttpCall, AnswerReader]:
        request = self._requests.of(deployment)
        if request.is_own:
            return self._run(call, deployment, request)
        if call.call_type != CHAT:
            return other_call(call, deployment, request.base + PATHS[call.call_type], request.headers)
        body = outgoing_body(
            call,
            deployment,
            max_tokens_fields=MAX_TOKENS_FIELDS[:1],
            developer_role=False,
        )
        answer = OpenAIAnswer(call.model, include_usage=call.include_usage)
        return HttpCall(request.base + PATHS[CHAT], request.headers, body), answer

    def failure(self, status: int, body: bytes) -> GatewayError:
        return provider_failure(self.name, status, body)

    def _run(self, call: ProviderCall, deployment: Deployment, request: _Request) -> tuple[HttpCall, AnswerReader]:
        run = to_run(chat_body(call, deployment), model=deployment.model, drop_params=call.drop_params)
        out = Completions(call.model, int(time.time()), new_id("chatcmpl"))
        url = f"{request.base}/{quote(deployment.model, safe='/@')}"
        body = orjson.dumps(run | dict(deployment.extra_body))
        translator = RunTranslator(out, include_usage=call.include_usage)
        return HttpCall(url, request.headers, body), TranslatedAnswer(SseEvents(done=DONE), translator)

    def _request(self, deployment: Deployment) -> _Request:
        key = needed_key(deployment, self._environ, *KEY_VARIABLES)
        base = address_or_none(deployment, self._environ, "CLOUDFLARE_API_BASE")
        if base is None:
            account = self._environ.get("CLOUDFLARE_ACCOUNT_ID")
            if not account:
                raise CredentialMissing(
                    f"the deployment 'cloudflare/{deployment.model}' has no account: set CLOUDFLARE_ACCOUNT_ID in the "
                    f"gateway's environment, or api_base in its litellm_params ({ROOT}/ACCOUNT/ai/v1)",
                    param="api_base",
                )
            base = f"{ROOT}/{quote(account, safe='')}/ai/v1"
        headers = call_headers(deployment, {"authorization": f"Bearer {key}"})
        return _Request(base, headers, base.endswith(_OWN_ENDPOINT))
