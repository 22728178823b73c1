"""The /tag routes: tags that requests carry, with budgets and limits of their own."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from services.edge.admin.authority import Actor, Identify, dependencies
from services.edge.admin.command import command
from services.edge.admin.others.requests import OneTag, SomeTags, TagFields
from services.edge.admin.others.rows import tag_row
from services.edge.admin.own_view import GONE, WaitUntilSeen
from services.edge.admin.spent_before import SpentBefore
from services.edge.admin.validation import PlainFaults
from services.edge.admin.values import as_json
from shared.bus import Bus
from shared.control import ControlVerb, HolderAnswer
from shared.identity.holders import entry_name


def tag_routes(bus: Bus, before: SpentBefore, identify: Identify, wait_until_seen: WaitUntilSeen) -> APIRouter:
    """Return the routes. `wait_until_seen` takes the name of an entry in the HOLDERS bucket."""
    routes = APIRouter(route_class=PlainFaults, tags=["tags"])
    _, manager = dependencies(identify)

    Manager = Annotated[Actor, Depends(manager)]

    async def changed(verb: ControlVerb, actor: Actor, body: dict[str, Any]) -> HolderAnswer:
        answer = await command(bus, verb, actor, body, HolderAnswer)
        await wait_until_seen(entry_name("tag", answer.entry.id), answer.entry.version)
        return answer

    async def body_of(fields: TagFields) -> dict[str, Any]:
        given = fields.model_dump(exclude_unset=True, exclude={"name"})
        return {"id": fields.name, "fields": await before.added("tag", fields.name, given)}

    @routes.post("/tag/new", summary="Make a tag with a budget, limits or a description")
    async def new(fields: TagFields, actor: Manager) -> Response:
        """Make it. Requests may carry tags that were never made: those are counted and not limited."""
        answer = await changed("tag_new", actor, await body_of(fields))
        return as_json({"message": f"Tag {fields.name} created successfully", "tag": tag_row(answer)})

    @routes.post("/tag/update", summary="Change a tag")
    async def update(fields: TagFields, actor: Manager) -> Response:
        """Change what is given: the rest stays, null clears a field."""
        answer = await changed("tag_update", actor, await body_of(fields))
        return as_json({"message": f"Tag {fields.name} updated successfully", "tag": tag_row(answer)})

    @routes.post("/tag/info", summary="Several tags' limits and spend")
    async def info(some: SomeTags, actor: Manager) -> Response:
        """Tell about those that exist, by name."""
        found = await command(bus, "tag_info", actor, {"ids": some.names}, list[HolderAnswer])
        return as_json({answer.entry.id: tag_row(answer) for answer in found})

    @routes.get("/tag/list", summary="All tags that were made")
    async def list_tags(actor: Manager) -> Response:
        found = await command(bus, "tag_list", actor, {}, list[HolderAnswer])
        return as_json([tag_row(answer) for answer in found])

    async def set_blocked(verb: ControlVerb, actor: Actor, name: str) -> Response:
        (answer,) = await command(bus, verb, actor, {"ids": [name]}, list[HolderAnswer])
        await wait_until_seen(entry_name("tag", name), answer.entry.version)
        return as_json(tag_row(answer))

    @routes.post("/tag/block", summary="Refuse requests with a tag until it is unblocked")
    async def block(one: OneTag, actor: Manager) -> Response:
        return await set_blocked("tag_block", actor, one.name)

    @routes.post("/tag/unblock", summary="Serve requests with a blocked tag again")
    async def unblock(one: OneTag, actor: Manager) -> Response:
        return await set_blocked("tag_unblock", actor, one.name)

    @routes.post("/tag/delete", summary="Delete a tag")
    async def delete(one: OneTag, actor: Manager) -> Response:
        await command(bus, "tag_delete", actor, {"ids": [one.name]}, list[HolderAnswer])
        await wait_until_seen(entry_name("tag", one.name), GONE)
        return as_json({"message": f"Tag {one.name} deleted successfully"})

    return routes
