"""SageMaker behind the router: `sagemaker_chat/ENDPOINT` for OpenAI's form, `sagemaker/ENDPOINT` for text generation.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
"""

import time
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

import orjson

from services.router.providers.answers.headers import FailsByHeader, Header
from services.router.providers.answers.translated_answer import TranslatedAnswer
from services.router.providers.aws.credentials import AwsIdentity
from services.router.providers.aws.region import region_of, service_address
from services.router.providers.aws.signature import signed_headers
from services.router.providers.base import CHAT, AnswerReader, HttpCall, PlainChat, ProviderCall, Whole
from services.router.providers.chat.body import chat_body
from services.router.providers.credentials import call_headers, sign_in_text, text_or_missing
from services.router.providers.openai import outgoing_body
from services.router.providers.openai.body import MAX_TOKENS_FIELDS
from services.router.providers.passing import SignsPassed
from services.router.providers.prepared import Prepared
from services.router.providers.sagemaker.failures import failure_of
from services.router.providers.sagemaker.stream import ContainerAnswer, ContainerEvents
from services.router.providers.sagemaker.text_generation import TextGenerationTranslator, to_text_generation
from services.router.providers.signing_in import Identity, SignsIn
from shared.errors import GatewayError
from shared.ids import new_id
from shared.serving.deployments import Deployment


class _Place(NamedTuple):
    url: str
    headers: dict[str, str]
    region: str


class SageMaker(PlainChat, SignsIn, FailsByHeader, SignsPassed):
    def __init__(self, name: str, environ: Mapping[str, str], identity: AwsIdentity) -> None:
        """`name` is sagemaker or sagemaker_chat."""
        self.name = name
        self._environ = environ
        self._identity = identity
        self._places = Prepared(self._located)

    def serves(self, call_type: str, deployment: Deployment) -> bool:
        return call_type == CHAT

    def identity_of(self, deployment: Deployment) -> Identity:
        return self._identity

    def prepare(self, call: ProviderCall, deployment: Deployment) -> tuple[HttpCall, AnswerReader]:
        place = self._places.of(deployment)
        url = f"{place.url}/invocations{'-response-stream' if call.stream else ''}"
        body, reader = self._chat(call, deployment) if self.name == "sagemaker_chat" else self._text(call, deployment)
        credentials = self._identity.of(deployment)
        headers = signed_headers(url, place.headers, body, credentials, service="sagemaker", region=place.region)
        return HttpCall(url, headers, body), reader

    def failure(self, status: int, body: bytes) -> GatewayError:
        return failure_of(self.name, status, body)

    def failure_with(self, status: int, body: bytes, header: Header) -> GatewayError:
        return failure_of(self.name, status, body, header)

    def origin(self, deployment: Deployment) -> tuple[str, dict[str, str]]:
        place = self._places.of(deployment)
        return place.url.rpartition("/endpoints/")[0], place.headers

    def signed(self, deployment: Deployment, call: HttpCall) -> dict[str, str]:
        region, signer = self._places.of(deployment).region, self._identity.of(deployment)
        return signed_headers(
            call.url, call.headers, call.body, signer, service="sagemaker", region=region, method=call.method
        )

    def _chat(self, call: ProviderCall, deployment: Deployment) -> tuple[bytes, AnswerReader]:
        body = outgoing_body(
            call,
            deployment,
            max_tokens_fields=MAX_TOKENS_FIELDS[:1],
            developer_role=False,
        )
        return body, ContainerAnswer(call.model, include_usage=call.include_usage)

    def _text(self, call: ProviderCall, deployment: Deployment) -> tuple[bytes, AnswerReader]:
        request = to_text_generation(chat_body(call, deployment), stream=call.stream, drop_params=call.drop_params)
        translator = TextGenerationTranslator(
            call.model, int(time.time()), call.include_usage, answer_id=new_id("chatcmpl")
        )
        reader = _FirstOfList(ContainerEvents(), translator)
        return orjson.dumps({**request, **deployment.extra_body}), reader

    def _located(self, deployment: Deployment) -> _Place:
        region = region_of(deployment, self._environ)
        base = text_or_missing(deployment.api_base, deployment, "api_base") or service_address(
            "runtime.sagemaker", region
        )
        url = f"{base.rstrip('/')}/endpoints/{quote(deployment.model, safe='')}"
        component = sign_in_text(deployment, "model_id")
        own = {"x-amzn-sagemaker-inference-component": component} if component else {}
        return _Place(url, call_headers(deployment, own), region)


class _FirstOfList(TranslatedAnswer):
    """Some containers answer with a list of one."""

    def whole(self, body: bytes) -> Whole:
        stripped = body.strip()
        if stripped.startswith(b"[") and stripped.endswith(b"]"):
            body = stripped[1:-1]
        return super().whole(body)
