"""Bedrock's endpoint in the forms of OpenAI and Anthropic, bedrock-mantle, with a Bedrock API key or a signature.

Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/bedrock-mantle.html, and the official SDKs of both for the
paths and the name that is signed; the names of variables are LiteLLM's.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import orjson

from services.router.providers.answers.failures import provider_failure
from services.router.providers.anthropic.hosted import hosted_answer, hosted_messages
from services.router.providers.anthropic.provider import API_VERSION, COUNT, MESSAGES, own_call
from services.router.providers.aws.credentials import AwsIdentity
from services.router.providers.aws.region import VARIABLES, is_region, region_of
from services.router.providers.aws.signature import signed_headers
from services.router.providers.base import CHAT, AnswerReader, HttpCall, PlainChat, ProviderCall
from services.router.providers.credentials import address_or_none, call_headers, key_or_none
from services.router.providers.openai import OpenAIAnswer, max_tokens_fields, outgoing_body
from services.router.providers.openai.other_calls import other_call
from services.router.providers.openai.paths import PATHS
from services.router.providers.prepared import Prepared
from services.router.providers.signing_in import Identity, SignsIn
from shared.errors import GatewayError
from shared.serving.deployments import Deployment

KEY_VARIABLES = ("BEDROCK_MANTLE_API_KEY", "AWS_BEARER_TOKEN_BEDROCK")
BASE_VARIABLE = "BEDROCK_MANTLE_API_BASE"
REGION_VARIABLE = "BEDROCK_MANTLE_REGION"
DEFAULT_REGION = "us-east-1"
SERVICE = "bedrock-mantle"
RESPONSES = "aresponses"
_NEWER_PATH = re.compile(r"openai\.gpt-(?!oss)|google\.gemma-4")
"""Models that stand under /openai/v1; all others stand under /v1."""

_NO_IDENTITY = {"aws_region_name", "aws_sts_endpoint", "aws_bedrock_runtime_endpoint"}


class _Place(NamedTuple):
    origin: str
    base: str  # of OpenAI's paths
    named: Deployment  # with the model's own name, without the region in front
    headers: dict[str, str]
    region: str
    signed: bool  # else a key is among the headers


class BedrockMantle(PlainChat, SignsIn):
    name = "bedrock_mantle"

    def __init__(self, environ: Mapping[str, str], identity: AwsIdentity) -> None:
        self._environ = environ
        self._identity = identity
        self._places = Prepared(self._located)

    def plain(self, deployment: Deployment) -> bool:
        return not _is_claude(deployment)

    def identity_of(self, deployment: Deployment) -> Identity | None:
        return self._identity if self._places.of(deployment).signed else None

    def serves(self, call_type: str, deployment: Deployment) -> bool:
        if _is_claude(deployment):
            return call_type in (CHAT, MESSAGES, COUNT)
        return call_type == CHAT or (call_type == RESPONSES and "openai." in deployment.model)

    def prepare(self, call: ProviderCall, deployment: Deployment) -> tuple[HttpCall, AnswerReader]:
        place = self._places.of(deployment)
        request, reader = _claudes_call(call, place) if _is_claude(deployment) else _openais_call(call, place)
        if not place.signed:
            return request, reader
        credentials = self._identity.of(deployment)
        headers = signed_headers(
            request.url, request.headers, request.body, credentials, service=SERVICE, region=place.region
        )
        return request._replace(headers=headers), reader

    def failure(self, status: int, body: bytes) -> GatewayError:
        return provider_failure(self.name, status, body)

    def _located(self, deployment: Deployment) -> _Place:
        region, name = self._region(deployment), deployment.model
        first, slash, rest = name.partition("/")
        if slash and is_region(first):
            name = rest
        base = address_or_none(deployment, self._environ, BASE_VARIABLE) or f"https://{SERVICE}.{region}.api.aws"
        origin = re.sub(r"/(?:openai/v1|v1|openai|anthropic)$", "", base)
        signs_in = any(name.startswith("aws_") and name not in _NO_IDENTITY for name in deployment.sign_in)
        key = key_or_none(deployment, {} if signs_in else self._environ, *KEY_VARIABLES)
        headers = call_headers(deployment, {"authorization": f"Bearer {key}"} if key else {})
        segment = "/openai/v1" if _NEWER_PATH.match(name) else "/v1"
        return _Place(origin, origin + segment, replace(deployment, model=name), headers, region, key is None)

    def _region(self, deployment: Deployment) -> str:
        own = self._environ.get(REGION_VARIABLE)
        environ = {VARIABLES[0]: own} if own else {VARIABLES[-1]: DEFAULT_REGION, **self._environ}
        return region_of(deployment, environ)


def _openais_call(call: ProviderCall, place: _Place) -> tuple[HttpCall, AnswerReader]:
    url = f"{place.base}{PATHS[call.call_type]}"
    if call.call_type != CHAT:
        return other_call(call, place.named, url, place.headers)
    model = place.named.model
    known = max_tokens_fields(model.partition(".")[2] if model.startswith("openai.") else model)
    body = outgoing_body(call, place.named, max_tokens_fields=known, developer_role=model.startswith("openai."))
    return HttpCall(url, place.headers, body), OpenAIAnswer(call.model, include_usage=call.include_usage)


def _claudes_call(call: ProviderCall, place: _Place) -> tuple[HttpCall, AnswerReader]:
    url = f"{place.origin}/anthropic/v1/messages"
    headers = {**place.headers, "anthropic-version": API_VERSION}
    if call.call_type != CHAT:
        return own_call(call, place.named, url, headers)
    model = place.named.model.removeprefix("anthropic.")
    body = hosted_messages(call, place.named, model=model, version=None)
    body |= {"model": place.named.model, **({"stream": True} if call.stream else {})}
    return HttpCall(url, headers, orjson.dumps(body)), hosted_answer(call)


def _is_claude(deployment: Deployment) -> bool:
    return "anthropic." in deployment.model
