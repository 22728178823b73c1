"""Every endpoint that calls a model. Whoever adds one adds a row here and a peek beside the others."""

import re
from collections.abc import Iterable, Iterator

from services.edge.calls.endpoint import Endpoint
from services.edge.calls.schemas import CHAT, COMPLETION, EMBEDDINGS
from services.edge.peeks.chat import peek_chat
from services.edge.peeks.completions import peek_completion
from services.edge.peeks.embeddings import peek_embeddings


def _under(path: str) -> tuple[str, ...]:
    """OpenAI's paths as LiteLLM takes them."""
    return (f"/v1{path}", path, f"/openai/v1{path}")


def _azure(path: str) -> tuple[str, ...]:
    """The same, with the model in the path."""
    return (f"/openai/deployments/{{model}}{path}", f"/engines/{{model}}{path}")


ENDPOINTS = (
    Endpoint(
        name="/chat/completions",
        summary="Chat completions, OpenAI's API, streamed or not",
        call_type="acompletion",
        paths=_under("/chat/completions"),
        templates=_azure("/chat/completions"),
        peek=peek_chat,
        schema=CHAT,
    ),
    Endpoint(
        name="/completions",
        summary="Text completions, OpenAI's older API, streamed or not",
        call_type="atext_completion",
        paths=_under("/completions"),
        templates=_azure("/completions"),
        peek=peek_completion,
        schema=COMPLETION,
    ),
    Endpoint(
        name="/embeddings",
        summary="Embeddings, OpenAI's API",
        call_type="aembedding",
        paths=_under("/embeddings"),
        templates=_azure("/embeddings"),
        peek=peek_embeddings,
        schema=EMBEDDINGS,
    ),
)


class Table:
    """Finds the endpoint of a path: a dictionary for those that are fixed, else the templates, the first that fits."""

    def __init__(self, endpoints: Iterable[Endpoint] = ENDPOINTS) -> None:
        self.endpoints = tuple(endpoints)
        self.fixed = dict(self._fixed())
        self._patterns = [
            (_pattern_of(template), endpoint) for endpoint in self.endpoints for template in endpoint.templates
        ]

    def find(self, path: str) -> tuple[Endpoint, str | None] | None:
        """Return the endpoint of a path that has no slash at its end, and the model in it."""
        endpoint = self.fixed.get(path)
        if endpoint is not None:
            return endpoint, None
        for pattern, endpoint in self._patterns:
            match = pattern.fullmatch(path)
            if match:
                return endpoint, match["model"]
        return None

    def _fixed(self) -> Iterator[tuple[str, Endpoint]]:
        for endpoint in self.endpoints:
            for path in endpoint.paths:
                yield path, endpoint


def _pattern_of(template: str) -> re.Pattern[str]:
    before, _, behind = template.partition("{model}")
    return re.compile(f"{re.escape(before)}(?P<model>.+){re.escape(behind)}")
