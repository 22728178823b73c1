"""AWS Bedrock behind the router: where a model is called, and who signs for it."""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from services.router.providers.answers.headers import FailsByHeader, Header
from services.router.providers.answers.translated_answer import TranslatedAnswer
from services.router.providers.answers.translated_json import TranslatedJson
from services.router.providers.anthropic.provider import MESSAGES
from services.router.providers.aws.credentials import AwsIdentity
from services.router.providers.aws.event_stream import EventStream
from services.router.providers.aws.region import region_of, service_address
from services.router.providers.aws.signature import signed_headers
from services.router.providers.base import CHAT, AnswerReader, HttpCall, PlainChat, ProviderCall
from services.router.providers.bedrock.converse.request import joined, to_converse
from services.router.providers.bedrock.converse.stream import ConverseTranslator
from services.router.providers.bedrock.embeddings import Asked, HeaderCounted, embedding_requests, serves_embeddings
from services.router.providers.bedrock.failures import failure_of
from services.router.providers.bedrock.images import IMAGES, image_request, read_images, serves_images
from services.router.providers.bedrock.invoke.beside import beside_body
from services.router.providers.bedrock.invoke.call import invoke_call, speaks_openai
from services.router.providers.bedrock.model_id import ModelId, model_id_of
from services.router.providers.bedrock.rankings import RERANK, by_invoke, model_arn, rerank_request, serves_rankings
from services.router.providers.chat.body import chat_body
from services.router.providers.credentials import call_headers, sign_in_text, text_or_missing
from services.router.providers.embeddings import EMBEDDING, embedding_body
from services.router.providers.one_by_one import OneByOne
from services.router.providers.passing import SignsPassed
from services.router.providers.prepared import Prepared
from services.router.providers.signing_in import Identity, SignsIn
from services.router.providers.stepping import Steps, TakesSteps
from shared.errors import GatewayError
from shared.ids import new_id
from shared.serving.deployments import Deployment

BEARER_VARIABLE = "AWS_BEARER_TOKEN_BEDROCK"
ENDPOINT_VARIABLE = "AWS_BEDROCK_RUNTIME_ENDPOINT"
_NOTHING: Mapping[str, str] = {}


class _Place(NamedTuple):
    model: ModelId
    asked_for: str  # the model's id or ARN
    base: str
    url: str  # up to the model
    headers: dict[str, str]
    region: str
    signed: bool  # else a bearer token is among the headers


class Bedrock(PlainChat, SignsIn, FailsByHeader, SignsPassed, TakesSteps):
    name = "bedrock"

    def __init__(self, environ: Mapping[str, str], identity: AwsIdentity) -> None:
        self._environ = environ
        self._identity = identity
        self._places = Prepared(self._located)

    def plain(self, deployment: Deployment) -> bool:
        return speaks_openai(model_id_of(deployment.model, deployment.priced_as))

    def identity_of(self, deployment: Deployment) -> Identity | None:
        return self._identity if self._places.of(deployment).signed else None

    def serves(self, call_type: str, deployment: Deployment) -> bool:
        if call_type == CHAT:
            return True
        model = model_id_of(deployment.model, deployment.priced_as)
        if call_type == MESSAGES:
            return model.family == "anthropic" and model.route != "converse"
        others = {EMBEDDING: serves_embeddings, RERANK: serves_rankings, IMAGES: serves_images}
        return call_type in others and others[call_type](model)

    def prepare(self, call: ProviderCall, deployment: Deployment) -> tuple[HttpCall, AnswerReader]:
        place = self._places.of(deployment)
        if call.call_type == EMBEDDING:
            asked, as_base64 = _vectors_asked(call, deployment, place)
            vectors = HeaderCounted(call.model, asked.read, as_base64=as_base64)
            vectors.several = len(asked.bodies) > 1
            return self._embed(place, deployment, asked.bodies[0]), vectors
        if call.call_type == RERANK:
            return self._rerank(call, deployment, place)
        if call.call_type == IMAGES:
            pictures = image_request(call, deployment, place.model)
            size = orjson.loads(call.body).get("size")
            return self._invoke(place, deployment, orjson.dumps(pictures)), TranslatedJson(
                partial(read_images, size=size), reports_errors=False
            )
        if place.model.route == "invoke" or call.call_type == MESSAGES:
            body, reader = invoke_call(call, deployment, place.model)
            return self._invoke(place, deployment, body, stream=call.stream), reader
        request = to_converse(chat_body(call, deployment), place.model, drop_params=call.drop_params)
        body = orjson.dumps(joined(request, dict(deployment.extra_body)))
        translator = ConverseTranslator(
            call.model,
            int(time.time()),
            call.include_usage,
            answer_id=new_id("chatcmpl"),
            cache_in_input="openai." in place.model,
        )
        url = f"{place.url}/{'converse-stream' if call.stream else 'converse'}"
        return self._call(place, deployment, url, body), TranslatedAnswer(EventStream(), translator)

    def steps(self, call: ProviderCall, deployment: Deployment) -> Steps | None:
        if call.call_type != EMBEDDING:
            return None
        place = self._places.of(deployment)
        bodies = _vectors_asked(call, deployment, place)[0].bodies
        if len(bodies) == 1:
            return None
        return OneByOne(self._embed(place, deployment, body) for body in bodies[1:])

    def failure(self, status: int, body: bytes) -> GatewayError:
        return failure_of(self.name, status, body)

    def failure_with(self, status: int, body: bytes, header: Header) -> GatewayError:
        return failure_of(self.name, status, body, header)

    def origin(self, deployment: Deployment) -> tuple[str, dict[str, str]]:
        place = self._places.of(deployment)
        return place.base, place.headers

    def signed(self, deployment: Deployment, call: HttpCall) -> dict[str, str]:
        place = self._places.of(deployment)
        if not place.signed:
            return call.headers
        signer = self._identity.of(deployment)
        return signed_headers(
            call.url, call.headers, call.body, signer, service="bedrock", region=place.region, method=call.method
        )

    def _embed(self, place: _Place, deployment: Deployment, body: dict[str, Any]) -> HttpCall:
        return self._invoke(place, deployment, orjson.dumps({**body, **deployment.extra_body}))

    def _rerank(self, call: ProviderCall, deployment: Deployment, place: _Place) -> tuple[HttpCall, AnswerReader]:
        body, read = rerank_request(call, deployment, place.model, model_arn(place.asked_for, place.region))
        sent = orjson.dumps({**body, **deployment.extra_body})
        if by_invoke(place.model):
            return self._invoke(place, deployment, sent), TranslatedJson(read)
        url = place.base.replace("bedrock-runtime", "bedrock-agent-runtime") + "/rerank"
        return self._call(place, deployment, url, beside_body(sent)[0]), TranslatedJson(read)

    def _invoke(self, place: _Place, deployment: Deployment, body: bytes, *, stream: bool = False) -> HttpCall:
        body, beside = beside_body(body)
        url = f"{place.url}/{'invoke-with-response-stream' if stream else 'invoke'}"
        return self._call(place, deployment, url, body, beside)

    def _call(
        self, place: _Place, deployment: Deployment, url: str, body: bytes, beside: Mapping[str, str] = _NOTHING
    ) -> HttpCall:
        headers = {**place.headers, **beside} if beside else place.headers
        if place.signed:
            credentials = self._identity.of(deployment)
            headers = signed_headers(url, headers, body, credentials, service="bedrock", region=place.region)
        return HttpCall(url, headers, body)

    def _located(self, deployment: Deployment) -> _Place:
        model = model_id_of(deployment.model, deployment.priced_as)
        region = region_of(deployment, self._environ)
        base = (
            sign_in_text(deployment, "aws_bedrock_runtime_endpoint")
            or text_or_missing(deployment.api_base, deployment, "api_base")
            or self._environ.get(ENDPOINT_VARIABLE)
            or service_address("bedrock-runtime", region)
        )
        base = base.rstrip("/")
        asked_for = sign_in_text(deployment, "model_id") or model.id
        url = f"{base}/model/{quote(asked_for, safe='')}"
        bearer = self._bearer(deployment)
        headers = call_headers(deployment, {"authorization": f"Bearer {bearer}"} if bearer else {})
        return _Place(model, asked_for, base, url, headers, region, bearer is None)

    def _bearer(self, deployment: Deployment) -> str | None:
        """Return the deployment's own Bedrock key, or the environment's where it does not sign in itself."""
        own = text_or_missing(deployment.api_key, deployment, "api_key")
        if own or any(name.startswith("aws_") and name not in _NO_IDENTITY for name in deployment.sign_in):
            return own
        return self._environ.get(BEARER_VARIABLE) or None


def _vectors_asked(call: ProviderCall, deployment: Deployment, place: _Place) -> tuple[Asked, bool]:
    """Return what is asked, and whether the client wants its vectors in base64."""
    body = embedding_body(call, deployment)
    asked = embedding_requests(body, place.model, drop_params=call.drop_params)
    return asked, body.get("encoding_format") == "base64"


_NO_IDENTITY = {"aws_region_name", "aws_bedrock_runtime_endpoint", "aws_sts_endpoint"}
