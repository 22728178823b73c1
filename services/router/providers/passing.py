"""A call that goes to a provider as it is: where to, and who listens for what it used."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

import msgspec
import structlog

from services.router.providers.answers.broken_answer import BrokenAnswer, ProviderStreamError
from services.router.providers.answers.headers import ReadsHeaders
from services.router.providers.answers.listener import Listener
from services.router.providers.answers.rejection import Rejected
from services.router.providers.base import AnswerReader, HttpCall, OwnForm, ProviderCall, Whole
from services.router.providers.passed_kinds import JSON, SSE, Listening, listening
from shared.kept.passed_objects import id_of_made, is_free, object_in
from shared.serving.deployments import Deployment
from shared.serving.pass_through import NO_MODEL
from shared.usage import Usage

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


class SignsPassed(ABC):
    """Has besides that: calls are signed, each as it is sent."""

    @abstractmethod
    def signed(self, deployment: Deployment, call: HttpCall) -> dict[str, str]:
        """Return the call's headers with those that sign it now.

        Raises:
            CredentialMissing
        """


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
    request = HttpCall(joined(base, target), sent, call.body, method)
    if isinstance(provider, SignsPassed):
        request = request._replace(headers=provider.signed(deployment, request))
    costs = method == "POST" and deployment.model != NO_MODEL and not is_free(method, target)
    heard = partial(_heard_of, deployment, method, target)
    return request, PassedAnswer(heard, costs=costs, goes_on=costs and _goes_on(call.body))


class _InBackground(msgspec.Struct):
    background: Any = None


_decode_background = msgspec.json.Decoder(_InBackground).decode


def _goes_on(body: bytes) -> bool:
    """Whether the work goes on whoever listens: `background` of OpenAI's responses and Gemini's interactions."""
    if b'"background"' not in body:
        return False
    try:
        return _decode_background(body).background is True
    except (msgspec.DecodeError, RecursionError):
        return False


def _heard_of(deployment: Deployment, method: str, target: str, content_type: str) -> Listening | None:
    """Return who reads an answer of that type: its usage, or at least the id of what was made."""
    found = listening(target, deployment.model, content_type)
    concerned = object_in(deployment.provider, method, target)
    if found is None and concerned is not None and concerned.makes:
        return Listening(MadeListener(concerned.kind), content_type.startswith(SSE))
    return found


class MadeListener(Listener):
    """An `AnswerReader` that hears of what is made only its id."""

    def __init__(self, kind: str) -> None:
        super().__init__()
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

    def __init__(
        self, listening: Callable[[str], Listening | None] | None, *, costs: bool, goes_on: bool = False
    ) -> None:
        """`listening` tells by an answer's content type who reads it; `costs`: a model is asked, so that an answer
        without figures cannot be taken for nothing; `goes_on`: to leave or cut the answer does not end the work.
        """
        self.goes_on = goes_on
        self.broken: BrokenAnswer | None = None  # why the answer is not whole, which its client sees for itself
        self.said_something = False
        self.usage: Usage | None = None
        self.response_id = ""
        self.finish_reason = ""
        self.done = False
        self.is_stream = False
        self._costs = costs
        self._listening = listening
        self._listener: AnswerReader | None = None
        self._begun = False
        self._heard: list[bytes] = []
        self._bytes = 0

    def whole(self, body: bytes) -> Whole:
        self.feed(body)
        self.end()
        return Whole(body, self.usage, self.response_id, self.finish_reason)

    @property
    def is_billed(self) -> bool:
        return self._costs and self.status < 300

    @property
    def is_whole(self) -> bool:
        """Whether it is no stream, and tells what it used."""
        return (
            self.is_billed and self._listener is not None and not self.is_stream and self.stream_type.startswith(JSON)
        )

    @property
    def is_read(self) -> bool:
        """Whether what the model writes is known while it comes: then what it used can be counted."""
        listener = self._listener
        if not self._begun and self._listening is not None:  # cut before its beginning
            heard = self._listening(SSE)
            listener = heard.listener if heard is not None else None
        return listener is not None and (not isinstance(listener, Listener) or listener.reads_text)

    def begin(self, status: int, header: Callable[[str], str | None]) -> None:
        """Say what is coming; an error is nothing to listen to. `header` gives the answer's, by their names."""
        self.status, self._begun = status, True
        self.stream_type = self.content_type = header("content-type") or "application/octet-stream"
        self.more_headers = tuple((name, value) for name in _PASSED_BACK if (value := header(name)) is not None)
        self.is_events = self.stream_type.startswith(SSE)
        self.is_stream = self.is_events
        heard = self._listening(self.stream_type) if self._listening is not None and status < 300 else None
        if heard is not None:
            self._listener, self.is_stream, self.cut_as = heard
            if self.goes_on:
                self.cut_as = ""
            if isinstance(self._listener, ReadsHeaders):
                self._listener.read_headers(header)

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
        """What the listener cannot read is none of the client's trouble: only the usage is not known then.

        An error that the provider reports, or a stream without its end, is what the client reads as well.
        """
        listener = self._listener
        if listener is None or self.broken is not None:
            return
        try:
            if data is not None:
                self._note(listener.feed(data) or listener.response_id)
            elif self.is_stream:
                listener.end()
            elif self._bytes <= HEARD_BYTES_MAX:
                listener.whole(b"".join(self._heard))
        except BrokenAnswer as error:
            if isinstance(error, ProviderStreamError) or (data is None and self.is_stream and not self.goes_on):
                self.broken = error
                self._note(data is not None and (error.before or listener.response_id))
                return
            log.warning("the usage of a passed answer cannot be read", error=str(error))
            if data is not None:
                self._listener = None
                self.usage = listener.usage

    def _note(self, said: object) -> None:
        """Note what is known so far, should the stream be cut."""
        listener = self._listener
        assert listener is not None
        self.said_something = self.said_something or bool(said)
        self.usage, self.response_id = listener.usage, listener.response_id
        self.done, self.finish_reason = listener.done, listener.finish_reason


_PASSED_BACK = (
    *("retry-after", "content-disposition", "location", "request-id", "openai-processing-ms"),
    *("x-amzn-requestid", "x-amzn-errortype", "x-amzn-bedrock-content-type", "x-amzn-sagemaker-content-type"),
    *("x-amzn-bedrock-input-token-count", "x-amzn-bedrock-output-token-count", "x-amzn-invoked-production-variant"),
)
