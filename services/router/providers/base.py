"""What a provider is to the router: a pure translation of a call into an HTTP request, and of its answer back."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import msgspec
import orjson

from services.router.providers.answers.broken_answer import UnreadableAnswer
from shared.errors import GatewayError
from shared.kept.object_calls import ObjectCall
from shared.payloads.spool import Spool
from shared.serving.deployments import Deployment
from shared.usage import Usage

CHAT = "acompletion"
"""The call type that translations between dialects go through."""


class ProviderCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call as the client wants it. `body` is in the form of its `call_type`: for CHAT, OpenAI's JSON."""

    body: bytes
    model: str = ""  # the name to show to the client
    stream: bool = False
    include_usage: bool = False
    max_tokens: int | None = None  # the admitted maximum, None leaves the client's
    max_tokens_field: str = ""
    drop_params: bool
    call_type: str = CHAT  # LiteLLM's name for what is asked
    dialect: str = "openai"  # whose API the client speaks
    content_type: str = ""  # of a body that is a form, with its boundary
    client_headers: tuple[tuple[str, str], ...] = ()  # what the client tells a provider of its dialect
    passed: tuple[str, str] = ("", "")  # method and target, where it goes out as it came
    request_id: str = ""
    pinned: bool = False  # the provider holds what came before; else the body has it
    object: ObjectCall | None = None  # of a call that concerns what a provider keeps


class FileBody(NamedTuple):
    """A body that is not held in memory: a file, and what stands around it."""

    before: bytes
    file: Spool
    after: bytes

    @property
    def size(self) -> int:
        return len(self.before) + len(self.file) + len(self.after)

    def parts(self) -> Iterator[bytes]:
        yield self.before
        yield from self.file.parts()
        yield self.after


class HttpCall(NamedTuple):
    """What to send, and where. With `file` that is the body."""

    url: str
    headers: dict[str, str]
    body: bytes
    method: str = "POST"
    file: FileBody | None = None


class Whole(NamedTuple):
    """An answer that is not streamed, as the client gets it."""

    body: bytes
    usage: Usage | None
    response_id: str
    finish_reason: str


class AnswerReader(Protocol):
    """Reads one answer of a provider. Use either `whole`, or `feed` and `end`.

    `done`: a stream has said that it is over, though the connection may still be open.
    """

    usage: Usage | None
    response_id: str
    finish_reason: str
    done: bool

    def whole(self, body: bytes) -> Whole:
        """Return the answer in OpenAI's form.

        Raises:
            BrokenAnswer: it cannot be read, or is the report of an error.
        """
        ...

    def feed(self, data: bytes) -> bytes:
        """Return what the client gets for the next bytes of the provider's stream; may be empty.

        Raises:
            BrokenAnswer: the provider reports an error in mid-stream, or breaks the form.
        """
        ...

    def end(self) -> bytes:
        """Return what is to be written when the provider's stream is over, but for [DONE].

        Raises:
            BrokenAnswer: it ended too early.
        """
        ...

    def text_so_far(self) -> str:
        """Return the text written so far, for counting tokens where the provider reports none."""
        ...


class OwnForm:
    """The base of readers whose answers are neither OpenAI's JSON nor a stream that ends with [DONE].

    `closing` is what ends a stream for the client, kept back until its fact is stored. `is_events` is False for a
    stream of other bytes: it goes out as it comes, and an error cannot be told in it. `cut_as` names
    how a stream of text is cut at the money line (services.router.cuts.registry).
    """

    closing: bytes = b""
    content_type: str = "application/json"
    stream_type: str = "text/event-stream; charset=utf-8"
    is_events: bool = True
    status: int = 200
    more_headers: tuple[tuple[str, str], ...] = ()
    cut_as: str = ""

    def counted(self) -> Usage | None:
        """Return what can be counted here of an answer whose provider reports no usage; called in a thread."""
        return None


class PlainChat:
    """The base of providers that get a chat's body as it is and refuse what OpenAI does not have.

    A translated request is made plain for them: `takes` names the extra fields that a deployment knows all the same.
    """

    def plain(self, deployment: Deployment) -> bool:
        """Return whether the deployment's model is such a one; a cloud hosts others beside them."""
        return True

    def takes(self, deployment: Deployment) -> frozenset[str]:
        """Return some of: cache_control, reasoning_content, reasoning_effort, thinking_blocks, top_k."""
        return frozenset()


class Provider(Protocol):
    name: str

    def serves(self, call_type: str, deployment: Deployment) -> bool:
        """Return whether `prepare` takes calls of this type; others are translated to CHAT where that is possible."""
        ...

    def prepare(self, call: ProviderCall, deployment: Deployment) -> tuple[HttpCall, AnswerReader]:
        """Return the request to send, and the reader of its answer.

        Raises:
            CredentialMissing: a key or address is not set; the text says what to set.
            Rejected: the call cannot be put in the provider's terms.
        """
        ...

    def failure(self, status: int, body: bytes) -> GatewayError:
        """Return what an answer with `status` >= 400 means."""
        ...


def json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in `body`, decoded.

    Raises:
        UnreadableAnswer
    """
    try:
        value = orjson.loads(body)
    except ValueError as error:
        raise UnreadableAnswer(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise UnreadableAnswer("not a JSON object")
    return value
