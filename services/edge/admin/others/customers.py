"""The /customer routes, which are /end_user too: whom requests name as `user`, or in a header."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from services.edge.admin.authority import Actor, Identify, dependencies
from services.edge.admin.command import command
from services.edge.admin.ledger_spend import LedgerSpend
from services.edge.admin.others.requests import NewCustomer, SomeCustomers, UpdateCustomer
from services.edge.admin.others.rows import customer_row
from services.edge.admin.own_view import GONE, WaitUntilSeen
from services.edge.admin.spent_before import SpentBefore
from services.edge.admin.validation import PlainFaults
from services.edge.admin.values import as_json
from shared.bus import Bus
from shared.control import ControlVerb, HolderAnswer
from shared.errors import NotFound
from shared.identity.holders import entry_name

PREFIXES = ("/customer", "/end_user")


def customer_routes(
    bus: Bus, spend: LedgerSpend, before: SpentBefore, identify: Identify, wait_until_seen: WaitUntilSeen
) -> APIRouter:
    """Return the routes. `wait_until_seen` takes the name of an entry in the HOLDERS bucket."""
    routes = APIRouter(route_class=PlainFaults, tags=["customers"])
    _, manager = dependencies(identify)

    Manager = Annotated[Actor, Depends(manager)]

    async def changed(verb: ControlVerb, actor: Actor, body: dict[str, Any]) -> HolderAnswer:
        answer = await command(bus, verb, actor, body, HolderAnswer)
        await wait_until_seen(entry_name("end_user", answer.entry.id), answer.entry.version)
        return (await spend.fill([answer]))[0]

    async def body_of(fields: NewCustomer | UpdateCustomer) -> dict[str, Any]:
        given = fields.model_dump(exclude_unset=True, exclude={"user_id"})
        return {"id": fields.user_id, "fields": await before.added("end_user", fields.user_id, given)}

    async def new(fields: NewCustomer, actor: Manager) -> Response:
        return as_json(customer_row(await changed("customer_new", actor, await body_of(fields))))

    async def update(fields: UpdateCustomer, actor: Manager) -> Response:
        """Change what is given: the rest stays, null clears a field."""
        return as_json(customer_row(await changed("customer_update", actor, await body_of(fields))))

    async def info(actor: Manager, end_user_id: Annotated[str, Query(description="The customer")]) -> Response:
        found = await command(bus, "customer_info", actor, {"ids": [end_user_id]}, list[HolderAnswer])
        if not found:
            raise NotFound(f"End User Id={end_user_id} does not exist in db", param="end_user_id")
        return as_json(customer_row((await spend.fill(found))[0]))

    async def list_customers(actor: Manager) -> Response:
        found = await command(bus, "customer_list", actor, {}, list[HolderAnswer])
        return as_json([customer_row(answer) for answer in await spend.fill(found)])

    async def delete(some: SomeCustomers, actor: Manager) -> Response:
        """Delete all of them, or none where one does not exist."""
        await command(bus, "customer_delete", actor, {"ids": some.user_ids}, list[HolderAnswer])
        for user_id in some.user_ids:
            await wait_until_seen(entry_name("end_user", user_id), GONE)
        message = f"Successfully deleted customers with ids: {some.user_ids}"
        return as_json({"deleted_customers": len(some.user_ids), "message": message})

    async def set_blocked(verb: ControlVerb, some: SomeCustomers, actor: Actor) -> list[dict[str, Any]]:
        found = await command(bus, verb, actor, {"ids": some.user_ids}, list[HolderAnswer])
        for answer in found:
            await wait_until_seen(entry_name("end_user", answer.entry.id), answer.entry.version)
        return [customer_row(answer) for answer in found]

    async def block(some: SomeCustomers, actor: Manager) -> Response:
        """Refuse requests that name one of them. One that is not known yet is made."""
        return as_json({"blocked_users": await set_blocked("customer_block", some, actor)})

    async def unblock(some: SomeCustomers, actor: Manager) -> Response:
        return as_json({"unblocked_users": await set_blocked("customer_unblock", some, actor)})

    for prefix in PREFIXES:
        shown = prefix == PREFIXES[0]
        for name, handler, summary in (
            ("new", new, "Make a customer"),
            ("update", update, "Change a customer"),
            ("delete", delete, "Delete customers"),
            ("block", block, "Refuse requests of customers until they are unblocked"),
            ("unblock", unblock, "Serve blocked customers again"),
        ):
            routes.post(f"{prefix}/{name}", summary=summary, include_in_schema=shown)(handler)
        routes.get(f"{prefix}/info", summary="A customer's limits and spend", include_in_schema=shown)(info)
        routes.get(f"{prefix}/list", summary="All customers", include_in_schema=shown)(list_customers)

    return routes
