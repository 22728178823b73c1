"""POST /utils/token_counter: how many tokens a request has, before it is sent."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.edge.admin.validation import PlainFaults
from services.edge.model_details.model_facts import ModelFacts
from services.edge.model_details.model_names import ModelNames
from services.edge.model_details.needs_key import needs_key
from shared import tokens
from shared.identity.keys import Key


class TokenCountRequest(BaseModel):
    """One of `messages`, `prompt` and `contents`; what else a request has is counted too."""

    model_config = ConfigDict(extra="allow")

    model: str = Field(description="The model name, as for a call.")
    messages: list[dict[str, Any]] | None = Field(None, description="As of a chat.")
    prompt: str | list[Any] | None = Field(None, description="A text, or several.")
    contents: list[dict[str, Any]] | None = Field(None, description="As of Gemini's API.")

    @model_validator(mode="after")
    def _has_text(self) -> "TokenCountRequest":
        if self.messages is None and self.prompt is None and self.contents is None:
            raise ValueError("one of messages, prompt and contents must be given")
        return self


def token_counter_routes(
    facts: ModelFacts, names: ModelNames, key_of: Callable[[Mapping[bytes, bytes], str], Key | None]
) -> APIRouter:
    """`key_of(headers, route)` returns the caller's key, None for the master, or raises."""
    router = APIRouter(route_class=PlainFaults, tags=["models"], dependencies=[needs_key(key_of)])

    @router.post("/utils/token_counter", summary="How many tokens a request has, as OpenAI's tokenizer counts")
    async def count(asked: TokenCountRequest, request: Request) -> dict[str, Any]:
        key = key_of(dict(request.scope["headers"]), request.url.path)
        group = names.group_of(asked.model, key.aliases if key else {})
        body = asked.model_dump(exclude_none=True, exclude={"model"})
        return {
            "total_tokens": await asyncio.to_thread(tokens.request_tokens, body),
            "request_model": asked.model,
            "model_used": facts.provider_model(group) or asked.model,
            "tokenizer_type": "openai_tokenizer",
        }

    return router
