"""What can be done to users. A user and the memberships it begins with are stored all or none."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from services.policy.control.holders.aggregate import HolderAggregate, HolderIsThere
from services.policy.control.holders.commands import Holders
from services.policy.control.keys.commands import KeyCommands
from services.policy.control.organizations.members import OrganizationMembers
from services.policy.control.teams.members import Members
from services.policy.control.users.user_list import in_order, matching
from shared.config import Config
from shared.control import Actor, GeneratedKey, HolderAnswer, NewUser, UserAnswer, UserPage, UserQuery
from shared.errors import GatewayError, InvalidRequest, NotFound
from shared.identity.holders import Holder
from shared.identity.keys import Key

OF_KEY = frozenset(
    {
        *("key_alias", "duration", "models", "aliases", "config", "permissions", "guardrails", "policies", "prompts"),
        *("allowed_routes", "allowed_cache_controls", "key_type", "model_rpm_limit", "model_tpm_limit", "team_id"),
        *("object_permission", "budget_fallbacks"),
    }
)
"""Fields of a new user that its first key has too. Budgets and limits are the user's: the key counts to them."""

TEAMS_MAX = 100


class Users:
    """Every method raises GatewayError: what a client is to be told. Fields have LiteLLM's names and units."""

    def __init__(
        self,
        config: Config,
        holders: Holders,
        members: Members,
        organization_members: OrganizationMembers,
        keys: KeyCommands,
    ) -> None:
        self._defaults = config.litellm_settings.default_internal_user_params
        self._holders = holders
        self._members = members
        self._organization_members = organization_members
        self._keys = keys

    async def new(self, body: Mapping[str, Any], actor: Actor) -> NewUser:
        """Make a user, its memberships, and a key unless `auto_create_key` is false."""
        fields = {name: value for name, value in body.items() if value is not None}
        if fields.get("user_role") == "internal_user":
            fields = {**self._defaults, **fields}
        user_id = fields.get("user_id") or str(uuid4())
        with_key = fields.pop("auto_create_key", True)
        teams = _teams(fields.pop("teams", None) or [])
        organizations = fields.pop("organizations", None) or []
        await self._check_email(fields.get("user_email"), user_id)

        async def attempt() -> Sequence[HolderAggregate]:
            await self._holders.check_budget(fields)
            try:
                user = await self._holders.made("user", user_id, fields, by=actor.id)
            except HolderIsThere:
                raise _taken(f"User with id {user_id} already exists") from None
            if fields.get("blocked"):
                user.block(by=actor.id, at=self._holders.moment())
            made = [user]
            for team_id, wanted in teams:
                member = {"user_id": user_id, "user_email": fields.get("user_email"), "role": wanted.pop("role")}
                team = await self._existing_team(team_id)
                memberships, _ = await self._members.made(team, [member], wanted, by=actor.id, known={user_id})
                made += memberships
            for organization_id in organizations:
                made.append(await self._organization_members.made(organization_id, user_id, "internal_user", actor))
            return made

        entries = await self._holders.save(attempt)
        generated = await self._first_key(user_id, fields, actor) if with_key else None
        (answer, *_) = await self._holders.told(entries[:1])
        return NewUser(answer, [entry.team_id for entry in entries[1:] if entry.team_id], generated)

    async def update(self, body: Mapping[str, Any], actor: Actor) -> UserAnswer:
        """Change the user named by `user_id`, else by `user_email`; one that is not there is made, as LiteLLM does."""
        user_id = await self._named(body)
        fields = {name: value for name, value in body.items() if name != "user_id"}
        if body.get("user_id") is None:
            fields.pop("user_email")
        await self._check_email(fields.get("user_email"), user_id)
        await self._holders.check_budget(fields)
        if await self._holders.entry("user", user_id) is None:
            await self._holders.create("user", user_id, {}, by=actor.id)
        return await self._told(await self._holders.update("user", user_id, fields, by=actor.id))

    async def set_blocked(self, user_id: str, blocked: bool, actor: Actor) -> UserAnswer:
        await self._check_exists(user_id, "user_id")
        change = self._holders.block if blocked else self._holders.unblock
        return await self._told(await change("user", user_id, by=actor.id))

    async def delete(self, user_ids: Sequence[str], actor: Actor) -> int:
        """Delete all of them with their keys and memberships, or none where one does not exist. The user goes last."""
        for user_id in user_ids:
            await self._check_exists(user_id, "user_ids")
        for user_id in user_ids:
            await self._keys.delete_of(_of_user(user_id), by=actor.id)
            await self._members.delete_all(_of_user(user_id), by=actor.id)
            await self._holders.delete("user", user_id, by=actor.id)
        return len(user_ids)

    async def info(self, user_id: str) -> UserAnswer:
        entry = await self._holders.entry("user", user_id)
        if entry is None:
            raise NotFound(f"User {user_id} not found", type="internal_server_error")
        answer = await self._told(entry)
        teams = [await self._members.answer(team_id) for team_id in answer.team_ids]
        return UserAnswer(
            answer.user, answer.team_ids, answer.memberships, await self._keys.of(_of_user(user_id)), teams
        )

    async def list_users(self, query: UserQuery) -> UserPage:
        every = await self._holders.of_kind("user", "member")
        members: dict[str, list[Holder]] = {}
        for entry in every:
            if entry.kind == "member":
                members.setdefault(entry.user_id or "", []).append(entry)
        users = [entry for entry in every if entry.kind == "user"]
        found = in_order(matching(users, query, members), query)
        page = found[(query.page - 1) * query.page_size : query.page * query.page_size]
        shown = {entry.id for entry in page}
        keys: dict[str, int] = {}
        for key in await self._keys.of(lambda key: key.user_id in shown, figures=False):
            keys[key.entry.user_id or ""] = keys.get(key.entry.user_id or "", 0) + 1
        return UserPage(
            [
                UserAnswer(
                    answer,
                    [member.team_id for member in members.get(answer.entry.id, ()) if member.team_id],
                    key_count=keys.get(answer.entry.id, 0),
                )
                for answer in await self._holders.told(page)
            ],
            len(found),
        )

    async def _told(self, entry: Holder) -> UserAnswer:
        members = await self._members.of_user(entry.id)
        answer, *others = await self._holders.told([entry, *members])
        teams = [member.team_id for member in members if member.team_id]
        return UserAnswer(answer, teams, list[HolderAnswer](others))

    async def _first_key(self, user_id: str, fields: Mapping[str, Any], actor: Actor) -> GeneratedKey:
        """Make the user's first key; where it cannot be made, the user is taken back."""
        of_key = {name: value for name, value in fields.items() if name in OF_KEY}
        try:
            return await self._keys.generate({**of_key, "user_id": user_id}, by=actor.id)
        except GatewayError:
            await self._members.delete_all(_of_user(user_id), by=actor.id)
            await self._holders.delete("user", user_id, by=actor.id)
            raise

    async def _existing_team(self, team_id: str) -> HolderAggregate:
        team = await self._holders.find("team", team_id)
        if team is None:
            raise NotFound(f"Team not found, passed team id: {team_id}.", param="teams")
        return team

    async def _named(self, body: Mapping[str, Any]) -> str:
        user_id, email = body.get("user_id"), body.get("user_email")
        if isinstance(user_id, str):
            return user_id
        if email is None:
            raise InvalidRequest("Either user_id or user_email needs to be passed in", param="user_id")
        for user in await self._holders.of_kind("user"):
            if user.extra.get("user_email") == email:
                return user.id
        raise NotFound(f"User {email} not found", param="user_email")

    async def _check_exists(self, user_id: str, field: str) -> None:
        if await self._holders.entry("user", user_id) is None:
            raise NotFound(f"User not found, passed user_id={user_id}", param=field)

    async def _check_email(self, email: str | None, user_id: str) -> None:
        if email is None:
            return
        for user in await self._holders.of_kind("user"):
            if (user.extra.get("user_email") or "").lower() == email.lower() and user.id != user_id:
                raise _taken(f"User with email {email} already exists")


def _of_user(user_id: str) -> Callable[[Key | Holder], bool]:
    return lambda entry: entry.user_id == user_id


def _teams(given: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return the teams a new user is to be in, each with the terms there."""
    found: list[tuple[str, dict[str, Any]]] = []
    for team in given if isinstance(given, list) else [given]:
        if isinstance(team, str):
            found.append((team, {"role": "user"}))
        elif isinstance(team, dict) and isinstance(team.get("team_id"), str):
            budget = team.get("max_budget_in_team")
            terms = {"role": team.get("user_role") or "user", **({} if budget is None else {"max_budget": budget})}
            found.append((team["team_id"], terms))
        else:
            raise InvalidRequest(
                "teams must be a list of team ids, or of {team_id, max_budget_in_team}.", param="teams"
            )
    if len(found) > TEAMS_MAX:
        raise InvalidRequest(f"A user can begin in at most {TEAMS_MAX} teams.", param="teams")
    return found


def _taken(message: str) -> GatewayError:
    return GatewayError(message, status=409)
