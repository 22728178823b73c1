"""Which command of the control plane each verb of `cmd.control.<verb>` is, and how its body is read."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from services.policy.control.others.commands import Standalone
from services.policy.control.plane import ControlPlane
from shared.control import Actor, KeyQuery, TeamQuery, UserQuery
from shared.errors import InvalidRequest

T = TypeVar("T")

Body = dict[str, Any]
Answer = Callable[[ControlPlane, Body, Actor], Awaitable[Any]]


def _name(body: Body, field: str) -> str:
    name = body.get(field)
    if not isinstance(name, str):
        raise InvalidRequest(f"{field} must be given, as a string.", param=field)
    return name


def _names(body: Body, field: str) -> list[str]:
    try:
        return msgspec.convert(body.get(field) or [], list[str])
    except msgspec.ValidationError:
        raise InvalidRequest(f"{field} must be a list of strings.", param=field) from None


def _query(body: Body, kind: type[T]) -> T:
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"Not a list that can be asked for: {error}") from None


def _fields(body: Body) -> Body:
    fields = body.get("fields") or {}
    if not isinstance(fields, dict):
        raise InvalidRequest("fields must be an object.", param="fields")
    return fields


def _without(body: Body, *fields: str) -> Body:
    return {name: value for name, value in body.items() if name not in fields}


_KEYS: dict[str, Answer] = {
    "key_generate": lambda plane, body, actor: plane.keys.generate(body, by=actor.id),
    "key_update": lambda plane, body, actor: plane.keys.update(body, by=actor.id),
    "key_delete": lambda plane, body, actor: plane.keys.delete(
        _names(body, "keys"), _names(body, "key_aliases"), by=actor.id
    ),
    "key_block": lambda plane, body, actor: plane.keys.block(_name(body, "key"), by=actor.id),
    "key_unblock": lambda plane, body, actor: plane.keys.unblock(_name(body, "key"), by=actor.id),
    "key_info": lambda plane, body, _: plane.keys.info(_name(body, "key")),
    "key_find": lambda plane, body, _: plane.keys.find(_names(body, "keys"), _names(body, "key_aliases")),
    "key_regenerate": lambda plane, body, actor: plane.keys.regenerate(body, by=actor.id),
    "key_reset_spend": lambda plane, body, actor: plane.keys.reset_spend(
        _name(body, "key"), body.get("reset_to"), by=actor.id
    ),
    "key_list": lambda plane, body, _: plane.keys.list_keys(_query(body, KeyQuery)),
}
_TEAMS: dict[str, Answer] = {
    "team_new": lambda plane, body, actor: plane.teams.new(body, actor),
    "team_update": lambda plane, body, actor: plane.teams.update(
        _name(body, "team_id"), _without(body, "team_id"), actor
    ),
    "team_models_add": lambda plane, body, actor: plane.teams.change_models(
        _name(body, "team_id"), _names(body, "models"), actor, add=True
    ),
    "team_models_delete": lambda plane, body, actor: plane.teams.change_models(
        _name(body, "team_id"), _names(body, "models"), actor, add=False
    ),
    "team_delete": lambda plane, body, actor: plane.teams.delete(_names(body, "team_ids"), actor),
    "team_block": lambda plane, body, actor: plane.teams.set_blocked(_name(body, "team_id"), True, actor),
    "team_unblock": lambda plane, body, actor: plane.teams.set_blocked(_name(body, "team_id"), False, actor),
    "team_info": lambda plane, body, _: plane.teams.info(_name(body, "team_id")),
    "team_list": lambda plane, body, _: plane.teams.list_teams(_query(body, TeamQuery)),
    "member_add": lambda plane, body, actor: plane.members.add({**body, "team_id": _name(body, "team_id")}, actor),
    "member_update": lambda plane, body, actor: plane.members.update(
        {**body, "team_id": _name(body, "team_id")}, actor
    ),
    "member_delete": lambda plane, body, actor: plane.members.delete(
        {**body, "team_id": _name(body, "team_id")}, actor
    ),
}
_USERS: dict[str, Answer] = {
    "user_new": lambda plane, body, actor: plane.users.new(body, actor),
    "user_update": lambda plane, body, actor: plane.users.update(body, actor),
    "user_delete": lambda plane, body, actor: plane.users.delete(_names(body, "user_ids"), actor),
    "user_block": lambda plane, body, actor: plane.users.set_blocked(_name(body, "user_id"), True, actor),
    "user_unblock": lambda plane, body, actor: plane.users.set_blocked(_name(body, "user_id"), False, actor),
    "user_info": lambda plane, body, _: plane.users.info(_name(body, "user_id")),
    "user_list": lambda plane, body, _: plane.users.list_users(_query(body, UserQuery)),
}
_ORGANIZATIONS: dict[str, Answer] = {
    "organization_new": lambda plane, body, actor: plane.organizations.new(body, actor),
    "organization_update": lambda plane, body, actor: plane.organizations.update(
        _name(body, "organization_id"), _without(body, "organization_id"), actor
    ),
    "organization_delete": lambda plane, body, actor: plane.organizations.delete(
        _names(body, "organization_ids"), actor
    ),
    "organization_block": lambda plane, body, actor: plane.organizations.set_blocked(
        _name(body, "organization_id"), True, actor
    ),
    "organization_unblock": lambda plane, body, actor: plane.organizations.set_blocked(
        _name(body, "organization_id"), False, actor
    ),
    "organization_info": lambda plane, body, _: plane.organizations.info(_name(body, "organization_id")),
    "organization_list": lambda plane, body, _: plane.organizations.list_all(
        body.get("organization_id"), body.get("organization_alias")
    ),
    "organization_member_add": lambda plane, body, actor: plane.organizations.add_members(body, actor),
    "organization_member_update": lambda plane, body, actor: plane.organizations.update_member(body, actor),
    "organization_member_delete": lambda plane, body, actor: plane.organizations.delete_member(body, actor),
}


def _standalone(prefix: str, of: Callable[[ControlPlane], Standalone]) -> dict[str, Answer]:
    """Return the verbs of shared budgets, customers or tags: their bodies name them by `id` or `ids`."""
    return {
        f"{prefix}_new": lambda plane, body, actor: of(plane).new(_name(body, "id"), _fields(body), actor),
        f"{prefix}_update": lambda plane, body, actor: of(plane).update(_name(body, "id"), _fields(body), actor),
        f"{prefix}_delete": lambda plane, body, actor: of(plane).delete(_names(body, "ids"), actor),
        f"{prefix}_block": lambda plane, body, actor: of(plane).set_blocked(_names(body, "ids"), True, actor),
        f"{prefix}_unblock": lambda plane, body, actor: of(plane).set_blocked(_names(body, "ids"), False, actor),
        f"{prefix}_info": lambda plane, body, _: of(plane).info(_names(body, "ids")),
        f"{prefix}_list": lambda plane, _body, _: of(plane).list_all(),
    }


_STANDALONE = {
    **_standalone("budget", lambda plane: plane.budgets),
    **_standalone("customer", lambda plane: plane.customers),
    **_standalone("tag", lambda plane: plane.tags),
}

_PROVIDERS: dict[str, Answer] = {"provider_budgets": lambda plane, _body, _: plane.providers.list_all()}

VERBS = {**_KEYS, **_TEAMS, **_USERS, **_ORGANIZATIONS, **_STANDALONE, **_PROVIDERS}

FOR_ANYBODY = frozenset({"key_info", "team_info", "user_info", "organization_info"})
"""Edge lets a key ask for itself and its own alone."""
