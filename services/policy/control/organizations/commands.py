"""What can be done to organisations and to who is a member of one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from services.policy.control.holders.aggregate import HolderAggregate, HolderIsThere
from services.policy.control.holders.commands import Holders
from services.policy.control.keys.commands import KeyCommands
from services.policy.control.organizations.members import OrganizationMembers
from services.policy.control.teams.commands import Teams
from shared.control import Actor, HolderAnswer, OrganizationAnswer, TeamAnswer, TeamQuery
from shared.errors import InvalidRequest, NotFound
from shared.identity.holders import Holder
from shared.identity.keys import Key


class Organizations:
    """Every method raises GatewayError: what a client is to be told. Fields have LiteLLM's names and units."""

    def __init__(self, holders: Holders, members: OrganizationMembers, teams: Teams, keys: KeyCommands) -> None:
        self._holders = holders
        self._members = members
        self._teams = teams
        self._keys = keys

    async def new(self, body: Mapping[str, Any], actor: Actor) -> OrganizationAnswer:
        organization_id = body.get("organization_id") or str(uuid4())
        fields = {name: value for name, value in body.items() if name != "organization_id"}
        await self._holders.check_budget(fields)

        async def attempt() -> Sequence[HolderAggregate]:
            try:
                made = await self._holders.made("organization", organization_id, fields, by=actor.id)
            except HolderIsThere:
                raise InvalidRequest(
                    f"Organization already exists, passed organization_id={organization_id}. Please pass a new one.",
                    param="organization_id",
                    type="bad_request",
                ) from None
            if fields.get("blocked"):
                made.block(by=actor.id, at=self._holders.moment())
            return [made]

        await self._holders.save(attempt)
        return await self.info(organization_id)

    async def update(self, organization_id: str, fields: Mapping[str, Any], actor: Actor) -> OrganizationAnswer:
        """Change what is given; null clears."""
        await self._check_exists(organization_id)
        await self._holders.check_budget(fields)
        await self._holders.update("organization", organization_id, fields, by=actor.id)
        return await self.info(organization_id)

    async def set_blocked(self, organization_id: str, blocked: bool, actor: Actor) -> OrganizationAnswer:
        await self._check_exists(organization_id)
        change = self._holders.block if blocked else self._holders.unblock
        await change("organization", organization_id, by=actor.id)
        return await self.info(organization_id)

    async def delete(self, organization_ids: Sequence[str], actor: Actor) -> list[OrganizationAnswer]:
        """Delete each with its teams, keys and memberships, or none where one does not exist; return them as they were.

        The organisation goes last: should the process die on the way, the same command finishes it.
        """
        found = [await self._known(organization_id, "organization_ids") for organization_id in organization_ids]
        for answer in found:
            organization_id = answer.organization.entry.id
            await self._teams.delete([team.team.entry.id for team in answer.teams], actor)
            await self._keys.delete_of(_in_organization(organization_id), by=actor.id)
            for member in answer.members:
                await self._holders.delete("member", member.entry.id, by=actor.id)
            await self._holders.delete("organization", organization_id, by=actor.id)
        return found

    async def info(self, organization_id: str) -> OrganizationAnswer:
        return await self._known(organization_id, "organization_id")

    async def list_all(self, organization_id: str | None, alias: str | None) -> list[OrganizationAnswer]:
        found = [
            entry
            for entry in await self._holders.of_kind("organization")
            if organization_id in (None, entry.id) and (alias or "").lower() in (entry.alias or "").lower()
        ]
        return await self._told(found)

    async def add_members(self, body: Mapping[str, Any], actor: Actor) -> OrganizationAnswer:
        """Add one or several, all or none."""
        organization_id = str(body.get("organization_id"))
        entries, users = await self._members.add(organization_id, body, actor)
        answer = await self.info(organization_id)
        changed = tuple(entry.id for entry in entries)
        return OrganizationAnswer(answer.organization, answer.members, answer.teams, users, changed)

    async def update_member(self, body: Mapping[str, Any], actor: Actor) -> HolderAnswer:
        return (await self._holders.told([await self._members.update(body, actor)]))[0]

    async def delete_member(self, body: Mapping[str, Any], actor: Actor) -> HolderAnswer:
        return (await self._holders.told([await self._members.delete(body, actor)]))[0]

    async def _told(self, entries: Sequence[Holder]) -> list[OrganizationAnswer]:
        members: dict[str, list[Holder]] = {}
        for member in await self._members.all_members():
            members.setdefault(member.organization_id or "", []).append(member)
        only = entries[0].id if len(entries) == 1 else None
        teams: dict[str, list[TeamAnswer]] = {}
        for team in (await self._teams.list_teams(TeamQuery(organization_id=only))).teams if entries else ():
            teams.setdefault(team.team.entry.organization_id or "", []).append(team)
        return [
            OrganizationAnswer(
                answer,
                await self._holders.told(members.get(answer.entry.id, ())),
                teams.get(answer.entry.id, []),
            )
            for answer in await self._holders.told(entries)
        ]

    async def _known(self, organization_id: str, field: str) -> OrganizationAnswer:
        entry = await self._holders.entry("organization", organization_id)
        if entry is None:
            raise _not_found(organization_id, field)
        return (await self._told([entry]))[0]

    async def _check_exists(self, organization_id: str) -> None:
        if await self._holders.entry("organization", organization_id) is None:
            raise _not_found(organization_id, "organization_id")


def _not_found(organization_id: str, field: str) -> NotFound:
    return NotFound(f"Organization not found, passed organization_id={organization_id}", param=field)


def _in_organization(organization_id: str) -> Callable[[Key], bool]:
    return lambda key: key.organization_id == organization_id
