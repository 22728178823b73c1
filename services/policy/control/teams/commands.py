"""What can be done to teams. A team, the memberships it begins with and the users they make are stored all or none."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from services.policy.control.holders.aggregate import HolderAggregate, HolderIsThere
from services.policy.control.holders.commands import Holders
from services.policy.control.keys.commands import KeyCommands
from services.policy.control.teams.defaults import default_budget, split_defaults
from services.policy.control.teams.members import MEMBERS_MAX, Members, members_in
from shared.config import Config
from shared.control import Actor, TeamAnswer, TeamPage, TeamQuery
from shared.errors import InvalidRequest, NotFound
from shared.identity.holders import Holder
from shared.identity.keys import Key


class Teams:
    """Every method raises GatewayError: what a client is to be told. Fields have LiteLLM's names and units."""

    def __init__(self, config: Config, holders: Holders, members: Members, keys: KeyCommands) -> None:
        self._defaults = config.litellm_settings.default_team_params
        self._holders = holders
        self._members = members
        self._keys = keys

    async def new(self, body: Mapping[str, Any], actor: Actor) -> TeamAnswer:
        """Make a team; whoever asks is its first administrator."""
        fields = {**{name: value for name, value in self._defaults.items() if body.get(name) is None}, **_said(body)}
        team_id = fields.get("team_id") or str(uuid4())
        wanted = members_in(fields.pop("members_with_roles", None) or [])
        if actor.id and all(member.get("user_id") != actor.id for member in wanted):
            wanted.append({"user_id": actor.id, "role": "admin"})
        if len(wanted) > MEMBERS_MAX:
            raise InvalidRequest(f"At most {MEMBERS_MAX} members can be added at once.", param="members_with_roles")
        team_fields, member_defaults = split_defaults(fields)

        async def attempt() -> Sequence[HolderAggregate]:
            parent = await self._tenant_of(team_fields.get("organization_id"))
            others: list[HolderAggregate] = []
            if member_defaults:
                budget = await default_budget(self._holders, team_id, member_defaults, by=actor.id)
                team_fields["team_member_budget_id"] = budget.holder_id
                others.append(budget)
            try:
                team = await self._holders.made("team", team_id, team_fields, by=actor.id, parent=parent)
            except HolderIsThere:
                raise InvalidRequest(
                    f"Team id = {team_id} already exists. Please use a different team id.",
                    type="internal_server_error",
                ) from None
            if team_fields.get("blocked"):
                team.block(by=actor.id, at=self._holders.moment())
            made, users = await self._members.made(team, wanted, {}, by=actor.id)
            return [team, *made, *users, *others]

        entries = await self._holders.save(attempt)
        team, members = entries[0], [entry for entry in entries if entry.kind == "member"]
        (answer,) = await self._holders.told([team])
        return TeamAnswer(answer, await self._holders.told(members))

    async def update(self, team_id: str, body: Mapping[str, Any], actor: Actor) -> TeamAnswer:
        """Change what is given; null clears."""
        fields, member_defaults = split_defaults(body)
        before: list[str | None] = []

        async def attempt() -> Sequence[HolderAggregate]:
            team = await self._existing(team_id)
            await self._tenant_of(fields.get("organization_id"))
            changed: list[HolderAggregate] = [team]
            if member_defaults:
                budget = await default_budget(self._holders, team_id, member_defaults, by=actor.id)
                fields["team_member_budget_id"] = budget.holder_id
                changed.append(budget)
            before[:] = [team.terms.get("organization_id")]
            self._holders.changed(team, fields, by=actor.id, at=self._holders.moment())
            return changed

        await self._holders.save(attempt)
        if "organization_id" in fields and fields["organization_id"] != before[0]:
            await self._move_keys(team_id, before[0], fields["organization_id"], actor)
        return await self._members.answer(team_id)

    async def change_models(self, team_id: str, models: Sequence[str], actor: Actor, *, add: bool) -> TeamAnswer:
        """Let the team use `models` too, or not any more."""

        async def attempt() -> Sequence[HolderAggregate]:
            team = await self._existing(team_id)
            before = team.terms.get("models") or []
            after = [*before, *models] if add else [model for model in before if model not in models]
            fields = {"models": list(dict.fromkeys(after))}
            self._holders.changed(team, fields, by=actor.id, at=self._holders.moment())
            return [team]

        await self._holders.save(attempt)
        return await self._members.answer(team_id)

    async def set_blocked(self, team_id: str, blocked: bool, actor: Actor) -> TeamAnswer:
        async def attempt() -> Sequence[HolderAggregate]:
            team = await self._existing(team_id)
            self._holders.changed(team, {"blocked": blocked}, by=actor.id, at=self._holders.moment())
            return [team]

        await self._holders.save(attempt)
        return await self._members.answer(team_id)

    async def delete(self, team_ids: Sequence[str], actor: Actor) -> list[str]:
        """Delete each with its keys and memberships; NotFound, and nothing is done, where one does not exist.

        The team goes last: should the process die on the way, the same command finishes it.
        """
        for team_id in team_ids:
            if await self._holders.entry("team", team_id) is None:
                raise NotFound(f"Team not found, passed team_id={team_id}", param="team_ids")
        for team_id in team_ids:
            await self._keys.delete_of(_in_team(team_id), by=actor.id)
            await self._members.delete_all(_in_team(team_id), by=actor.id)
            team = await self._holders.delete("team", team_id, by=actor.id)
            budget_id = team.extra.get("team_member_budget_id")
            if budget_id and await self._holders.entry("budget", budget_id) is not None:
                await self._holders.delete("budget", budget_id, by=actor.id)
        return list(team_ids)

    async def info(self, team_id: str) -> TeamAnswer:
        answer = await self._members.answer(team_id)
        return TeamAnswer(answer.team, answer.members, await self._keys.of(_in_team(team_id)))

    async def list_teams(self, query: TeamQuery) -> TeamPage:
        every = await self._holders.of_kind("team", "member")
        members: dict[str, list[Holder]] = {}
        for entry in every:
            if entry.kind == "member":
                members.setdefault(entry.team_id or "", []).append(entry)
        found = [entry for entry in every if entry.kind == "team" and _matches(entry, query, members.get(entry.id, ()))]
        found.sort(key=lambda entry: _sort_value(entry, query), reverse=query.sort_order == "desc")
        page = found
        if query.page is not None:
            page = found[(query.page - 1) * query.page_size : query.page * query.page_size]
        told = await self._holders.told(page)
        inside = [member for team in page for member in members.get(team.id, ())]
        told_members = {answer.entry.id: answer for answer in await self._holders.told(inside)}
        keys = await self._keys.of(lambda key: key.team_id in {team.id for team in page}, figures=query.keys)
        return TeamPage(
            [
                TeamAnswer(
                    answer,
                    [told_members[member.id] for member in members.get(answer.entry.id, ())],
                    [key for key in keys if key.entry.team_id == answer.entry.id],
                )
                for answer in told
            ],
            len(found),
        )

    async def _move_keys(self, team_id: str, before: str | None, after: str | None, actor: Actor) -> None:
        """Keys that had their organisation from the team have its new one; where they are counted stays."""
        for key in await self._keys.of(_in_team(team_id), figures=False):
            if key.entry.organization_id == before:
                await self._keys.update({"key": key.entry.token, "organization_id": after}, by=actor.id)

    async def _existing(self, team_id: str) -> HolderAggregate:
        team = await self._holders.find("team", team_id)
        if team is None:
            raise _no_such_team(team_id)
        return team

    async def _tenant_of(self, organization_id: str | None) -> str | None:
        if organization_id is None:
            return None
        organization = await self._holders.find("organization", organization_id)
        if organization is None:
            raise NotFound(f"Organization not found, passed organization_id={organization_id}", param="organization_id")
        return organization.tenant


def _in_team(team_id: str) -> Callable[[Key | Holder], bool]:
    return lambda entry: entry.team_id == team_id


def _said(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}


def _no_such_team(team_id: str) -> NotFound:
    return NotFound(f"Team not found, passed team id: {team_id}.", param="team_id", type="auth_error")


def _matches(team: Holder, query: TeamQuery, members: Sequence[Holder]) -> bool:
    exact = ((query.team_id, team.id), (query.organization_id, team.organization_id))
    if any(wanted is not None and wanted != value for wanted, value in exact):
        return False
    if query.team_alias is not None and query.team_alias.lower() not in (team.alias or "").lower():
        return False
    return query.user_id is None or any(member.user_id == query.user_id for member in members)


def _sort_value(team: Holder, query: TeamQuery) -> tuple[Any, str]:
    value = {"team_id": team.id, "team_alias": team.alias or "", "created_at": team.created_at}[query.sort_by]
    return value, team.id
