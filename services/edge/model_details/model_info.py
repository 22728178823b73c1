"""GET /model/info, /model_group/info: what is known of the models a key may ask for."""

from collections.abc import Callable, Mapping
from math import ceil
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from services.edge.model_details.model_facts import ModelFacts
from services.edge.model_details.model_names import ModelNames
from shared.errors import InvalidRequest
from shared.identity.keys import Key


def model_info_routes(
    facts: ModelFacts, names: ModelNames, key_of: Callable[[Mapping[bytes, bytes], str], Key | None]
) -> APIRouter:
    """`key_of(headers, route)` returns the caller's key, None for the master, or raises."""
    router = APIRouter(tags=["models"])

    def groups(request: Request) -> dict[str, str]:
        """Return the model names the caller may use, wildcards too, with the configuration's name of each."""
        key = key_of(dict(request.scope["headers"]), request.url.path)
        usable = {name: names.group_of(name, names.access.aliases_of(key)) for name in names.usable_by(key)}
        return usable | {pattern: pattern for pattern in names.patterns_usable_by(key)}

    @router.get("/model/info", summary="The deployments behind the models this key may use")
    @router.get("/v1/model/info", include_in_schema=False)
    async def info(request: Request, litellm_model_id: str | None = None) -> dict[str, Any]:
        rows = facts.deployments(groups(request).values())
        if litellm_model_id is None:
            return {"data": rows}
        found = [row for row in rows if row["model_info"]["id"] == litellm_model_id]
        if not found:
            raise InvalidRequest(
                f"Model id = {litellm_model_id} not found. GET /model/info lists those there are.",
                param="litellm_model_id",
            )
        return {"data": found}

    @router.get("/v2/model/info", summary="The same, a page at a time")
    async def info_page(
        request: Request,
        page: Annotated[int, Query(ge=1)] = 1,
        size: Annotated[int, Query(ge=1, le=1_000)] = 50,
        model: str | None = None,
    ) -> dict[str, Any]:
        rows = [row for row in facts.deployments(groups(request).values()) if model in (None, row["model_name"])]
        start = (page - 1) * size
        return {
            "data": rows[start : start + size],
            "total_count": len(rows),
            "current_page": page,
            "total_pages": ceil(len(rows) / size),
            "size": size,
        }

    @router.get("/model_group/info", summary="The models this key may use, each over all its deployments")
    async def group_info(request: Request, model_group: str | None = None) -> dict[str, Any]:
        usable = groups(request)
        wanted = usable if model_group is None else {model_group: usable.get(model_group, "")}
        found = ((name, facts.group(group)) for name, group in wanted.items())
        return {"data": [{**row, "model_group": name} for name, row in found if row is not None]}

    return router
