"""Replicate behind the router: a prediction made, and then read or waited for. https://replicate.com/docs/reference/http"""

import time
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import orjson

from services.router.providers.answers.completions import Completions
from services.router.providers.answers.failures import provider_failure
from services.router.providers.answers.translated_answer import TranslatedAnswer
from services.router.providers.base import CHAT, AnswerReader, HttpCall, ProviderCall
from services.router.providers.chat.body import chat_body
from services.router.providers.credentials import address_or_none, call_headers, needed_key
from services.router.providers.prepared import Prepared
from services.router.providers.replicate.request import to_input
from services.router.providers.replicate.translate import (
    ReplicateEvents,
    ReplicateTranslator,
    last_event,
    prediction_in,
)
from services.router.providers.stepping import Step, Steps, TakesSteps
from shared.errors import GatewayError
from shared.ids import new_id
from shared.serving.deployments import Deployment

BASE = "https://api.replicate.com/v1"
KEY_VARIABLES = ("REPLICATE_API_KEY", "REPLICATE_API_TOKEN")
POLL_S = 0.5
_RUNNING = ("starting", "processing", "queued")


class _Request(NamedTuple):
    base: str
    path: str
    headers: dict[str, str]
    version: str  # "" where the path says the model


class Replicate(TakesSteps):
    name = "replicate"

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._requests = Prepared(self._request)

    def serves(self, call_type: str, deployment: Deployment) -> bool:
        return call_type == CHAT

    def prepare(self, call: ProviderCall, deployment: Deployment) -> tuple[HttpCall, AnswerReader]:
        request = self._requests.of(deployment)
        given = to_input(chat_body(call, deployment), model=deployment.model, drop_params=call.drop_params)
        body = {"input": {**given, **deployment.extra_body}} | ({"version": request.version} if request.version else {})
        # A stream is read from its own address; other answers the first call waits for, up to a minute.
        headers = request.headers if call.stream else {**request.headers, "prefer": "wait"}
        http = HttpCall(
            request.base + request.path, headers, orjson.dumps(body | ({"stream": True} if call.stream else {}))
        )
        out = Completions(call.model, int(time.time()), new_id("chatcmpl"))
        translator = ReplicateTranslator(out, include_usage=call.include_usage)
        return http, TranslatedAnswer(ReplicateEvents(), translator)

    def steps(self, call: ProviderCall, deployment: Deployment) -> Steps:
        return _Prediction(self._requests.of(deployment), stream=call.stream)

    def failure(self, status: int, body: bytes) -> GatewayError:
        return provider_failure(self.name, status, body)

    def _request(self, deployment: Deployment) -> _Request:
        key = needed_key(deployment, self._environ, *KEY_VARIABLES)
        base = address_or_none(deployment, self._environ, "REPLICATE_API_BASE") or BASE
        headers = call_headers(deployment, {"authorization": f"Bearer {key}"})
        model, _, version = deployment.model.partition(":")
        if version:
            return _Request(base, "/predictions", headers, version)
        own = model.removeprefix("deployments/")
        kind = "models" if own == model else "deployments"
        return _Request(base, f"/{kind}/{quote(own, safe='/')}/predictions", headers, "")


class _Prediction:
    """`Steps` of one prediction. Its address is made of its id: the key goes to none that an answer names."""

    def __init__(self, request: _Request, *, stream: bool) -> None:
        self._request = request
        self._stream = stream
        self._streamed = False
        self._over = False
        self._id = ""

    def after(self, body: bytes) -> Step | None:
        prediction = prediction_in(body)
        self._id = str(prediction.get("id") or self._id)
        self._over = prediction["status"] not in _RUNNING
        urls = prediction.get("urls")
        stream = urls.get("stream") if isinstance(urls, dict) else None
        if self._stream and not self._streamed and isinstance(stream, str):
            self._streamed = True
            return Step(HttpCall(stream, self._headers_to(stream), b"", "GET"), streams=True)
        return None if self._over else Step(self._get(), wait_s=POLL_S)

    def after_stream(self) -> Step:
        return Step(self._get())

    def last(self, body: bytes) -> bytes:
        if not self._stream:
            return body
        if self._streamed:
            return last_event(body)
        # The model has no stream: all of its output is one event.
        text = "".join(str(part) for part in prediction_in(body).get("output") or ())
        lines = b"".join(b"data: " + line.encode() + b"\n" for line in text.split("\n"))
        return (b"event: output\n" + lines + b"\n" if text else b"") + b"event: done\ndata: {}\n\n" + last_event(body)

    def cancelling(self) -> HttpCall | None:
        if self._over or not self._id:
            return None
        request = self._request
        return HttpCall(f"{request.base}/predictions/{quote(self._id, safe='')}/cancel", request.headers, b"")

    def _get(self) -> HttpCall:
        request = self._request
        return HttpCall(f"{request.base}/predictions/{quote(self._id, safe='')}", request.headers, b"", "GET")

    def _headers_to(self, url: str) -> dict[str, str]:
        accept = {"accept": "text/event-stream"}
        ours = urlsplit(self._request.base)
        theirs = urlsplit(url)
        same = (ours.scheme, ours.netloc) == (theirs.scheme, theirs.netloc)
        return {**self._request.headers, **accept} if same else accept
