"""The /key routes: LiteLLM's paths, fields, answers and statuses."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from services.edge.admin.authority import Actor, Identify, dependencies, require_own_key
from services.edge.admin.command import command
from services.edge.admin.key_rows import (
    blocked_row,
    bulk_row,
    generated_row,
    info_row,
    listed_row,
    regenerated_row,
    reset_row,
    unblocked_row,
    updated_row,
    v2_info_row,
)
from services.edge.admin.own_view import GONE, WaitUntilSeen
from services.edge.admin.requests import (
    GenerateKey,
    ListKeys,
    OneKey,
    RegenerateKey,
    ResetSpend,
    SomeKeys,
    UpdateKey,
    UpdateKeys,
)
from services.edge.admin.validation import PlainFaults
from services.edge.admin.values import as_json
from shared.bus import Bus
from shared.control import ControlVerb, DeletedKey, GeneratedKey, KeyAnswer, KeyPage, SpendWasReset
from shared.errors import GatewayError, InvalidRequest, NotFound
from shared.identity.keys import as_token, entry_names

BULK_MAX = 500


def key_routes(bus: Bus, identify: Identify, wait_until_seen: WaitUntilSeen) -> APIRouter:
    """Return the routes; each answers only when this edge itself knows of the change."""
    routes = APIRouter(route_class=PlainFaults, tags=["keys"])
    caller, manager = dependencies(identify)

    Caller = Annotated[Actor, Depends(caller)]
    Manager = Annotated[Actor, Depends(manager)]

    async def changed(verb: ControlVerb, actor: Actor, body: dict[str, Any]) -> KeyAnswer:
        answer = await command(bus, verb, actor, body, KeyAnswer)
        await seen(answer)
        return answer

    async def seen(answer: KeyAnswer) -> None:
        for name in entry_names(answer.entry):
            await wait_until_seen(name, answer.entry.version)

    @routes.post("/key/generate", summary="Make a key")
    async def generate(fields: GenerateKey, actor: Manager) -> Response:
        """Make a key, or take one of your own. It is shown once; only its SHA-256 is kept."""
        made = await command(bus, "key_generate", actor, fields.model_dump(exclude_unset=True), GeneratedKey)
        await seen(made.answer)
        return as_json(generated_row(made))

    @routes.post("/key/service-account/generate", summary="Make a key of a team that is no user's")
    async def generate_of_team(fields: GenerateKey, actor: Manager) -> Response:
        """Make a key that outlives whoever made it: it belongs to a team, which must be named, and to no user."""
        if not fields.team_id:
            raise InvalidRequest(
                "team_id is required for service account keys. Name the team the key is to belong to.",
                param="team_id",
                type="bad_request_error",
            )
        body = fields.model_dump(exclude_unset=True, exclude={"user_id"})
        made = await command(bus, "key_generate", actor, body, GeneratedKey)
        await seen(made.answer)
        return as_json(generated_row(made))

    @routes.get("/key/info", summary="A key's limits and spend")
    async def info(
        actor: Caller, key: Annotated[str | None, Query(description="The key or its SHA-256")] = None
    ) -> Response:
        """Tell about a key; without one, about the key that asks."""
        name = key if key is not None else actor.key_token
        require_own_key(actor, name)
        try:
            answer = await command(bus, "key_info", actor, {"key": as_token(name)}, KeyAnswer)
        except GatewayError as error:
            if error.status != NotFound.status:
                raise
            raise NotFound("Key not found in database", param="key") from None
        return as_json({"key": name, "info": info_row(answer, time.time())})

    @routes.post("/v2/key/info", summary="Several keys' limits and spend")
    async def find(some: SomeKeys, actor: Manager) -> Response:
        """Tell about those that exist."""
        names = some.keys or some.key_aliases
        found = await command(bus, "key_find", actor, _named(some), list[KeyAnswer])
        return as_json({"key": names, "info": [v2_info_row(answer) for answer in found]})

    @routes.post("/key/update", summary="Change a key")
    async def update(fields: UpdateKey, actor: Manager) -> Response:
        """Change what is given: the rest stays, null clears a field."""
        answer = await changed("key_update", actor, _update(fields))
        return as_json(updated_row(answer, fields.key if fields.key is not None else answer.entry.token))

    @routes.post("/key/bulk_update", summary="Change several keys")
    async def bulk_update(updates: UpdateKeys, actor: Manager) -> Response:
        """Change each by itself; those that fail say why, the others are made."""
        if not updates.keys:
            raise InvalidRequest("No keys provided for update", param="keys", type="bad_request_error")
        if len(updates.keys) > BULK_MAX:
            found = f"Found {len(updates.keys)} keys."
            message = f"Maximum {BULK_MAX} keys can be updated at once. {found}"
            raise InvalidRequest(message, param="keys", type="bad_request_error")
        done: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        for fields in updates.keys:
            name = fields.key if fields.key is not None else fields.key_alias
            try:
                answer = await changed("key_update", actor, _update(fields))
            except GatewayError as error:
                failed.append({"key": name, "key_info": None, "failed_reason": error.message})
            else:
                done.append({"key": name, "key_info": bulk_row(answer)})
        return as_json({"total_requested": len(updates.keys), "successful_updates": done, "failed_updates": failed})

    @routes.post("/key/delete", summary="Delete keys")
    async def delete(some: SomeKeys, actor: Manager) -> Response:
        """Delete those that exist. A deleted key never comes back."""
        deleted = await command(bus, "key_delete", actor, _named(some), list[DeletedKey])
        for one in deleted:
            for name in (one.token, *one.secrets):
                await wait_until_seen(name, GONE)
        gone = {one.name for one in deleted}
        names = some.keys or some.key_aliases or []
        return as_json({"deleted_keys": [name for name in names if name in gone or as_token(name) in gone]})

    @routes.post("/key/block", summary="Refuse a key until it is unblocked")
    async def block(one: OneKey, actor: Manager) -> Response:
        return as_json(blocked_row(await changed("key_block", actor, {"key": as_token(one.key)})))

    @routes.post("/key/unblock", summary="Serve a blocked key again")
    async def unblock(one: OneKey, actor: Manager) -> Response:
        return as_json(unblocked_row(await changed("key_unblock", actor, {"key": as_token(one.key)})))

    @routes.post("/key/regenerate", summary="Give a key another secret")
    @routes.post("/key/{key}/regenerate", include_in_schema=False)
    async def regenerate(actor: Manager, fields: RegenerateKey | None = None, key: str | None = None) -> Response:
        """Exchange what a client sends for another, which is shown once. What is spent, budgets and limits go on."""
        given = fields.model_dump(exclude_unset=True) if fields is not None else {}
        if given.pop("new_master_key", None) is not None:
            raise InvalidRequest(
                "The master key is not changed by a call: set general_settings.master_key and restart the gateway.",
                param="new_master_key",
                type="bad_request_error",
            )
        named = key if key is not None else given.get("key")
        if named is None and given.get("key_alias") is None:
            raise InvalidRequest(
                "No key given. Name it in the path (/key/{key}/regenerate), by key, or by key_alias.",
                param="key",
                type="bad_request_error",
            )
        body = {**given, "key": as_token(named)} if named is not None else given
        made = await command(bus, "key_regenerate", actor, body, GeneratedKey)
        await seen(made.answer)
        return as_json(regenerated_row(made))

    @routes.post("/key/{key}/reset_spend", summary="Set what a key has spent of its budget")
    async def reset_spend(key: str, fields: ResetSpend, actor: Manager) -> Response:
        """Set what counts against its budget in the present window; the spend logs keep all that was ever spent."""
        body = {"key": as_token(key), "reset_to": fields.reset_to}
        done = await command(bus, "key_reset_spend", actor, body, SpendWasReset)
        await seen(done.answer)
        return as_json(reset_row(done))

    @routes.get("/key/list", summary="Keys, filtered, in pages")
    async def list_keys(query: Annotated[ListKeys, Query()], actor: Manager) -> Response:
        """List their SHA-256s, or whole rows with return_full_object."""
        whole = query.return_full_object or "user" in (query.expand or ())
        page = await command(bus, "key_list", actor, query.as_query(figures=whole), KeyPage)
        rows = [listed_row(answer) if whole else answer.entry.token for answer in page.keys]
        return as_json(
            {
                "keys": rows,
                "total_count": page.total,
                "current_page": query.page,
                "total_pages": -(-page.total // query.size),
            }
        )

    @routes.get("/key/aliases", summary="Aliases in use, in pages")
    async def list_aliases(
        actor: Manager,
        page: Annotated[int, Query(ge=1)] = 1,
        size: Annotated[int, Query(ge=1, le=100)] = 50,
        search: Annotated[str | None, Query(description="Part of an alias, whatever its case")] = None,
    ) -> Response:
        query = {"page": page, "size": size, "key_alias": search or None, "substring_matching": True}
        query |= {"only_aliased": True, "sort_by": "key_alias", "sort_order": "asc"}
        found = await command(bus, "key_list", actor, query, KeyPage)
        return as_json(
            {
                "aliases": [answer.entry.key_alias for answer in found.keys],
                "total_count": found.total,
                "current_page": page,
                "total_pages": -(-found.total // size),
                "size": size,
            }
        )

    @routes.post("/key/health", summary="Whether the key that asks counts")
    async def health(_: Caller) -> Response:
        return as_json({"key": "healthy", "logging_callbacks": None})

    return routes


def _update(fields: UpdateKey) -> dict[str, Any]:
    """The key itself does not leave the edge where its token does as well."""
    body = fields.model_dump(exclude_unset=True)
    if fields.key is not None:
        body["key"] = as_token(fields.key)
    return body


def _named(some: SomeKeys) -> dict[str, Any]:
    if some.keys:
        return {"keys": [as_token(key) for key in some.keys]}
    return {"key_aliases": some.key_aliases}
