"""Memberships: who belongs to a team, as what, and what this user may spend there."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any
from uuid import uuid4

from services.policy.control.holders.aggregate import HolderAggregate, HolderIsThere
from services.policy.control.holders.commands import Holders
from services.policy.control.keys.commands import KeyCommands
from shared.control import Actor, TeamAnswer
from shared.errors import InvalidRequest, NotFound
from shared.identity.holders import Holder, member_id

MEMBERS_MAX = 400
"""In one command: each is stored together with the others, and may be a new user."""

ROLES = ("admin", "user")

Member = dict[str, Any]
"""user_id or user_email, and role; as a request has it."""


def members_in(given: Any) -> list[Member]:
    """Return the members that a request names, one or a list.

    Raises:
        InvalidRequest: one names no user, or a role that there is not.
    """
    members = given if isinstance(given, list) else [given]
    for member in members:
        if not isinstance(member, dict) or not (member.get("user_id") or member.get("user_email")):
            raise InvalidRequest("Each member needs a user_id or a user_email.", param="member")
        if member.get("role") not in ROLES:
            raise InvalidRequest(f"A member's role is one of {', '.join(ROLES)}.", param="role")
    return [dict(member) for member in members]


class Members:
    def __init__(self, holders: Holders, keys: KeyCommands) -> None:
        self._holders = holders
        self._keys = keys

    async def made(
        self,
        team: HolderAggregate,
        wanted: Sequence[Member],
        fields: Mapping[str, Any],
        *,
        by: str,
        known: Collection[str] = (),
    ) -> tuple[list[HolderAggregate], list[HolderAggregate]]:
        """Return new memberships in `team` with `fields`, and the users that did not exist; unsaved.

        `known` are users that are being made by the same command.

        Raises:
            InvalidRequest: one is a member already.
        """
        by_mail = await self._ids_by_email() if any(not member.get("user_id") for member in wanted) else {}
        memberships: list[HolderAggregate] = []
        new_users: list[HolderAggregate] = []
        for member in wanted:
            user_id = member.get("user_id") or by_mail.get(member.get("user_email")) or str(uuid4())
            user = await self._holders.find("user", user_id)
            email = member.get("user_email") or (user.terms.get("user_email") if user else None)
            if user is None and user_id != by and user_id not in known:
                new_users.append(await self._holders.made("user", user_id, {"user_email": email}, by=by))
            about = {"team_id": team.holder_id, "user_id": user_id, "user_email": email, "role": member["role"]}
            terms = {"budget_id": team.terms.get("team_member_budget_id"), **fields, **about}
            try:
                made = await self._holders.made(
                    "member", member_id(team.holder_id, user_id), terms, by=by, parent=team.tenant
                )
            except HolderIsThere:
                raise await self._already_in(team.holder_id, user_id, member.get("user_email")) from None
            if any(made.id == other.id for other in memberships):
                raise InvalidRequest(f"The user {user_id} is named twice.", param="member")
            memberships.append(made)
        return memberships, new_users

    async def add(self, body: Mapping[str, Any], actor: Actor) -> TeamAnswer:
        """Add one or several, all or none, each with the same terms."""
        team_id, wanted = body["team_id"], members_in(body.get("member"))
        if len(wanted) > MEMBERS_MAX:
            raise InvalidRequest(f"At most {MEMBERS_MAX} members can be added at once.", param="member")
        fields = {name: value for name, value in body.items() if name not in ("team_id", "member")}

        async def attempt() -> Sequence[HolderAggregate]:
            team = await self._holders.find("team", team_id)
            if team is None:
                raise NotFound(f"Team not found, passed team id: {team_id}.", param="team_id", type="auth_error")
            memberships, users = await self.made(team, wanted, fields, by=actor.id)
            return [*memberships, *users]

        entries = [entry for entry in await self._holders.save(attempt) if entry.kind == "member"]
        users = [await self._holders.entry("user", entry.user_id or "") for entry in entries]
        about = await self._holders.told([user for user in users if user is not None])
        answer = await self.answer(team_id)
        return TeamAnswer(answer.team, answer.members, users=about, changed=tuple(entry.id for entry in entries))

    async def update(self, body: Mapping[str, Any], actor: Actor) -> Holder:
        """Change what is given; null clears."""
        member = await self._named(body)
        fields = {name: value for name, value in body.items() if name not in ("team_id", "user_id", "user_email")}
        return await self._holders.update("member", member.id, fields, by=actor.id)

    async def delete(self, body: Mapping[str, Any], actor: Actor) -> TeamAnswer:
        """Take a user out of a team, and delete the keys the user has there."""
        member = await self._named(body)
        team_id, user_id = member.team_id, member.user_id
        await self._keys.delete_of(lambda key: key.team_id == team_id and key.user_id == user_id, by=actor.id)
        await self._holders.delete("member", member.id, by=actor.id)
        return await self.answer(team_id or "")

    async def delete_all(self, belongs: Callable[[Holder], bool], *, by: str) -> None:
        for entry in await self._holders.of_kind("member"):
            if belongs(entry):
                await self._holders.delete("member", entry.id, by=by)

    async def of_team(self, team_id: str) -> list[Holder]:
        return [entry for entry in await self._holders.of_kind("member") if entry.team_id == team_id]

    async def of_user(self, user_id: str) -> list[Holder]:
        return [entry for entry in await self._holders.of_kind("member") if entry.user_id == user_id]

    async def answer(self, team_id: str) -> TeamAnswer:
        """Return the team and its members as they are now, with what they have spent."""
        team = await self._holders.entry("team", team_id)
        if team is None:
            raise NotFound(f"Team not found, passed team id: {team_id}.", param="team_id", type="auth_error")
        answer, *members = await self._holders.told([team, *await self.of_team(team_id)])
        return TeamAnswer(answer, members)

    async def _named(self, body: Mapping[str, Any]) -> Holder:
        """Return the membership that `body` names by team and by user_id or user_email."""
        team_id, user_id, email = body["team_id"], body.get("user_id"), body.get("user_email")
        if user_id is None and email is None:
            raise InvalidRequest("Either user_id or user_email needs to be passed in", param="user_id")
        if await self._holders.entry("team", team_id) is None:
            raise NotFound(f"Team not found, passed team_id={team_id}", param="team_id", type="auth_error")
        if user_id is not None:
            found = await self._holders.entry("member", member_id(team_id, user_id))
        else:
            found = next((one for one in await self.of_team(team_id) if one.extra.get("user_email") == email), None)
        if found is None:
            raise InvalidRequest("User not found in team", param="user_id")
        return found

    async def _ids_by_email(self) -> dict[Any, str]:
        return {user.extra.get("user_email"): user.id for user in await self._holders.of_kind("user")}

    async def _already_in(self, team_id: str, user_id: str, email: str | None) -> InvalidRequest:
        members = [f"{one.user_id} ({one.extra.get('role')})" for one in await self.of_team(team_id)]
        return InvalidRequest(
            f"User already in team. Member: user_id={user_id}, user_email={email}. Existing members={members}",
            param="member",
            type="team_member_already_in_team",
        )
