"""What can be done to shared budgets, customers and tags: the same for all three, but for what they are called."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.policy.control.holders.aggregate import HolderAggregate, HolderIsThere
from services.policy.control.holders.commands import Holders
from shared.control import Actor, HolderAnswer
from shared.errors import GatewayError, InvalidRequest, NotFound
from shared.identity.holders import Holder, HolderKind

NAMES: dict[HolderKind, str] = {"budget": "Budget", "end_user": "Customer", "tag": "Tag"}


class Standalone:
    """Every method raises GatewayError: what a client is to be told. Fields have LiteLLM's names and units."""

    def __init__(self, holders: Holders, kind: HolderKind) -> None:
        self._holders = holders
        self._kind = kind

    async def new(self, holder_id: str, fields: Mapping[str, Any], actor: Actor) -> HolderAnswer:
        self._check_is_a_name(holder_id)
        await self._holders.check_budget(fields)

        async def attempt() -> Sequence[HolderAggregate]:
            try:
                made = await self._holders.made(self._kind, holder_id, fields, by=actor.id)
            except HolderIsThere:
                raise self._already_there(holder_id) from None
            if fields.get("blocked"):
                made.block(by=actor.id, at=self._holders.moment())
            return [made]

        return await self._told((await self._holders.save(attempt))[0])

    async def update(self, holder_id: str, fields: Mapping[str, Any], actor: Actor) -> HolderAnswer:
        """Change what is given; null clears."""
        await self._check_exists(holder_id)
        await self._holders.check_budget(fields)
        return await self._told(await self._holders.update(self._kind, holder_id, fields, by=actor.id))

    async def set_blocked(self, holder_ids: Sequence[str], blocked: bool, actor: Actor) -> list[HolderAnswer]:
        """Block or unblock each. A customer that is not known yet is made: whom a request names may be anybody."""
        entries = []
        for holder_id in holder_ids:
            if self._kind == "end_user" and await self._holders.entry(self._kind, holder_id) is None:
                await self.new(holder_id, {}, actor)
            await self._check_exists(holder_id, _NAMED_BY.get(self._kind))
            change = self._holders.block if blocked else self._holders.unblock
            entries.append(await change(self._kind, holder_id, by=actor.id))
        return await self._holders.told(entries)

    async def delete(self, holder_ids: Sequence[str], actor: Actor) -> list[HolderAnswer]:
        """Delete all of them, or none where one does not exist; return them as they were."""
        for holder_id in holder_ids:
            await self._check_exists(holder_id, _NAMED_BY.get(self._kind))
        entries = [await self._holders.delete(self._kind, holder_id, by=actor.id) for holder_id in holder_ids]
        return await self._holders.told(entries, figures=False)

    async def info(self, holder_ids: Sequence[str]) -> list[HolderAnswer]:
        """Return those that exist, in the order asked for."""
        found = [await self._holders.entry(self._kind, holder_id) for holder_id in holder_ids]
        return await self._holders.told([entry for entry in found if entry is not None])

    async def list_all(self) -> list[HolderAnswer]:
        return await self._holders.told(await self._holders.of_kind(self._kind))

    async def _told(self, entry: Holder) -> HolderAnswer:
        return (await self._holders.told([entry]))[0]

    async def _check_exists(self, holder_id: str, field: str | None = None) -> None:
        if await self._holders.entry(self._kind, holder_id) is None:
            raise NotFound(f"{NAMES[self._kind]} not found: {holder_id}", param=field or _id_field(self._kind))

    def _check_is_a_name(self, holder_id: str) -> None:
        if not holder_id or len(holder_id) > NAME_MAX:
            field = _id_field(self._kind)
            raise InvalidRequest(
                f"{field} must have 1 to {NAME_MAX} characters.", param=field, type="bad_request_error"
            )

    def _already_there(self, holder_id: str) -> GatewayError:
        name = NAMES[self._kind]
        message = f"{name} already exists, passed {_id_field(self._kind)}={holder_id}. Please pass a new one."
        return InvalidRequest(message, param=_id_field(self._kind), type="bad_request")


NAME_MAX = 2_000
"""As long as a request may name an end user."""


_NAMED_BY = {"budget": "id", "end_user": "user_ids"}
"""The field that names whom to block or delete, where it is another one than everywhere else."""


def _id_field(kind: HolderKind) -> str:
    return {"budget": "budget_id", "end_user": "user_id", "tag": "name"}[kind]
