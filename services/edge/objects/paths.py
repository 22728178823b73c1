"""Which call of files, batches and stored responses a request is: by its method and path."""

import re
from collections.abc import Collection
from typing import Any, NamedTuple

from services.edge.calls.endpoint import Endpoint
from services.edge.objects.lists import PARAMETERS
from shared.kept.object_calls import CREATE_BATCH, CREATE_FILE, KEEPERS, LISTS, PATHS

_PATH = re.compile(
    r"(?:/(?P<provider>[^/]+)/v1|/v1)?/(?P<collection>files|batches|responses)"
    r"(?:/(?!(?:input_tokens|compact)/?$)(?P<id>[^/]+)(?:/(?P<part>content|cancel|input_items))?)?/?"
)
_SUMMARIES = {
    "acreate_file": "Upload a file, a batch's input for example: it is kept by a provider, and is the caller's alone",
    "afile_list": "The caller's files, the newest first",
    "afile_retrieve": "One of the caller's files",
    "afile_delete": "Delete one of the caller's files, at its provider too",
    "afile_content": "What is in one of the caller's files",
    "acreate_batch": "Have the requests of an uploaded file answered within a day, at a batch's prices",
    "alist_batches": "The caller's batches, the newest first",
    "aretrieve_batch": "One of the caller's batches",
    "acancel_batch": "Stop one of the caller's batches; what is done by then is charged",
    "aget_responses": "A response that this key made, and that was stored",
    "adelete_responses": "Forget a response",
    "acancel_responses": "Cancel a response that is made in the background",
    "alist_input_items": "The items that led to a response",
}
_BODIES: dict[str, Any] = {
    CREATE_FILE: {
        "type": "object",
        "required": ["file", "purpose"],
        "additionalProperties": True,
        "properties": {
            "file": {"type": "string", "format": "binary"},
            "purpose": {"type": "string", "example": "batch"},
            "target_model_names": {"type": "string", "description": "A model name; else the lines of a batch say it"},
            "custom_llm_provider": {"type": "string", "description": "The provider that keeps it, where no model does"},
        },
    },
    CREATE_BATCH: {
        "type": "object",
        "required": ["input_file_id", "endpoint"],
        "additionalProperties": True,
        "properties": {
            "input_file_id": {"type": "string"},
            "endpoint": {"type": "string", "example": "/v1/chat/completions"},
            "completion_window": {"type": "string", "default": "24h"},
            "metadata": {"type": "object"},
        },
    },
}
_QUERIES: dict[str, dict[str, dict[str, Any]]] = {
    "afile_list": PARAMETERS["file"],
    "alist_batches": PARAMETERS["batch"],
    "aget_responses": {"stream": {"type": "boolean"}, "starting_after": {"type": "integer"}},
    "alist_input_items": {
        "limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
        "after": {"type": "string"},
        "order": {"type": "string", "enum": ["asc", "desc"], "default": "desc"},
    },
}
ENDPOINTS = {
    call_type: Endpoint(
        name=f"{method} /v1{path}",
        summary=_SUMMARIES[call_type],
        call_type=call_type,
        method=method,
        paths=(f"/v1{path}", path, f"/openai/v1{path}"),
        schema=_BODIES.get(call_type),
        query=_QUERIES.get(call_type),
    )
    for call_type, (method, path) in PATHS.items()
}


class Found(NamedTuple):
    """`call_type` is "" where the path takes other methods: `allowed`. `provider` is named by the path, or ""."""

    call_type: str
    id: str
    provider: str
    allowed: tuple[str, ...]

    @property
    def lists(self) -> bool:
        return self.call_type in LISTS


class ObjectPaths:
    def __init__(self, providers: Collection[str]) -> None:
        """`providers`: those of the configuration."""
        self._providers = frozenset(providers) & frozenset(KEEPERS)

    def find(self, method: str, path: str) -> Found | None:
        """Return None for a path that is none of these, as OpenAI has them."""
        match = _PATH.fullmatch(path)
        if match is None:
            return None
        provider = match["provider"] or ""
        if provider and provider != "openai" and provider not in self._providers:
            return None
        template = f"/{match['collection']}"
        if match["id"]:
            template += "/{id}"
        if match["part"]:
            template += f"/{match['part']}"
        calls = {needed: call_type for call_type, (needed, known) in PATHS.items() if known == template}
        if not calls:
            return None
        return Found(calls.get(method, ""), match["id"] or "", provider, tuple(calls))
