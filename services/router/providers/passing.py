"""A call that goes to a provider as it is: where to, and who listens for what it used."""

import re
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

import structlog

from services.router.providers.answers.broken_answer import BrokenAnswer
from services.router.providers.answers.figures_listener import FiguresListener
from services.router.providers.answers.rejection import Rejected
from services.router.providers.answers.translated_json import Read, TranslatedJson
from services.router.providers.anthropic.provider import AnthropicAnswer
from services.router.providers.base import AnswerReader, HttpCall, OwnForm, ProviderCall, Whole
from services.router.providers.gemini.provider import listener_for
from services.router.providers.openai.answer import OpenAIAnswer
from services.router.providers.openai.images import ImagesAnswer
from services.router.providers.openai.json_answer import JsonAnswer
from services.router.providers.openai.rerank import RerankAnswer
from services.router.providers.openai.responses_usage import ResponsesListener
from services.router.providers.openai.transcription import TranscriptionAnswer
from shared.deployments import Deployment
from shared.pass_through import NO_MODEL
from shared.passed_objects import id_of_made, object_in
from shared.usage import (
    Usage,
    usage_from_cohere,
    usage_from_deepgram,
    usage_from_ollama,
    usage_from_pages,
    usage_from_replicate,
)

log = structlog.get_logger()

HEARD_BYTES_MAX = 32 * 1024 * 1024
"""Of an answer that is not a stream: what is longer is not looked into for its usage."""


@runtime_checkable
class Passes(Protocol):
    """A provider whose calls can go out as they came."""

    def origin(self, deployment: Deployment) -> tuple[str, dict[str, str]]:
        """Return the address that paths are put behind, and the headers of every call, credentials among them.

        Raises:
            CredentialMissing
        """
        ...


class CannotPass(Rejected):
    def __init__(self, deployment: Deployment) -> None:
        super().__init__(
            f"calls cannot be passed through to '{deployment.provider}' as they are; ask for one of its models by "
            "/v1/chat/completions",
            "provider",
        )


def passed_call(provider: object, call: ProviderCall, deployment: Deployment) -> tuple[HttpCall, "PassedAnswer"]:
    """Return the request, the client's own but for the credential, and the reader of its answer.

    Raises:
        CannotPass, CredentialMissing
    """
    if not isinstance(provider, Passes):
        raise CannotPass(deployment)
    base, headers = provider.origin(deployment)
    method, target = call.passed
    sent = {**{name: value for name, value in headers.items() if name != "content-type"}, **dict(call.client_headers)}
    for name in headers.keys() & _CREDENTIALS:
        sent[name] = headers[name]
    listener = _listener(target, deployment.model)
    concerned = object_in(deployment.provider, method, target)
    if listener is None and concerned is not None and concerned.makes:
        listener = MadeListener(concerned.kind)
    return HttpCall(joined(base, target), sent, call.body, method), PassedAnswer(
        listener, costs=method == "POST" and deployment.model != NO_MODEL
    )


class MadeListener:
    """An `AnswerReader` that hears of what is made only its id."""

    def __init__(self, kind: str) -> None:
        self.usage: Usage | None = None
        self.response_id = ""
        self.finish_reason = ""
        self.done = False
        self._kind = kind
        self._heard = b""

    def whole(self, body: bytes) -> Whole:
        self.response_id = id_of_made(self._kind, body)
        return Whole(body, None, self.response_id, "")

    def feed(self, data: bytes) -> bytes:
        if not self.response_id and len(self._heard) < MADE_BYTES_MAX:
            self._heard += data
            self.response_id = id_of_made(self._kind, self._heard)
        return data

    def end(self) -> bytes:
        return b""

    def text_so_far(self) -> str:
        return ""


MADE_BYTES_MAX = 64 * 1024
"""Of a stream, whose first event says what was made."""

_CREDENTIALS = {"authorization", "x-api-key", "api-key", "x-goog-api-key"}


def joined(base: str, target: str) -> str:
    """Return `target` behind `base`; what the one ends with and the other begins with stands there once.

    A client writes /openai/v1/models where the provider's address ends with /v1.
    """
    place = urlsplit(base)
    path, _, query = target.partition("?")
    stem = [part for part in place.path.split("/") if part]
    rest = path.lstrip("/").split("/")
    for size in range(min(len(stem), len(rest)), 0, -1):
        if stem[-size:] == rest[:size]:
            rest = rest[size:]
            break
    url = f"{place.scheme}://{place.netloc}/{'/'.join([*stem, *rest])}"
    return f"{url}?{query}" if query else url


class PassedAnswer(OwnForm):
    """Passes everything on, and lets a reader of the provider's form listen for the usage."""

    def __init__(self, listener: AnswerReader | None, *, costs: bool) -> None:
        """`costs`: a model is asked, so that an answer without figures cannot be taken for nothing."""
        self.usage: Usage | None = None
        self.response_id = ""
        self.finish_reason = ""
        self.done = False
        self.is_stream = False
        self._costs = costs
        self._listener = listener
        self._heard: list[bytes] = []
        self._bytes = 0

    def whole(self, body: bytes) -> Whole:
        self.feed(body)
        self.end()
        return Whole(body, self.usage, self.response_id, self.finish_reason)

    @property
    def is_billed(self) -> bool:
        return self._costs and self.status < 300

    def begin(self, status: int, header: Callable[[str], str | None]) -> None:
        """Say what is coming; an error is nothing to listen to. `header` gives the answer's, by their names."""
        self.status = status
        self.stream_type = header("content-type") or "application/octet-stream"
        self.more_headers = tuple((name, value) for name in _PASSED_BACK if (value := header(name)) is not None)
        self.is_stream = self.stream_type.startswith("text/event-stream")
        self.is_events = self.is_stream
        if status >= 300:
            self._listener = None

    def feed(self, data: bytes) -> bytes:
        self._bytes += len(data)
        if self._listener is None:
            return data
        if self.is_stream:
            self._listen(data)
        elif self._bytes <= HEARD_BYTES_MAX:
            self._heard.append(data)
        return data

    def end(self) -> bytes:
        listener = self._listener
        if listener is not None:
            self._listen(None)
            self.usage, self.response_id = listener.usage, listener.response_id
            self.finish_reason = listener.finish_reason
        return b""

    def text_so_far(self) -> str:
        return self._listener.text_so_far() if self._listener is not None else ""

    def _listen(self, data: bytes | None) -> None:
        """What the listener cannot read is none of the client's trouble: only the usage is not known then."""
        listener = self._listener
        if listener is None:
            return
        try:
            if data is not None:
                listener.feed(data)
                self.usage = listener.usage  # what is known so far, should the stream be cut
            elif self.is_stream:
                listener.end()
            elif self._bytes <= HEARD_BYTES_MAX:
                listener.whole(b"".join(self._heard))
        except BrokenAnswer as error:
            log.warning("the usage of a passed answer cannot be read", error=str(error))
            if data is not None:
                self._listener = None
                self.usage = listener.usage


_PASSED_BACK = ("retry-after", "content-disposition", "location", "request-id", "openai-processing-ms")


def _pages_read(answer: Any) -> Read:
    return Read(answer, usage_from_pages(answer))


_LISTENERS: tuple[tuple[re.Pattern[str], Callable[[str], AnswerReader]], ...] = (
    (re.compile(r"/completions$"), lambda _: OpenAIAnswer("", include_usage=True)),
    (re.compile(r"/embeddings$"), lambda _: JsonAnswer("", "data")),
    (re.compile(r"/responses$"), lambda _: ResponsesListener()),
    (re.compile(r"/images/(generations|edits)$"), lambda _: ImagesAnswer()),
    (re.compile(r"/audio/tra\w+$"), lambda _: TranscriptionAnswer("json", b"")),
    (re.compile(r"/re-?rank$"), lambda _: RerankAnswer("")),
    (re.compile(r"/ocr$"), lambda _: TranslatedJson(_pages_read)),
    (re.compile(r"/messages$"), lambda _: AnthropicAnswer("", True, created=0)),
    (re.compile(r":(stream)?[gG]enerateContent$"), listener_for),
    (re.compile(r"/listen$"), lambda _: FiguresListener(usage_from_deepgram)),
    (re.compile(r"/v2/chat$"), lambda _: FiguresListener(lambda answer: usage_from_cohere(answer.get("usage")))),
    (re.compile(r"/v[12]/embed$"), lambda _: FiguresListener(lambda answer: usage_from_cohere(answer.get("meta")))),
    (re.compile(r"/api/(chat|generate|embed)$"), lambda _: FiguresListener(usage_from_ollama)),
    (re.compile(r"/predictions$"), lambda _: FiguresListener(usage_from_replicate)),
)
"""By the end of the path: who reads the usage of a model's answer there."""


def _listener(target: str, model: str) -> AnswerReader | None:
    path = target.partition("?")[0].rstrip("/")
    return next((made(model) for pattern, made in _LISTENERS if pattern.search(path)), None)
