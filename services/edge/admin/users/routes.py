"""The routes of users; each answers only when this edge itself knows of the change."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Response

from services.edge.admin.authority import Actor, Identify, dependencies
from services.edge.admin.command import command
from services.edge.admin.key_rows import unblocked_row
from services.edge.admin.ledger_spend import LedgerSpend
from services.edge.admin.own_view import GONE, WaitUntilSeen
from services.edge.admin.spent_before import SpentBefore
from services.edge.admin.teams.team_rows import team_row
from services.edge.admin.users.requests import ListUsers, NewUser, OneUser, SomeUsers, UpdateUser, UpdateUsers
from services.edge.admin.users.user_rows import ROLES, changed_user, counted_user, flat_user, new_user, user_info
from services.edge.admin.validation import PlainFaults
from services.edge.admin.values import as_json
from shared import control
from shared.bus import Bus
from shared.control import ControlVerb, KeyPage, TeamPage, UserAnswer, UserPage
from shared.errors import AccessDenied, GatewayError, InvalidRequest
from shared.identity.holders import entry_name

BULK_MAX = 500


def user_routes(
    bus: Bus,
    spend: LedgerSpend,
    before: SpentBefore,
    identify: Identify,
    key_seen: WaitUntilSeen,
    holder_seen: WaitUntilSeen,
) -> APIRouter:
    """Return the routes. `key_seen` takes a token, `holder_seen` the name of an entry in the HOLDERS bucket."""
    routes = APIRouter(route_class=PlainFaults, tags=["users"])
    caller, manager = dependencies(identify)

    Caller = Annotated[Actor, Depends(caller)]
    Manager = Annotated[Actor, Depends(manager)]

    async def with_spend(answers: list[UserAnswer]) -> list[UserAnswer]:
        filled = await spend.fill([answer.user for answer in answers])
        return [msgspec.structs.replace(one, user=user) for one, user in zip(answers, filled, strict=True)]

    async def changed(verb: ControlVerb, actor: Actor, body: dict[str, Any]) -> UserAnswer:
        body = await before.added("user", body.get("user_id"), body)
        answer = await command(bus, verb, actor, body, UserAnswer)
        await holder_seen(entry_name("user", answer.user.entry.id), answer.user.entry.version)
        return (await with_spend([answer]))[0]

    @routes.post("/user/new", summary="Make a user, and a key of it")
    async def new(fields: NewUser, actor: Manager) -> Response:
        """Make a user. The key is shown once; `auto_create_key: false` makes none."""
        body = await before.added("user", fields.user_id, fields.model_dump(exclude_unset=True))
        made = await command(bus, "user_new", actor, body, control.NewUser)
        await holder_seen(entry_name("user", made.user.entry.id), made.user.entry.version)
        if made.generated is not None:
            await key_seen(made.generated.answer.entry.token, made.generated.answer.entry.version)
        return as_json(new_user(made))

    async def found(actor: Actor, user_id: str | None) -> UserAnswer:
        wanted = user_id if user_id is not None else actor.user_id
        if not wanted:
            raise InvalidRequest("This key belongs to no user. Name one as user_id.", param="user_id")
        if not actor.is_admin and wanted != actor.user_id:
            raise AccessDenied(
                f"key not allowed to access this user's info. user_id={wanted}, key's user_id={actor.user_id or None}",
                type="auth_error",
            )
        return (await with_spend([await command(bus, "user_info", actor, {"user_id": wanted}, UserAnswer)]))[0]

    @routes.get("/user/info", summary="A user's limits, spend, keys and teams")
    async def info(
        actor: Caller, user_id: Annotated[str | None, Query(description="The user; without it, whose key asks")] = None
    ) -> Response:
        """Tell about a user. The master key without a `user_id` is told of all keys and teams."""
        if user_id is None and actor.is_admin:
            keys = await command(bus, "key_list", actor, {"size": 100, "figures": True}, KeyPage)
            teams = await command(bus, "team_list", actor, {}, TeamPage)
            rows = [{**unblocked_row(key), "team_alias": "None"} for key in keys.keys]
            told = {"user_id": None, "user_info": None, "keys": rows, "teams": [team_row(one) for one in teams.teams]}
            return as_json(told)
        return as_json(user_info(await found(actor, user_id)))

    @routes.get("/v2/user/info", summary="A user, without keys")
    async def flat_info(
        actor: Caller, user_id: Annotated[str | None, Query(description="The user; without it, whose key asks")] = None
    ) -> Response:
        return as_json(flat_user(await found(actor, user_id)))

    @routes.get("/user/list", summary="Users, filtered, in pages")
    async def list_users(query: Annotated[ListUsers, Query()], actor: Manager) -> Response:
        page = await command(bus, "user_list", actor, query.as_query(), UserPage)
        return as_json(
            {
                "users": [counted_user(answer) for answer in await with_spend(page.users)],
                "total": page.total,
                "page": query.page,
                "page_size": query.page_size,
                "total_pages": -(-page.total // query.page_size),
            }
        )

    @routes.post("/user/update", summary="Change a user")
    async def update(fields: UpdateUser, actor: Manager) -> Response:
        """Change what is given: the rest stays, null clears a field. A user that is not there is made."""
        answer = await changed("user_update", actor, fields.model_dump(exclude_unset=True))
        return as_json({"user_id": answer.user.entry.id, "data": changed_user(answer)})

    @routes.post("/user/bulk_update", summary="Change several users")
    async def bulk_update(updates: UpdateUsers, actor: Manager) -> Response:
        """Change each by itself; those that fail say why, the others are made."""
        if not updates.users or len(updates.users) > BULK_MAX:
            message = f"1 to {BULK_MAX} users can be updated at once. Found {len(updates.users)}."
            raise InvalidRequest(message, param="users", type="bad_request_error")
        results: list[dict[str, Any]] = []
        for fields in updates.users:
            result: dict[str, Any] = {"user_id": fields.user_id, "user_email": fields.user_email}
            try:
                answer = await changed("user_update", actor, fields.model_dump(exclude_unset=True))
            except GatewayError as error:
                results.append({**result, "success": False, "error": error.message, "updated_user": None})
            else:
                row = changed_user(answer)
                about = {"user_id": row["user_id"], "user_email": row["user_email"]}
                results.append({**about, "success": True, "error": None, "updated_user": row})
        made = sum(bool(result["success"]) for result in results)
        return as_json(
            {
                "results": results,
                "total_requested": len(results),
                "successful_updates": made,
                "failed_updates": len(results) - made,
            }
        )

    @routes.post("/user/delete", summary="Delete users, with their keys and memberships")
    async def delete(some: SomeUsers, actor: Manager) -> Response:
        """Delete all of them, or none where one does not exist. The answer is their number."""
        number = await command(bus, "user_delete", actor, some.model_dump(), int)
        for user_id in some.user_ids:
            await holder_seen(entry_name("user", user_id), GONE)
        return as_json(number)

    @routes.post("/user/block", summary="Refuse all keys of a user until it is unblocked")
    async def block(one: OneUser, actor: Manager) -> Response:
        return as_json(changed_user(await changed("user_block", actor, one.model_dump())))

    @routes.post("/user/unblock", summary="Serve a blocked user again")
    async def unblock(one: OneUser, actor: Manager) -> Response:
        return as_json(changed_user(await changed("user_unblock", actor, one.model_dump())))

    @routes.get("/user/available_roles", summary="What a user can be")
    async def roles(_: Caller) -> Response:
        return as_json(ROLES)

    return routes
