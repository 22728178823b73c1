"""Keys as they are stored: loaded by any name they have, checked against what else there is, saved, and shown."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

import structlog
from eventsourcing.domain import BaseAggregate

from services.policy.control.attempts import until_alone
from services.policy.control.holders.kinds import SharedBudget, Team
from services.policy.control.keys.key_alias import KeyAlias
from services.policy.control.keys.key_entry import entry_of
from services.policy.control.keys.key_secret_use import KeySecretUse
from services.policy.control.keys.virtual_key import VirtualKey
from services.policy.control.projection.key_projection import show
from services.policy.control.refusals import already_there, as_client_errors, no_such_key
from services.policy.control.store.aggregates import Aggregates
from services.policy.control.store.recorder import EventRecorder
from shared.bus import Bus, BusError
from shared.errors import NotFound
from shared.identity.keys import as_token

log = structlog.get_logger()


class StoredKeys:
    """Every method raises GatewayError: what a client is to be told."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.aggregates = Aggregates(EventRecorder(bus))

    async def until_alone(self, attempt: Callable[[], Awaitable[VirtualKey]]) -> VirtualKey:
        """Try until nobody else changed the same aggregates in between; then show the key as it became."""
        with as_client_errors():
            key = await until_alone(attempt)
            await self._show(key)
            return key

    async def save(self, key: VirtualKey, *others: BaseAggregate[UUID]) -> None:
        entry_of(key)  # what cannot be shown must not be stored
        await self.aggregates.save(key, *others)

    async def existing(self, token: str) -> VirtualKey:
        key = await self.aggregates.load(VirtualKey, VirtualKey.id_of(token))
        if key is None:
            used = await self.aggregates.load(KeySecretUse, KeySecretUse.id_of(token))
            key = await self.aggregates.load(VirtualKey, VirtualKey.id_of(used.token)) if used else None
        if key is None or key.is_deleted:
            raise no_such_key()
        return key

    async def named(self, fields: Mapping[str, Any]) -> tuple[VirtualKey, dict[str, Any]]:
        """Return the key that `fields` name, and the fields that did not serve to name it."""
        others = dict(fields)
        key, alias = others.pop("key", None), None
        if key is None:
            alias = await self.aggregates.load(KeyAlias, KeyAlias.id_of(str(others.pop("key_alias", None))))
            if alias is None or alias.token is None:
                raise no_such_key()
        return await self.existing(alias.token if alias and alias.token else as_token(str(key))), others

    async def organization_of_team(self, team_id: str | None) -> str | None:
        """A key belongs to the organisation of its team, where it does not say otherwise."""
        if team_id is None:
            return None
        team = await self.aggregates.load(Team, Team.id_of(team_id))
        return None if team is None or team.is_deleted else team.terms.get("organization_id")

    async def check_budget(self, budget_id: str | None) -> None:
        """A key that names a budget that is not there would have none."""
        if budget_id is None:
            return
        found = await self.aggregates.load(SharedBudget, SharedBudget.id_of(budget_id))
        if found is None or found.is_deleted:
            raise NotFound(f"Budget not found: {budget_id}", param="budget_id")

    async def check_is_new(self, token: str, field: str = "key") -> None:
        known = await self.aggregates.load(VirtualKey, VirtualKey.id_of(token))
        if known is not None:
            raise already_there(deleted=known.is_deleted, field=field)
        if await self.aggregates.load(KeySecretUse, KeySecretUse.id_of(token)) is not None:
            raise already_there(deleted=False, field=field)

    async def _show(self, key: VirtualKey) -> None:
        try:
            await show(self._bus, key)
        except BusError as error:
            log.warning("an entry is left to the projector", token=key.token, error=str(error))
