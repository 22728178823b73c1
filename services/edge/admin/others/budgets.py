"""The /budget routes: terms that others name by `budget_id`."""

from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Depends, Query, Response

from services.edge.admin.authority import Actor, Identify, dependencies
from services.edge.admin.command import command
from services.edge.admin.others.requests import NewBudget, OneBudget, SomeBudgets, UpdateBudget
from services.edge.admin.others.rows import budget_row, budget_settings
from services.edge.admin.own_view import GONE, WaitUntilSeen
from services.edge.admin.validation import PlainFaults
from services.edge.admin.values import as_json
from shared.bus import Bus
from shared.control import ControlVerb, HolderAnswer
from shared.errors import NotFound
from shared.identity.holders import entry_name


def budget_routes(bus: Bus, identify: Identify, wait_until_seen: WaitUntilSeen) -> APIRouter:
    """Return the routes. `wait_until_seen` takes the name of an entry in the HOLDERS bucket."""
    routes = APIRouter(route_class=PlainFaults, tags=["budgets"])
    _, manager = dependencies(identify)

    Manager = Annotated[Actor, Depends(manager)]

    async def seen(answer: HolderAnswer) -> HolderAnswer:
        await wait_until_seen(entry_name("budget", answer.entry.id), answer.entry.version)
        return answer

    @routes.post("/budget/new", summary="Make a shared budget")
    async def new(fields: NewBudget, actor: Manager) -> Response:
        given = fields.model_dump(exclude_unset=True, exclude={"budget_id"})
        body = {"id": fields.budget_id or str(uuid4()), "fields": given}
        return as_json(budget_row(await seen(await command(bus, "budget_new", actor, body, HolderAnswer))))

    @routes.post("/budget/update", summary="Change a shared budget")
    async def update(fields: UpdateBudget, actor: Manager) -> Response:
        """Change what is given: the rest stays, null clears a field."""
        body = {"id": fields.budget_id, "fields": fields.model_dump(exclude_unset=True, exclude={"budget_id"})}
        return as_json(budget_row(await seen(await command(bus, "budget_update", actor, body, HolderAnswer))))

    @routes.post("/budget/info", summary="Several shared budgets")
    async def info(some: SomeBudgets, actor: Manager) -> Response:
        """Tell about those that exist."""
        found = await command(bus, "budget_info", actor, {"ids": some.budgets}, list[HolderAnswer])
        return as_json([budget_row(answer) for answer in found])

    @routes.get("/budget/list", summary="All shared budgets")
    async def list_budgets(actor: Manager) -> Response:
        found = await command(bus, "budget_list", actor, {}, list[HolderAnswer])
        return as_json([budget_row(answer) for answer in found])

    @routes.get("/budget/settings", summary="The fields of a shared budget, and what they are")
    async def settings(actor: Manager, budget_id: Annotated[str, Query(description="The budget")]) -> Response:
        found = await command(bus, "budget_info", actor, {"ids": [budget_id]}, list[HolderAnswer])
        if not found:
            raise NotFound(f"Budget not found: {budget_id}", param="budget_id")
        return as_json(budget_settings(found[0]))

    async def set_blocked(verb: ControlVerb, actor: Actor, budget_id: str) -> Response:
        (answer,) = await command(bus, verb, actor, {"ids": [budget_id]}, list[HolderAnswer])
        return as_json(budget_row(await seen(answer)))

    @routes.post("/budget/block", summary="Let nothing be spent by whoever has a shared budget's terms")
    async def block(one: OneBudget, actor: Manager) -> Response:
        return await set_blocked("budget_block", actor, one.id)

    @routes.post("/budget/unblock", summary="Let a blocked shared budget be spent again")
    async def unblock(one: OneBudget, actor: Manager) -> Response:
        return await set_blocked("budget_unblock", actor, one.id)

    @routes.post("/budget/delete", summary="Delete a shared budget")
    async def delete(one: OneBudget, actor: Manager) -> Response:
        """Delete it. Whoever named it is without these terms then."""
        (gone,) = await command(bus, "budget_delete", actor, {"ids": [one.id]}, list[HolderAnswer])
        await wait_until_seen(entry_name("budget", one.id), GONE)
        return as_json(budget_row(gone))

    return routes
