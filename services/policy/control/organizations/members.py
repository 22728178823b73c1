"""Who is a member of an organisation, as what, and what a member may spend in it."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from services.policy.control.holders.aggregate import HolderAggregate, HolderIsThere
from services.policy.control.holders.commands import Holders
from shared.control import Actor, HolderAnswer
from shared.errors import InvalidRequest, NotFound
from shared.identity.holders import Holder, organization_member_id

MEMBERS_MAX = 400
ROLES = ("org_admin", "internal_user", "internal_user_viewer")


class OrganizationMembers:
    def __init__(self, holders: Holders) -> None:
        self._holders = holders

    async def add(
        self, organization_id: str, body: Mapping[str, Any], actor: Actor
    ) -> tuple[list[Holder], list[HolderAnswer]]:
        """Return the new memberships, and their users: those that did not exist are made."""
        given = body.get("member")
        wanted = [
            dict(member) for member in (given if isinstance(given, list) else [given]) if isinstance(member, dict)
        ]
        if not wanted or len(wanted) > MEMBERS_MAX:
            raise InvalidRequest(f"1 to {MEMBERS_MAX} members can be added at once.", param="member")
        budget = body.get("max_budget_in_organization")

        async def attempt() -> Sequence[HolderAggregate]:
            organization = await self._holders.find("organization", organization_id)
            if organization is None:
                raise NotFound(f"Organization not found for organization_id={organization_id}", param="organization_id")
            made: list[HolderAggregate] = []
            users: list[HolderAggregate] = []
            for member in wanted:
                user_id, user = await self._user(member, actor)
                if user is not None:
                    users.append(user)
                terms = {
                    **{"user_id": user_id, "user_email": member.get("user_email"), "role": _role(member)},
                    **({} if budget is None else {"max_budget": budget}),
                }
                made.append(await self._made(organization, user_id, terms, actor))
            return [*made, *users]

        entries = [entry for entry in await self._holders.save(attempt) if entry.kind == "member"]
        users = [await self._holders.entry("user", entry.user_id or "") for entry in entries]
        return entries, await self._holders.told([user for user in users if user is not None])

    async def made(self, organization_id: str, user_id: str, role: str, actor: Actor) -> HolderAggregate:
        """Return a new membership, unsaved."""
        organization = await self._holders.find("organization", organization_id)
        if organization is None:
            raise NotFound(f"Organization not found for organization_id={organization_id}", param="organizations")
        return await self._made(organization, user_id, {"user_id": user_id, "role": role}, actor)

    async def update(self, body: Mapping[str, Any], actor: Actor) -> Holder:
        """Change role or budget of the member that `body` names."""
        member = await self._named(body)
        fields = {"role": _role(body)} if body.get("role") is not None else {}
        if "max_budget_in_organization" in body:
            fields["max_budget"] = body["max_budget_in_organization"]
        return await self._holders.update("member", member.id, fields, by=actor.id)

    async def delete(self, body: Mapping[str, Any], actor: Actor) -> Holder:
        return await self._holders.delete("member", (await self._named(body)).id, by=actor.id)

    async def all_members(self) -> list[Holder]:
        return [entry for entry in await self._holders.of_kind("member") if entry.team_id is None]

    async def _made(
        self, organization: HolderAggregate, user_id: str, terms: Mapping[str, Any], actor: Actor
    ) -> HolderAggregate:
        about = {**terms, "organization_id": organization.holder_id}
        identity = organization_member_id(organization.holder_id, user_id)
        try:
            return await self._holders.made("member", identity, about, by=actor.id, parent=organization.tenant)
        except HolderIsThere:
            raise InvalidRequest(
                f"User is already a member of this organization. user_id={user_id}", param="member", type="bad_request"
            ) from None

    async def _user(self, member: Mapping[str, Any], actor: Actor) -> tuple[str, HolderAggregate | None]:
        """Return the id of the user that `member` names, and the user itself where it has to be made."""
        user_id, email = member.get("user_id"), member.get("user_email")
        if user_id is None and email is None:
            raise InvalidRequest("Each member needs a user_id or a user_email.", param="member")
        if user_id is None:
            for user in await self._holders.of_kind("user"):
                if user.extra.get("user_email") == email:
                    return user.id, None
            user_id = str(uuid4())
        if await self._holders.find("user", user_id) is not None:
            return user_id, None
        return user_id, await self._holders.made("user", user_id, {"user_email": email}, by=actor.id)

    async def _named(self, body: Mapping[str, Any]) -> Holder:
        organization_id, user_id, email = str(body.get("organization_id")), body.get("user_id"), body.get("user_email")
        if user_id is None and email is None:
            raise InvalidRequest("Either user_id or user_email needs to be passed in", param="user_id")
        for entry in await self.all_members():
            by_id = user_id is not None and entry.user_id == user_id
            by_email = user_id is None and entry.extra.get("user_email") == email
            if entry.organization_id == organization_id and (by_id or by_email):
                return entry
        raise NotFound(
            f"Member not found in organization_id={organization_id}, user_id={user_id}, user_email={email}",
            param="user_id",
        )


def _role(member: Mapping[str, Any]) -> str:
    role = member.get("role")
    if role not in ROLES:
        raise InvalidRequest(f"A member's role in an organisation is one of {', '.join(ROLES)}.", param="role")
    return str(role)
