"""A good request for every endpoint of the edge: what the walk through all routes sends."""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from services.edge.calls.endpoint import Endpoint
from services.edge.calls.table import ENDPOINTS


class Sample(NamedTuple):
    """What httpx takes to send it, and what an error must look like."""

    path: str
    sent: dict[str, Any]


def _json(**fields: Any) -> Callable[[str, str], dict[str, Any]]:
    """`TEXT` in a field is the text, `MODEL` the model."""

    def made(model: str, text: str) -> dict[str, Any]:
        written = json.dumps(fields).replace("MODEL", model).replace("TEXT", text)
        return {"json": json.loads(written)}

    return made


def _form(file: str, filename: str, text_field: str) -> Callable[[str, str], dict[str, Any]]:
    def made(model: str, text: str) -> dict[str, Any]:
        return {"files": {file: (filename, bytes(2_000))}, "data": {"model": model, text_field: text}}

    return made


def _embed(model: str, text: str) -> dict[str, Any]:
    return {"json": {"content": {"parts": [{"text": text}]}}}


def _embed_many(model: str, text: str) -> dict[str, Any]:
    return {"json": {"requests": [{"model": f"models/{model}", **_embed(model, text)["json"]}]}}


def _google(model: str, text: str) -> dict[str, Any]:
    return {"json": {"contents": [{"role": "user", "parts": [{"text": text}]}]}}


SAMPLES: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "/chat/completions": _json(model="MODEL", messages=[{"role": "user", "content": "TEXT"}]),
    "/completions": _json(model="MODEL", prompt="TEXT"),
    "/embeddings": _json(model="MODEL", input=["TEXT"]),
    "/images/generations": _json(model="MODEL", prompt="TEXT"),
    "/images/edits": _form("image", "a.png", "prompt"),
    "/audio/speech": _json(model="MODEL", input="TEXT", voice="alloy"),
    "/audio/transcriptions": _form("file", "a.mp3", "prompt"),
    "/audio/translations": _form("file", "a.mp3", "prompt"),
    "/moderations": _json(model="MODEL", input="TEXT"),
    "/rerank": _json(model="MODEL", query="TEXT", documents=["one", "two"]),
    "/responses": _json(model="MODEL", input="TEXT"),
    "/responses/input_tokens": _json(model="MODEL", input="TEXT"),
    "generateContent": _google,
    "streamGenerateContent": lambda model, text: {**_google(model, text), "params": {"alt": "sse"}},
    "countTokens": _google,
    "embedContent": _embed,
    "batchEmbedContents": _embed_many,
    "/v1/messages": _json(model="MODEL", max_tokens=9, messages=[{"role": "user", "content": "TEXT"}]),
    "/v1/messages/count_tokens": _json(model="MODEL", messages=[{"role": "user", "content": "TEXT"}]),
}
"""By the endpoint's name. An endpoint without one fails the walk: it would not be checked."""


def routes() -> Iterator[tuple[Endpoint, str]]:
    """Every endpoint with each of its paths; {model} stays in those that have it."""
    for endpoint in ENDPOINTS:
        for path in (*endpoint.paths, *endpoint.templates):
            yield endpoint, path


def sample(endpoint: Endpoint, path: str, *, model: str, text: str = "hello") -> Sample:
    return Sample(path.replace("{model}", model), SAMPLES[endpoint.name](model, text))


def message_in(dialect: str, status: int, answer: Any) -> str:
    """Return an error's message; fails where it does not look as the dialect's clients expect."""
    error = answer["error"]
    if dialect == "anthropic":
        assert answer["type"] == "error"
        assert error["type"].endswith("_error")
    elif dialect == "gemini":
        assert (error["code"], error["status"].isupper()) == (status, True)
    else:
        assert (error["code"], error.keys() >= {"message", "type", "param"}) == (str(status), True)
    return str(error["message"])
