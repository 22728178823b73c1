"""The routes of organisations and their members; each answers only when this edge itself knows of the change."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from msgspec.structs import replace

from services.edge.admin.authority import Actor, Identify, dependencies
from services.edge.admin.command import command
from services.edge.admin.ledger_spend import LedgerSpend
from services.edge.admin.organizations.requests import (
    AddMembers,
    DeleteMember,
    NewOrganization,
    OneOrganization,
    SomeOrganizations,
    UpdateMember,
    UpdateOrganization,
)
from services.edge.admin.organizations.rows import membership, new_members, organization_row
from services.edge.admin.own_view import GONE, WaitUntilSeen
from services.edge.admin.validation import PlainFaults
from services.edge.admin.values import as_json
from shared.bus import Bus
from shared.control import ControlVerb, HolderAnswer, OrganizationAnswer
from shared.errors import AccessDenied
from shared.identity.holders import entry_name


def organization_routes(bus: Bus, spend: LedgerSpend, identify: Identify, wait_until_seen: WaitUntilSeen) -> APIRouter:
    """Return the routes. `wait_until_seen` takes the name of an entry in the HOLDERS bucket."""
    routes = APIRouter(route_class=PlainFaults, tags=["organizations"])
    caller, manager = dependencies(identify)

    Caller = Annotated[Actor, Depends(caller)]
    Manager = Annotated[Actor, Depends(manager)]

    async def changed(verb: ControlVerb, actor: Actor, body: dict[str, Any]) -> OrganizationAnswer:
        answer = await command(bus, verb, actor, body, OrganizationAnswer)
        for one in (answer.organization, *answer.members):
            await wait_until_seen(entry_name(one.entry.kind, one.entry.id), one.entry.version)
        return answer

    @routes.post("/organization/new", summary="Make an organisation")
    async def new(fields: NewOrganization, actor: Manager) -> Response:
        body = fields.model_dump(exclude_unset=True)
        return as_json(organization_row(await changed("organization_new", actor, body)))

    @routes.patch("/organization/update", summary="Change an organisation")
    async def update(fields: UpdateOrganization, actor: Manager) -> Response:
        """Change what is given: the rest stays, null clears a field."""
        body = fields.model_dump(exclude_unset=True)
        return as_json(organization_row(await changed("organization_update", actor, body)))

    @routes.get("/organization/info", summary="An organisation's limits, spend, teams and members")
    async def info(actor: Caller, organization_id: Annotated[str, Query(description="The organisation")]) -> Response:
        """Tell about it; a key that does not administer may ask for those its user is a member of."""
        asked = {"organization_id": organization_id}
        answer = await command(bus, "organization_info", actor, asked, OrganizationAnswer)
        mine = actor.user_id and any(member.entry.user_id == actor.user_id for member in answer.members)
        if not actor.is_admin and not mine:
            raise AccessDenied(
                f"key not allowed to access this organization's info. organization_id={organization_id}",
                type="auth_error",
            )
        return as_json(organization_row(answer))

    @routes.get("/organization/list", summary="Organisations")
    async def list_organizations(
        actor: Manager,
        org_id: Annotated[str | None, Query(description="The one with this id")] = None,
        org_alias: Annotated[str | None, Query(description="Part of an alias, whatever its case")] = None,
    ) -> Response:
        asked = {"organization_id": org_id, "organization_alias": org_alias}
        found = await command(bus, "organization_list", actor, asked, list[OrganizationAnswer])
        return as_json([organization_row(answer) for answer in found])

    @routes.delete("/organization/delete", summary="Delete organisations, with their teams, keys and memberships")
    async def delete(some: SomeOrganizations, actor: Manager) -> Response:
        """Delete all of them, or none where one does not exist."""
        found = await command(bus, "organization_delete", actor, some.model_dump(), list[OrganizationAnswer])
        for organization_id in some.organization_ids:
            await wait_until_seen(entry_name("organization", organization_id), GONE)
        return as_json([organization_row(answer) for answer in found])

    @routes.post("/organization/block", summary="Refuse all keys of an organisation until it is unblocked")
    async def block(one: OneOrganization, actor: Manager) -> Response:
        return as_json(organization_row(await changed("organization_block", actor, one.model_dump())))

    @routes.post("/organization/unblock", summary="Serve a blocked organisation again")
    async def unblock(one: OneOrganization, actor: Manager) -> Response:
        return as_json(organization_row(await changed("organization_unblock", actor, one.model_dump())))

    @routes.post("/organization/member_add", summary="Add members to an organisation")
    async def add_members(fields: AddMembers, actor: Manager) -> Response:
        body = fields.model_dump(exclude_unset=True)
        answer = await changed("organization_member_add", actor, body)
        return as_json(new_members(replace(answer, users=await spend.fill(answer.users))))

    @routes.patch("/organization/member_update", summary="Change a member's role")
    async def update_member(fields: UpdateMember, actor: Manager) -> Response:
        body = fields.model_dump(exclude_unset=True)
        return as_json(membership(await command(bus, "organization_member_update", actor, body, HolderAnswer)))

    @routes.delete("/organization/member_delete", summary="Take a user out of an organisation")
    async def delete_member(fields: DeleteMember, actor: Manager) -> Response:
        body = fields.model_dump(exclude_unset=True)
        return as_json(membership(await command(bus, "organization_member_delete", actor, body, HolderAnswer)))

    return routes
