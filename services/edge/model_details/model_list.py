"""GET /v1/models: the names a key may ask for, in OpenAI's form, and to Anthropic's and Google's clients in theirs."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request

from services.edge.http.nowhere import is_anthropics, is_googles
from services.edge.identify import with_key_of_query
from services.edge.model_details.anthropic_models import AnthropicModels
from services.edge.model_details.google_models import GoogleModels
from services.edge.model_details.model_facts import ModelFacts
from services.edge.model_details.model_names import ModelNames
from shared.errors import NotFound
from shared.identity.keys import Key

CREATED = 1_677_610_602
"""A fixed time, LiteLLM's: a model list has no birthday, and clients compare."""

_DETAILS = ("mode", "max_input_tokens", "max_output_tokens")


def model_routes(
    names: ModelNames, facts: ModelFacts, key_of: Callable[[Mapping[bytes, bytes], str], Key | None]
) -> APIRouter:
    """`key_of(headers, route)` returns the caller's key, None for the master, or raises."""
    router = APIRouter(tags=["models"])
    googles, anthropics = GoogleModels(names, facts), AnthropicModels(names, facts)

    def caller(request: Request) -> Key | None:
        headers = dict(request.scope["headers"])
        if _in_googles_form(request):
            headers = with_key_of_query(headers, request.scope["query_string"])
        return key_of(headers, request.url.path)

    @router.get("/v1/models", summary="The models this key may use")
    @router.get("/v1/models/", include_in_schema=False)
    @router.get("/models", include_in_schema=False)
    @router.get("/models/", include_in_schema=False)
    @router.get("/v1beta/models", summary="The same, in Google's form")
    async def models(request: Request, return_wildcard_routes: bool = False) -> dict[str, Any]:
        key = caller(request)
        if _in_googles_form(request):
            return googles.page(key, request.query_params)
        if is_anthropics(request.headers):
            return anthropics.page(key, request.query_params)
        listed = [*names.usable_by(key), *(names.patterns_usable_by(key) if return_wildcard_routes else ())]
        return {"object": "list", "data": [_model(name) for name in listed]}

    @router.get("/v1/models/{model:path}", summary="One model")
    @router.get("/models/{model:path}", include_in_schema=False)
    @router.get("/v1beta/models/{model:path}", summary="One model, in Google's form")
    async def model(model: str, request: Request) -> dict[str, Any]:
        key = caller(request)
        served = names.serves(names.group_of(model, {})) and names.allows(key, model)
        if not served and model not in names.usable_by(key):
            raise NotFound(f"The model `{model}` does not exist or is not accessible", param="model")
        if _in_googles_form(request):
            return googles.one(key, model)
        if is_anthropics(request.headers):
            return anthropics.one(key, model)
        known = facts.group(names.group_of(model, names.access.aliases_of(key))) or {}
        return {**_model(model), **{name: known[name] for name in _DETAILS if known.get(name) is not None}}

    return router


def _in_googles_form(request: Request) -> bool:
    if request.url.path.startswith("/v1beta/"):
        return True
    return is_googles(request.headers) and not is_anthropics(request.headers)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "openai"}
