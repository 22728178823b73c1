"""GET /v1/models: the names a key may ask for."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request

from services.edge.model_names import ModelNames
from shared.errors import NotFound
from shared.keys import Key

CREATED = 1_677_610_602
"""A fixed time, LiteLLM's: a model list has no birthday, and clients compare."""


def model_routes(names: ModelNames, key_of: Callable[[Mapping[bytes, bytes], str], Key | None]) -> APIRouter:
    """`key_of(headers, route)` returns the caller's key, None for the master, or raises."""
    router = APIRouter(tags=["models"])

    def usable(request: Request) -> list[str]:
        return list(names.usable_by(key_of(dict(request.scope["headers"]), request.url.path)))

    @router.get("/v1/models", summary="The models this key may use")
    @router.get("/v1/models/", include_in_schema=False)
    @router.get("/models", include_in_schema=False)
    @router.get("/models/", include_in_schema=False)
    async def models(request: Request) -> dict[str, Any]:
        return {"object": "list", "data": [_model(name) for name in usable(request)]}

    @router.get("/v1/models/{model:path}", summary="One model")
    @router.get("/models/{model:path}", include_in_schema=False)
    async def model(model: str, request: Request) -> dict[str, Any]:
        if model not in usable(request):
            raise NotFound(f"The model `{model}` does not exist or is not accessible", param="model")
        return _model(model)

    return router


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "openai"}
