"""Vertex AI behind the router: where each kind of model is called, and with whose token."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from services.router.providers.answers.count_answer import CountAnswer
from services.router.providers.anthropic.hosted import hosted_answer, hosted_messages
from services.router.providers.anthropic.native.hosted import vertex_count, vertex_message, with_betas
from services.router.providers.anthropic.native.message_answer import MessageAnswer
from services.router.providers.anthropic.provider import COUNT, MESSAGES
from services.router.providers.base import CHAT, AnswerReader, HttpCall, PlainChat, ProviderCall
from services.router.providers.credentials import call_headers, sign_in_text, text_or_missing
from services.router.providers.embeddings import EMBEDDING, EmbeddingAnswer, embedding_body
from services.router.providers.gemini.embeddings import (
    multimodal_request,
    multimodal_vectors,
    one_each,
    predict_request,
    predicted_vectors,
    takes_one,
)
from services.router.providers.gemini.failures import failure_of
from services.router.providers.gemini.images import EDIT, GENERATION, image_call, makes_images
from services.router.providers.gemini.native import COUNT as GEMINI_COUNT
from services.router.providers.gemini.native import GENERATE, native_method, native_reader, vertex_body
from services.router.providers.gemini.provider import generate_content, method_of, reader_of
from services.router.providers.one_by_one import OneByOne
from services.router.providers.openai import OpenAIAnswer, outgoing_body
from services.router.providers.openai.body import MAX_TOKENS_FIELDS
from services.router.providers.prepared import Prepared
from services.router.providers.signing_in import Identity, SignsIn
from services.router.providers.stepping import Steps, TakesSteps
from services.router.providers.vertex.hosted import Hosted, host_of, hosted_of
from services.router.providers.vertex.token import GoogleIdentity
from shared.errors import CredentialMissing, GatewayError
from shared.serving.deployments import Deployment

ANTHROPIC_VERSION = "vertex-2023-10-16"
DEFAULT_LOCATION = "us-central1"
"""LiteLLM's."""

PROJECT_VARIABLES = ("VERTEXAI_PROJECT", "VERTEX_PROJECT", "GOOGLE_CLOUD_PROJECT")
LOCATION_VARIABLES = ("VERTEXAI_LOCATION", "VERTEX_LOCATION", "GOOGLE_CLOUD_LOCATION")


class _Place(NamedTuple):
    model: Hosted
    base: str  # up to the version
    project: str | None  # None: the credentials' own
    location: str
    headers: dict[str, str]
    signed: bool  # else an API key is among the headers


class Vertex(PlainChat, SignsIn, TakesSteps):
    name = "vertex_ai"

    def __init__(self, environ: Mapping[str, str], identity: GoogleIdentity) -> None:
        self._environ = environ
        self._identity = identity
        self._places = Prepared(self._located)

    def serves(self, call_type: str, deployment: Deployment) -> bool:
        if call_type == EMBEDDING:
            return "embed" in deployment.model and hosted_of(deployment.model).form == "gemini"
        if call_type in (GENERATION, EDIT):
            return makes_images(deployment.model) and hosted_of(deployment.model).form == "gemini"
        own = {"anthropic": (MESSAGES, COUNT), "gemini": (GENERATE, GEMINI_COUNT)}
        return call_type == CHAT or call_type in own.get(hosted_of(deployment.model).form, ())

    def plain(self, deployment: Deployment) -> bool:
        return hosted_of(deployment.model).form in ("openai", "mistral")

    def identity_of(self, deployment: Deployment) -> Identity | None:
        return self._identity if self._places.of(deployment).signed else None

    def prepare(self, call: ProviderCall, deployment: Deployment) -> tuple[HttpCall, AnswerReader]:
        place = self._places.of(deployment)
        url, headers = self._address(place, deployment)
        if call.call_type == EMBEDDING:
            requests, as_base64 = _vectors_asked(call, deployment)
            read = multimodal_vectors if _is_multimodal(deployment) else predicted_vectors
            reader = EmbeddingAnswer(call.model, read, as_base64=as_base64)
            return HttpCall(f"{url}:predict", headers, orjson.dumps(requests[0])), reader
        if call.call_type in (GENERATION, EDIT):
            return image_call(call, deployment, url, headers)
        if call.call_type in (MESSAGES, COUNT, GENERATE, GEMINI_COUNT):
            return self._own_call(call, deployment, place, url, headers)
        form = place.model.form
        if form == "gemini":
            body = generate_content(call, deployment)
            return HttpCall(url + method_of(call), headers, orjson.dumps(body)), reader_of(call, deployment, body)
        if form == "anthropic":
            body = hosted_messages(call, deployment, model=place.model.name, version=ANTHROPIC_VERSION)
            if call.stream:
                body["stream"] = True
            return HttpCall(f"{url}{_raw(call)}", headers, orjson.dumps(body)), hosted_answer(call)
        modern = form == "openai"
        sent = outgoing_body(
            call,
            deployment,
            model=place.model.name,
            max_tokens_fields=MAX_TOKENS_FIELDS[:1],
            stream_usage=modern,
            developer_role=False,
        )
        url += "/chat/completions" if modern else _raw(call)
        return HttpCall(url, headers, sent), OpenAIAnswer(call.model, include_usage=call.include_usage)

    def steps(self, call: ProviderCall, deployment: Deployment) -> Steps | None:
        if call.call_type != EMBEDDING or not takes_one(deployment.model):
            return None
        others = _vectors_asked(call, deployment)[0][1:]
        if not others:
            return None
        url, headers = self._address(self._places.of(deployment), deployment)
        return OneByOne(HttpCall(f"{url}:predict", headers, orjson.dumps(body)) for body in others)

    def failure(self, status: int, body: bytes) -> GatewayError:
        return failure_of(self.name, status, body)

    def origin(self, deployment: Deployment) -> tuple[str, dict[str, str]]:
        place = self._places.of(deployment)
        headers = place.headers
        if place.signed:
            headers = {**headers, "authorization": f"Bearer {self._identity.of(deployment).token}"}
        return place.base, headers

    def _own_call(
        self, call: ProviderCall, deployment: Deployment, place: _Place, url: str, headers: dict[str, str]
    ) -> tuple[HttpCall, AnswerReader]:
        """Return the request of a client that speaks the model's own API: Anthropic's or Google's."""
        if place.model.form == "gemini":
            request = HttpCall(url + native_method(call), headers, vertex_body(call, deployment))
            return request, native_reader(call, deployment)
        headers = with_betas(headers, call)
        if call.call_type == COUNT:
            path = f"{url.rpartition('/')[0]}/count-tokens:rawPredict"
            body = vertex_count(call, deployment, model=place.model.name, version=ANTHROPIC_VERSION)
            return HttpCall(path, headers, body), CountAnswer()
        body = vertex_message(call, deployment, version=ANTHROPIC_VERSION)
        return HttpCall(f"{url}{_raw(call)}", headers, body), MessageAnswer(call.model)

    def _address(self, place: _Place, deployment: Deployment) -> tuple[str, dict[str, str]]:
        """Return the URL up to the model, and the headers.

        Raises:
            CredentialMissing: nothing tells the project.
        """
        if not place.signed and place.project is None:  # with a key alone, the key tells the project
            return f"{place.base}/v1/{place.model.path}", place.headers
        headers, project = place.headers, place.project
        if place.signed:
            identity = self._identity.of(deployment)
            headers = {**headers, "authorization": f"Bearer {identity.token}"}
            project = project or identity.project
            if identity.quota_project:
                headers["x-goog-user-project"] = identity.quota_project
        if project is None:
            raise CredentialMissing(
                f"the deployment 'vertex_ai/{deployment.model}' has no project: set vertex_project in its "
                f"litellm_params, or {PROJECT_VARIABLES[0]} in the gateway's environment",
                param="vertex_project",
            )
        path = f"projects/{quote(project, safe='')}/locations/{place.location}/{place.model.path}"
        return f"{place.base}/v1/{path}", headers

    def _located(self, deployment: Deployment) -> _Place:
        location = (
            sign_in_text(deployment, "vertex_location")
            or text_or_missing(deployment.region, deployment, "region_name")
            or self._variable(LOCATION_VARIABLES)
            or DEFAULT_LOCATION
        )
        project = sign_in_text(deployment, "vertex_project") or self._variable(PROJECT_VARIABLES)
        key = text_or_missing(deployment.api_key, deployment, "api_key")
        base = text_or_missing(deployment.api_base, deployment, "api_base")
        if base is None:
            base = host_of("global" if key is not None and project is None else location)
        headers = call_headers(deployment, {"x-goog-api-key": key} if key else {})
        model = hosted_of(deployment.model)
        path = quote(model.path, safe="/@:")
        return _Place(
            model._replace(path=path), base.rstrip("/").removesuffix("/v1"), project, location, headers, key is None
        )

    def _variable(self, names: tuple[str, ...]) -> str | None:
        return next((self._environ[name] for name in names if self._environ.get(name)), None)


def _is_multimodal(deployment: Deployment) -> bool:
    return deployment.model.startswith("multimodalembedding")


def _vectors_asked(call: ProviderCall, deployment: Deployment) -> tuple[list[dict[str, Any]], bool]:
    """Return the body of each call that the inputs take, and whether the client wants its vectors in base64."""
    asked = embedding_body(call, deployment)
    request = multimodal_request(asked) if _is_multimodal(deployment) else predict_request(asked)
    request |= deployment.extra_body
    requests = one_each(request) if takes_one(deployment.model) else [request]
    return requests, asked.get("encoding_format") == "base64"


def _raw(call: ProviderCall) -> str:
    return ":streamRawPredict" if call.stream else ":rawPredict"
