"""What can be done to every kind of holder: make, change, block, delete, tell. Load, decide, save, show.

A command is done when its events are stored. The HOLDERS bucket is written right after; where that fails, or the
process dies in between, the projector does it.
"""

import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog

from services.policy.control.attempts import moment, until_alone
from services.policy.control.corrections import count_correction
from services.policy.control.figures import figures_of_accounts
from services.policy.control.holders.aggregate import HolderAggregate
from services.policy.control.holders.entry import entry_of
from services.policy.control.holders.holder_answer import accounts_of, answer_of
from services.policy.control.holders.kinds import KINDS
from services.policy.control.holders.terms import changes_of, spent_before, terms_of
from services.policy.control.mirror import Mirror
from services.policy.control.projection.holder_projection import show
from services.policy.control.refusals import as_client_errors
from services.policy.control.store.aggregates import Aggregates
from shared.bus import Bus, BusError
from shared.config import Config
from shared.control import HolderAnswer
from shared.errors import NotFound
from shared.identity.holders import Holder, HolderKind, account_of, home_of

log = structlog.get_logger()

Attempt = Callable[[], Awaitable[Sequence[HolderAggregate]]]


class Holders:
    """Every method raises GatewayError: what a client is to be told. Fields have LiteLLM's names and units."""

    def __init__(
        self,
        bus: Bus,
        config: Config,
        aggregates: Aggregates,
        mirror: Mirror[Holder],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._bus = bus
        self._partitions = config.general_settings.meterhouse.partitions
        self._timezone = config.litellm_settings.timezone
        self._aggregates = aggregates
        self._mirror = mirror
        self._clock = clock

    async def create(self, kind: HolderKind, holder_id: str, fields: Mapping[str, Any], *, by: str) -> Holder:
        """Make one; InvalidRequest when there is one of that id."""

        async def attempt() -> Sequence[HolderAggregate]:
            return [await self.made(kind, holder_id, fields, by=by)]

        return (await self.save(attempt))[0]

    async def made(
        self, kind: HolderKind, holder_id: str, fields: Mapping[str, Any], *, by: str, parent: str | None = None
    ) -> HolderAggregate:
        """Return a new holder, unsaved; `parent` is the tenant of what it belongs to.

        Raises:
            HolderIsThere, InvalidRequest
        """
        now = self._clock()
        terms = terms_of(kind, fields, now=now)
        known = await self._aggregates.load(KINDS[kind], KINDS[kind].id_of(holder_id))
        if known is None or not known.was_counted:
            terms |= spent_before(terms, fields, now)
        if known is None:
            tenant = home_of(kind, holder_id, parent=parent)
            return KINDS[kind].create(holder_id, tenant=tenant, terms=terms, by=by, at=moment(now))
        known.recreate(terms=terms, by=by, at=moment(now))
        return known

    async def update(self, kind: HolderKind, holder_id: str, fields: Mapping[str, Any], *, by: str) -> Holder:
        """Change what is given: absent fields stay, null clears."""
        return await self.change(kind, holder_id, lambda found, at: self.changed(found, fields, by=by, at=at))

    def changed(self, found: HolderAggregate, fields: Mapping[str, Any], *, by: str, at: datetime) -> None:
        """Do to `found` what `fields` say, `blocked` too; unsaved."""
        others = dict(fields)
        blocked = others.pop("blocked", None)
        changes = changes_of(found.KIND, others, found.terms, now=at.timestamp())
        if not found.was_counted:
            changes |= spent_before(changes, fields, at.timestamp())
        found.update(changes, by=by, at=at)
        if blocked is not None:
            (found.block if blocked else found.unblock)(by=by, at=at)

    async def block(self, kind: HolderKind, holder_id: str, *, by: str) -> Holder:
        return await self.change(kind, holder_id, lambda found, at: found.block(by=by, at=at))

    async def unblock(self, kind: HolderKind, holder_id: str, *, by: str) -> Holder:
        return await self.change(kind, holder_id, lambda found, at: found.unblock(by=by, at=at))

    async def delete(self, kind: HolderKind, holder_id: str, *, by: str) -> Holder:
        """Return it as it was."""
        before: list[Holder] = []

        def delete(found: HolderAggregate, at: datetime) -> None:
            before[:] = [entry_of(found)]
            found.delete(by=by, at=at)

        await self.change(kind, holder_id, delete)
        return before[0]

    async def change(
        self, kind: HolderKind, holder_id: str, change: Callable[[HolderAggregate, datetime], None]
    ) -> Holder:
        async def attempt() -> Sequence[HolderAggregate]:
            found = await self.existing(kind, holder_id)
            change(found, self.moment())
            return [found]

        return (await self.save(attempt))[0]

    async def save(self, attempt: Attempt) -> list[Holder]:
        """Store what `attempt` did, all or nothing, again from the start where somebody else was first; and show it.

        Returns the entries of what it returns, in that order.
        """

        async def stored() -> tuple[Sequence[HolderAggregate], list[Holder]]:
            changed = await attempt()
            entries = [entry_of(one) for one in changed]  # what cannot be shown must not be stored
            await self._aggregates.save(*changed)
            return changed, entries

        with as_client_errors():
            changed, entries = await until_alone(stored)
        for one in changed:
            try:
                await show(self._bus, one)
            except BusError as error:
                log.warning("an entry is left to the projector", kind=one.KIND, id=one.holder_id, error=str(error))
        for entry in entries:
            if entry.correction is not None and entry.correction.at_ms == round(entry.updated_at * 1000):
                account = account_of(entry.kind, entry.id)
                await count_correction(self._bus, entry.tenant, account, entry.correction, self._partitions)
        return entries

    def moment(self) -> datetime:
        return moment(self._clock())

    async def existing(self, kind: HolderKind, holder_id: str) -> HolderAggregate:
        """Return it.

        Raises:
            NotFound: there is none.
        """
        found = await self.find(kind, holder_id)
        if found is None:
            raise NotFound(f"There is no {kind.replace('_', ' ')} {holder_id}.", param=f"{kind}_id")
        return found

    async def find(self, kind: HolderKind, holder_id: str) -> HolderAggregate | None:
        found = await self._aggregates.load(KINDS[kind], KINDS[kind].id_of(holder_id))
        return None if found is None or found.is_deleted else found

    async def entry(self, kind: HolderKind, holder_id: str) -> Holder | None:
        """Return its entry as its events say, or None."""
        with as_client_errors():
            found = await self.find(kind, holder_id)
            return None if found is None else entry_of(found)

    async def check_budget(self, fields: Mapping[str, Any]) -> None:
        """Raise NotFound where `fields` name a shared budget that is not there: it would limit nothing."""
        budget_id = fields.get("budget_id")
        if budget_id is not None and await self.entry("budget", budget_id) is None:
            raise NotFound(f"Budget not found: {budget_id}", param="budget_id")

    async def of_kind(self, *kinds: HolderKind) -> list[Holder]:
        """Return all of `kinds`, those that were made first before the others."""
        with as_client_errors():
            found = [entry for entry in await self._mirror.entries() if entry.kind in kinds]
        return sorted(found, key=lambda entry: (entry.created_at, entry.id))

    async def told(self, entries: Iterable[Holder], *, figures: bool = True) -> list[HolderAnswer]:
        """Return `entries` with what is spent of them and with the budgets they name."""
        entries, now = list(entries), self._clock()
        shared = await self._shared({entry.budget_id for entry in entries if entry.budget_id})
        spent = {}
        if figures:
            spent = await figures_of_accounts(self._bus, accounts_of(entries), partitions=self._partitions, now=now)
        return [answer_of(entry, shared.get(entry.budget_id or ""), spent, now, self._timezone) for entry in entries]

    async def _shared(self, ids: Collection[str]) -> dict[str, Holder]:
        found = [await self.entry("budget", budget_id) for budget_id in sorted(ids)]
        return {entry.id: entry for entry in found if entry is not None}
