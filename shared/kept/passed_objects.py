"""What a provider keeps, as the paths of its own API name it: for calls that go there as they are. Pure.

Whoever passes by a path has one credential with all others who do: whose an object is, only the gateway can tell.
"""

import posixpath
import re
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec

from shared.kept.object_calls import KEEPERS

_OPENAI = (
    *("assistants", "threads", "vector_stores", "fine_tuning/jobs", "evals", "containers", "conversations", "uploads"),
    *("files", "batches", "videos", "chatkit/sessions", "chatkit/threads", "chat/completions"),
)
_MADE_ELSEWHERE = ("chat/completions",)
"""Kept by the provider where a client asks for it, and reached by nobody here: no answer says that it is kept."""

_OF_MISTRAL = (*_OPENAI, "agents", "libraries", "batch/jobs")
_OF_COHERE = ("datasets", "embed-jobs", "connectors", "finetuning/finetuned-models")
_WITH_INTERACTIONS = ("agents", "credentials", "environments", "triggers", "voices", "webhooks", "interactions")
"""Of Gemini's, for interactions; unlike all else there, each answers with its id. Environments have files of their own.
https://ai.google.dev/api/interactions-api"""

_COLLECTIONS = {
    "cohere": _OF_COHERE,
    "cohere_chat": _OF_COHERE,
    "mistral": _OF_MISTRAL,
    "anthropic": ("messages/batches", "files", "skills"),
    "gemini": (
        *_WITH_INTERACTIONS,
        *("files", "cachedContents", "batches", "tunedModels", "fileSearchStores", "corpora"),
    ),
    "vertex_ai": (
        "batchPredictionJobs",
        "cachedContents",
        "tuningJobs",
        "customJobs",
        "ragCorpora",
        "reasoningEngines",
        "interactions",
    ),
}
"""By provider; all others speak OpenAI's API."""

_OF_THE_SERVER = {
    name: re.compile(r"^api/(?:pull|push|create|copy|delete|blobs)\b") for name in ("ollama", "ollama_chat")
}
"""What changes a server of one's own, for all who use it: nobody's but the master key's."""

_CREATED_BY = {"threads": ("runs",)}
"""Words that stand in the place of an id and make an object: POST /threads/runs."""

_NO_IDS = {"agents": ("completions", "pages")}
"""Words that stand there and name none: a call of Mistral's agents, and their list."""

_UNTOLD = re.compile(
    r"(?:^|/)(?:batches|fine_tuning/jobs|evals/[^/]+/runs|runs|videos|videos/[^/]+/remix|containers|tuningJobs|tunedModels"
    r"|batchPredictionJobs|customJobs|embed-jobs|finetuned-models|triggers|triggers/[^/]+/executions|batch/jobs)$"
    r"|:batchGenerateContent$|:asyncBatchEmbedContent$|:predictLongRunning$"
)
"""Ends of paths whose POST has work done that no answer tells the cost of."""


class PassedObject(NamedTuple):
    """`id` is "" where an object is made, or the collection is listed."""

    kind: str
    id: str
    makes: bool

    @property
    def lists(self) -> bool:
        return not self.id and not self.makes


def object_in(provider: str, method: str, target: str) -> PassedObject | None:
    """Return what a call concerns that the provider keeps, None for any other. `target` may have a query.

    What is deleted is somebody's, whatever it is.
    """
    path = _plain(target)
    if provider in _OF_THE_SERVER and _OF_THE_SERVER[provider].search(path.lower()):
        return PassedObject(f"{provider} models", "-", False)
    for collection in _COLLECTIONS.get(provider, _OPENAI):
        match = re.search(rf"(?:^|/){collection}(?:/(?P<id>[^/:]+)(?:[/:].*)?)?$", path, re.IGNORECASE)
        if match is None:
            continue
        name = match["id"] or ""
        if provider == "mistral" and name.lower() in _NO_IDS.get(collection, ()):
            return None if method == "POST" else PassedObject(_kind(provider, collection), "", False)
        makes = method in ("POST", "PUT") and (not name or name in _CREATED_BY.get(collection, ()))
        if makes and collection in _MADE_ELSEWHERE:
            return None
        return PassedObject(_kind(provider, collection), "" if makes else name, makes)
    if path.endswith(":batchGenerateContent") and method == "POST":
        return PassedObject(_kind(provider, "batches"), "", True)
    if method == "DELETE":
        return PassedObject(f"{provider} other", path.rpartition("/")[2] or "-", False)
    return None


def _plain(target: str) -> str:
    """Return the path as a provider may come to read it: however a client writes it, it names the same object."""
    return posixpath.normpath("/" + unquote(target.partition("?")[0])).strip("/")


def converses(provider: str, method: str, target: str) -> bool:
    """Whether the call begins or goes on with a conversation that Mistral keeps, and answers in it."""
    path = _plain(target)
    return (
        provider == "mistral"
        and method == "POST"
        and re.search(r"(?:^|/)conversations(?:/[^/]+(?:/restart)?)?$", path, re.IGNORECASE) is not None
    )


def is_free(method: str, target: str) -> bool:
    """Whether the call only describes who is to answer later: nothing is asked of the model that it names."""
    return (
        method == "POST"
        and re.search(r"(?:^|/)(?:assistants|agents)(?:/(?!completions$)[^/]+)?$", _plain(target), re.IGNORECASE)
        is not None
    )


def makes_response(method: str, target: str) -> bool:
    """Whether the call makes a response of OpenAI's, which others could go on from by its id."""
    return method == "POST" and re.search(r"(?:^|/)responses$", _plain(target), re.IGNORECASE) is not None


def is_untold(method: str, target: str) -> bool:
    """Whether the call has work done whose cost no answer tells."""
    return method == "POST" and _UNTOLD.search(_plain(target)) is not None


def _kind(provider: str, collection: str) -> str:
    """Files and batches of OpenAI's form are the same by whichever door they are reached."""
    if provider in KEEPERS and collection in ("files", "batches"):
        return {"files": "file", "batches": "batch"}[collection]
    return f"{provider} {collection}"


class _Made(msgspec.Struct):
    """Google names what it keeps by its path, but for interactions and what they use: a stream's first event has one in
    it.

    OpenAI's runs name the thread they were made with.
    """

    id: Any = None
    name: Any = None
    thread_id: Any = None
    file: Any = None
    interaction: Any = None


_decode_made = msgspec.json.Decoder(_Made).decode
_BY_NAME = ("gemini", "vertex_ai")


def id_of_made(kind: str, answer: bytes) -> str:
    """Return the id that an answer gives to what was made, "" where it tells none.

    Of a stream, the first event tells it. Only the answer's own fields count: what a client has put into it does not.
    """
    try:
        made = _decode_made(answer if answer.lstrip().startswith(b"{") else _first_data(answer))
    except (msgspec.DecodeError, RecursionError):
        return ""
    found = made.id
    if kind.rpartition(" ")[2] in _WITH_INTERACTIONS:
        found = made.id or (made.interaction.get("id") if isinstance(made.interaction, dict) else None)
    elif kind.partition(" ")[0] in _BY_NAME:
        found = made.name or (made.file.get("name") if isinstance(made.file, dict) else None)
    elif kind.endswith("threads") and made.thread_id:
        found = made.thread_id
    return found.rpartition("/")[2] if isinstance(found, str) else ""


def _first_data(stream: bytes) -> bytes:
    """Return the data of the first server-sent event that has any, as far as it is there."""
    data: list[bytes] = []
    for line in stream.removeprefix(b"\xef\xbb\xbf").splitlines():
        if line.startswith(b"data:"):
            data.append(line[5:])
        elif not line and data:
            break
    return b"\n".join(data)
