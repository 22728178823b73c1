"""The routes of teams and their members; each answers only when this edge itself knows of the change."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from msgspec.structs import replace

from services.edge.admin.authority import Actor, Identify, dependencies
from services.edge.admin.command import command
from services.edge.admin.holder_rows import terms_row
from services.edge.admin.ledger_spend import LedgerSpend
from services.edge.admin.own_view import GONE, WaitUntilSeen
from services.edge.admin.teams.requests import (
    AddMembers,
    DeleteMember,
    ListTeams,
    NewTeam,
    OneTeam,
    SomeTeams,
    TeamModels,
    UpdateMember,
    UpdateTeam,
)
from services.edge.admin.teams.team_rows import (
    changed_team,
    listed_team,
    paged_team,
    team_info,
    team_row,
    team_with_new_members,
)
from services.edge.admin.validation import PlainFaults
from services.edge.admin.values import as_detail, as_json
from shared.bus import Bus
from shared.control import ControlVerb, HolderAnswer, TeamAnswer, TeamPage
from shared.errors import AccessDenied, GatewayError, NotFound
from shared.identity.holders import Holder, entry_name

PERMISSIONS = (
    *("/key/generate", "/key/update", "/key/delete", "/key/regenerate", "/key/service-account/generate"),
    *("/key/{key_id}/regenerate", "/key/block", "/key/unblock", "/key/bulk_update", "/key/{key_id}/reset_spend"),
    *("/key/info", "/key/list", "/key/aliases", "/team/daily/activity"),
)


def team_routes(bus: Bus, spend: LedgerSpend, identify: Identify, wait_until_seen: WaitUntilSeen) -> APIRouter:
    """Return the routes. `wait_until_seen` takes the name of an entry in the HOLDERS bucket."""
    routes = APIRouter(route_class=PlainFaults, tags=["teams"])
    caller, manager = dependencies(identify)

    Caller = Annotated[Actor, Depends(caller)]
    Manager = Annotated[Actor, Depends(manager)]

    async def seen(answer: TeamAnswer) -> TeamAnswer:
        for one in (answer.team, *answer.members):
            await wait_until_seen(entry_name(one.entry.kind, one.entry.id), one.entry.version)
        return answer

    async def changed(verb: ControlVerb, actor: Actor, body: dict[str, Any]) -> TeamAnswer:
        return await seen(await command(bus, verb, actor, body, TeamAnswer))

    @routes.post("/team/new", summary="Make a team")
    async def new(fields: NewTeam, actor: Manager) -> Response:
        """Make a team; whoever asks is its first administrator."""
        return as_json(team_row(await changed("team_new", actor, fields.model_dump(exclude_unset=True))))

    @routes.get("/team/info", summary="A team's limits, spend, keys and members")
    async def info(actor: Caller, team_id: Annotated[str, Query(description="The team")]) -> Response:
        """Tell about a team; a key that does not administer may ask for its own team, and for those its user is in."""
        answer = await command(bus, "team_info", actor, {"team_id": team_id}, TeamAnswer)
        _require_in_team(actor, answer)
        budget_id = answer.team.entry.extra.get("team_member_budget_id")
        defaults = None
        if budget_id:
            found = await command(bus, "budget_info", _AS_GATEWAY, {"ids": [budget_id]}, list[HolderAnswer])
            defaults = {"budget_id": budget_id, **terms_row(found[0].entry)} if found else None
        return as_json(team_info(answer, defaults))

    @routes.get("/team/list", summary="Teams")
    async def list_teams(query: Annotated[ListTeams, Query()], actor: Manager) -> Response:
        asked = query.model_dump(exclude_none=True, exclude={"page", "page_size"})
        page = await command(bus, "team_list", actor, {**asked, "keys": True}, TeamPage)
        return as_json([listed_team(answer) for answer in page.teams])

    @routes.get("/v2/team/list", summary="Teams, filtered, in pages")
    async def page_teams(query: Annotated[ListTeams, Query()], actor: Manager) -> Response:
        page = await command(bus, "team_list", actor, query.model_dump(exclude_none=True), TeamPage)
        return as_json(
            {
                "teams": [paged_team(answer) for answer in page.teams],
                "total": page.total,
                "page": query.page,
                "page_size": query.page_size,
                "total_pages": -(-page.total // query.page_size),
            }
        )

    @routes.post("/team/update", summary="Change a team")
    async def update(fields: UpdateTeam, actor: Manager) -> Response:
        """Change what is given: the rest stays, null clears a field."""
        answer = await changed("team_update", actor, fields.model_dump(exclude_unset=True))
        return as_json({"team_id": fields.team_id, "data": changed_team(answer)})

    @routes.post("/team/delete", summary="Delete teams, with their keys and memberships")
    async def delete(some: SomeTeams, actor: Manager) -> Response:
        """Delete all of them, or none where one does not exist."""
        try:
            deleted = await command(bus, "team_delete", actor, some.model_dump(), list[str])
        except GatewayError as error:
            if error.status != NotFound.status:
                raise
            return as_detail(error.message, error.status)
        for team_id in deleted:
            await wait_until_seen(entry_name("team", team_id), GONE)
        return as_json({"deleted_teams": deleted})

    @routes.post("/team/block", summary="Refuse all keys of a team until it is unblocked")
    async def block(one: OneTeam, actor: Manager) -> Response:
        return as_json(changed_team(await changed("team_block", actor, one.model_dump())))

    @routes.post("/team/unblock", summary="Serve a blocked team again")
    async def unblock(one: OneTeam, actor: Manager) -> Response:
        return as_json(changed_team(await changed("team_unblock", actor, one.model_dump())))

    @routes.post("/team/model/add", summary="Let a team use more models")
    async def add_models(some: TeamModels, actor: Manager) -> Response:
        return as_json(changed_team(await changed("team_models_add", actor, some.model_dump())))

    @routes.post("/team/model/delete", summary="Let a team use fewer models")
    async def delete_models(some: TeamModels, actor: Manager) -> Response:
        """Take models from its list. A list that becomes empty allows all models."""
        return as_json(changed_team(await changed("team_models_delete", actor, some.model_dump())))

    @routes.post("/team/member_add", summary="Add members to a team")
    async def add_members(fields: AddMembers, actor: Manager) -> Response:
        answer = await changed("member_add", actor, fields.model_dump(exclude_unset=True))
        return as_json(team_with_new_members(replace(answer, users=await spend.fill(answer.users))))

    @routes.post("/team/member_update", summary="Change what a member may spend, or the role")
    async def update_member(fields: UpdateMember, actor: Manager) -> Response:
        entry = await command(bus, "member_update", actor, fields.model_dump(exclude_unset=True), Holder)
        await wait_until_seen(entry_name("member", entry.id), entry.version)
        terms = terms_row(entry)
        return as_json(
            {
                "user_id": entry.user_id,
                "user_email": entry.extra.get("user_email"),
                "team_id": entry.team_id,
                "max_budget_in_team": terms["max_budget"],
                **{name: terms[name] for name in ("tpm_limit", "rpm_limit", "budget_duration")},
                "allowed_models": terms["allowed_models"] or None,
                **{name: terms[name] for name in ("temp_budget_increase", "temp_budget_expiry")},
            }
        )

    @routes.post("/team/member_delete", summary="Take a user out of a team")
    async def delete_member(fields: DeleteMember, actor: Manager) -> Response:
        """Take a user out, and delete the keys the user has in the team."""
        try:
            return as_json(team_row(await changed("member_delete", actor, fields.model_dump(exclude_none=True))))
        except GatewayError as error:
            if error.message != "User not found in team":
                raise
            return as_detail(error.message, error.status)

    @routes.get("/team/permissions_list", summary="Which key routes members of a team may call")
    async def permissions(actor: Manager, team_id: Annotated[str, Query(description="The team")]) -> Response:
        answer = await command(bus, "team_info", actor, {"team_id": team_id}, TeamAnswer)
        allowed = answer.team.entry.extra.get("team_member_permissions") or []
        return as_json(
            {"team_id": team_id, "team_member_permissions": allowed, "all_available_permissions": PERMISSIONS}
        )

    @routes.get("/team/available", summary="Teams a user may join")
    async def available(_: Caller) -> Response:
        """None: members are added by administrators."""
        return as_json([])

    return routes


_AS_GATEWAY = Actor(key_token="", is_admin=True, user_id="")


def _require_in_team(actor: Actor, answer: TeamAnswer) -> None:
    team_id = answer.team.entry.id
    if actor.is_admin or actor.team_id == team_id:
        return
    if actor.user_id and any(member.entry.user_id == actor.user_id for member in answer.members):
        return
    raise AccessDenied(
        f"key not allowed to access this team's info. team_id={team_id}, key's team_id={actor.team_id or None}",
        type="auth_error",
    )
