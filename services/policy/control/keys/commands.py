"""What can be done to keys: one method a command. Load, decide, save, show.

A command is done when its events are stored. The KEYS bucket is written right after; where that fails, or the process
dies in between, the projector does it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from services.policy.control.attempts import moment
from services.policy.control.corrections import count_correction, spend_to_reset
from services.policy.control.figures import figures_of_accounts
from services.policy.control.keys.alias_changes import alias_changes
from services.policy.control.keys.key_answer import accounts_of, answer_of
from services.policy.control.keys.key_entry import entry_of
from services.policy.control.keys.key_list import in_order, matching, page_of
from services.policy.control.keys.key_secret import check_is_a_key, new_key, shown_name
from services.policy.control.keys.key_secret_use import KeySecretUse
from services.policy.control.keys.key_terms import changes_of, terms_of
from services.policy.control.keys.stored_keys import StoredKeys
from services.policy.control.keys.virtual_key import VirtualKey
from services.policy.control.mirror import Mirror
from services.policy.control.refusals import already_there, as_client_errors
from services.policy.control.terms.amounts import expiry_of
from shared import subjects
from shared.bus import Bus
from shared.config import Config
from shared.control import AccountFigures, DeletedKey, GeneratedKey, KeyAnswer, KeyPage, KeyQuery, SpendWasReset
from shared.errors import NotFound, Unavailable
from shared.identity.keys import Key, as_token, decode_key, entry_names, token_of

_NOTHING_SPENT = AccountFigures(0, 0)


class KeyCommands:
    """Every method raises GatewayError: what a client is to be told. Fields have LiteLLM's names and units."""

    def __init__(
        self,
        bus: Bus,
        config: Config,
        mirror: Mirror[Key] | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`mirror` has all keys for lists; without one, a list reads the bucket."""
        self._bus = bus
        self._config = config
        self._mirror = mirror or Mirror(bus, subjects.KEYS_BUCKET, decode_key, own_name=lambda key: key.token)
        self._clock = clock
        self._timezone = config.litellm_settings.timezone
        self._partitions = config.general_settings.meterhouse.partitions
        self._stored = StoredKeys(bus)

    async def generate(self, fields: Mapping[str, Any], *, by: str) -> GeneratedKey:
        """Make a key, or take the one in `fields["key"]`; it is told once, and only its SHA-256 is stored."""
        own = fields.get("key")
        key = new_key() if own is None else check_is_a_key(own)
        if own is not None and own == self._config.general_settings.master_key:
            raise already_there(deleted=False)
        now, token = self._clock(), token_of(key)
        settings = self._config.litellm_settings
        with as_client_errors():
            terms = terms_of(
                fields,
                now=now,
                defaults=settings.default_key_generate_params,
                bounds=settings.upperbound_key_generate_params,
            )

        async def attempt() -> VirtualKey:
            if own is not None:
                await self._stored.check_is_new(token)
            await self._stored.check_budget(terms.get("budget_id"))
            if terms.get("organization_id") is None:
                terms["organization_id"] = await self._stored.organization_of_team(terms.get("team_id"))
            made = VirtualKey.generate(
                token=token,
                tenant=terms.get("organization_id") or terms.get("team_id") or token,
                key_name=shown_name(key),
                terms=terms,
                by=by,
                at=moment(now),
            )
            others = await alias_changes(self._stored.aggregates, made, None, made.alias, moment(now))
            used = [] if own is None else [KeySecretUse.issue(token, token, at=moment(now))]
            await self._stored.save(made, *others, *used)
            return made

        made = await self._stored.until_alone(attempt)
        return GeneratedKey(key, self._newborn(entry_of(made), now))

    async def update(self, fields: Mapping[str, Any], *, by: str) -> KeyAnswer:
        """Change the key named by `fields["key"]`, else the one that has `fields["key_alias"]`. Null clears a field."""
        now = self._clock()

        async def attempt() -> VirtualKey:
            key, others = await self._stored.named(fields)
            changes, alias = changes_of(others, key.terms, now=now), key.alias
            await self._stored.check_budget(changes.get("budget_id"))
            blocked = changes.pop("blocked") if isinstance(changes.get("blocked"), bool) else None
            if changes:
                key.update(changes, by=by, at=moment(now))
            if blocked is not None:
                (key.block if blocked else key.unblock)(by=by, at=moment(now))
            changed = await alias_changes(self._stored.aggregates, key, alias, key.alias, moment(now))
            await self._stored.save(key, *changed)
            return key

        return await self._told(entry_of(await self._stored.until_alone(attempt)))

    async def regenerate(self, fields: Mapping[str, Any], *, by: str) -> GeneratedKey:
        """Give the key that `fields` name another secret, which is told once; and change what else they say.

        The one before counts for `grace_period` longer. Budgets, limits and spend go on: they belong to the token.
        """
        given = dict(fields)
        own, grace = given.pop("new_key", None), given.pop("grace_period", None)
        secret = new_key() if own is None else check_is_a_key(own, field="new_key")
        if secret == self._config.general_settings.master_key:
            raise already_there(deleted=False, field="new_key")
        now, token = self._clock(), token_of(secret)
        grace_until = expiry_of("grace_period", grace, now) if grace else 0.0

        async def attempt() -> VirtualKey:
            key, others = await self._stored.named(given)
            if own is not None:
                await self._stored.check_is_new(token, field="new_key")
            changes, alias = changes_of(others, key.terms, now=now), key.alias
            await self._stored.check_budget(changes.get("budget_id"))
            key.regenerate(
                secret=token,
                key_name=shown_name(secret),
                grace_until=grace_until,
                changes=changes,
                by=by,
                at=moment(now),
            )
            changed = await alias_changes(self._stored.aggregates, key, alias, key.alias, moment(now))
            await self._stored.save(key, KeySecretUse.issue(token, key.token, at=moment(now)), *changed)
            return key

        changed = await self._stored.until_alone(attempt)
        return GeneratedKey(secret, await self._told(entry_of(changed)))

    async def reset_spend(self, key: str, reset_to: Any, *, by: str) -> SpendWasReset:
        """Set what the key's budget counts in its present window, to at most what it counts now."""
        before = await self.info(key)
        if before.figures is None:
            raise Unavailable("Nobody says at the moment what the key has spent. Try again.", retry_after_s=1)
        previous = before.figures.spend_pico
        spend = spend_to_reset(reset_to, previous, before.entry.max_budget_pico)
        now = self._clock()

        async def attempt() -> VirtualKey:
            found = await self._stored.existing(as_token(key))
            found.reset_spend(spend, previous_pico=previous, by=by, at=moment(now))
            await self._stored.save(found)
            return found

        entry = entry_of(await self._stored.until_alone(attempt))
        assert entry.correction is not None
        if not await count_correction(self._bus, entry.tenant, entry.token, entry.correction, self._partitions):
            raise Unavailable(
                "It is stored, and counts with the key's next request; the owner of its budget does not answer now.",
                retry_after_s=1,
            )
        return SpendWasReset(await self._told(entry), previous)

    async def block(self, key: str, *, by: str) -> KeyAnswer:
        return await self._change(key, lambda found, at: found.block(by=by, at=at))

    async def unblock(self, key: str, *, by: str) -> KeyAnswer:
        return await self._change(key, lambda found, at: found.unblock(by=by, at=at))

    async def delete(self, keys: Sequence[str], aliases: Sequence[str], *, by: str) -> list[DeletedKey]:
        """Delete those that exist; NotFound when none does."""
        deleted = []
        for named in [*({"key": key} for key in keys), *({"key_alias": alias} for alias in aliases)]:
            try:
                gone = entry_of(await self._delete(named, by))
            except NotFound:
                continue
            deleted.append(DeletedKey(next(iter(named.values())), gone.token, entry_names(gone)[1:]))
        if not deleted:
            raise NotFound("No keys found")
        return deleted

    async def info(self, key: str) -> KeyAnswer:
        with as_client_errors():
            return await self._told(entry_of(await self._stored.existing(as_token(key))))

    async def find(self, keys: Sequence[str], aliases: Sequence[str]) -> list[KeyAnswer]:
        """Return those that exist, in the order asked for; NotFound when none does."""
        found: dict[str, Key] = {}
        for named in [*({"key": key} for key in keys), *({"key_alias": alias} for alias in aliases)]:
            try:
                with as_client_errors():
                    key, _ = await self._stored.named(named)
            except NotFound:
                continue
            found[key.token] = entry_of(key)
        if not found:
            raise NotFound("No keys found")
        return await self._all_told(list(found.values()))

    async def of(self, belongs: Callable[[Key], bool], *, figures: bool = True) -> list[KeyAnswer]:
        """Return the keys of which `belongs` says so, those that were made first before the others."""
        with as_client_errors():
            found = [key for key in await self._mirror.entries() if belongs(key)]
        found.sort(key=lambda key: (key.created_at, key.token))
        now = self._clock()
        spent = await self._figures(found, now) if figures else {}
        return [answer_of(key, spent, now, self._timezone) for key in found]

    async def delete_of(self, belongs: Callable[[Key], bool], *, by: str) -> None:
        """Delete the keys of which `belongs` says so."""
        tokens = [answer.entry.token for answer in await self.of(belongs, figures=False)]
        if tokens:
            await self.delete(tokens, [], by=by)

    async def list_keys(self, query: KeyQuery) -> KeyPage:
        now = self._clock()
        with as_client_errors():
            known = await self._mirror.entries()
        keys = matching(known, query, now)
        figures = await self._figures(keys, now) if query.sort_by == "spend" else {}
        page = page_of(in_order(keys, query, figures), query)
        if query.figures and not figures:
            figures = await self._figures(page, now)
        return KeyPage([answer_of(key, figures, now, self._timezone) for key in page], len(keys))

    async def _change(self, key: str, change: Callable[[VirtualKey, datetime], None]) -> KeyAnswer:
        now, token = self._clock(), as_token(key)

        async def attempt() -> VirtualKey:
            found = await self._stored.existing(token)
            change(found, moment(now))
            await self._stored.save(found)
            return found

        return await self._told(entry_of(await self._stored.until_alone(attempt)))

    async def _delete(self, named: Mapping[str, str], by: str) -> VirtualKey:
        now = self._clock()

        async def attempt() -> VirtualKey:
            key, _ = await self._stored.named(named)
            key.delete(by=by, at=moment(now))
            freed = await alias_changes(self._stored.aggregates, key, key.alias, None, moment(now))
            await self._stored.save(key, *freed)
            return key

        return await self._stored.until_alone(attempt)

    async def _told(self, entry: Key) -> KeyAnswer:
        return (await self._all_told([entry]))[0]

    async def _all_told(self, found: list[Key]) -> list[KeyAnswer]:
        now = self._clock()
        figures = await self._figures(found, now)
        return [answer_of(entry, figures, now, self._timezone) for entry in found]

    async def _figures(self, keys: Sequence[Key], now: float) -> dict[str, AccountFigures]:
        return await figures_of_accounts(self._bus, accounts_of(keys), partitions=self._partitions, now=now)

    def _newborn(self, entry: Key, now: float) -> KeyAnswer:
        """Nothing can have been spent of it yet."""
        figures = {name: _NOTHING_SPENT for _, name in accounts_of([entry])}
        return answer_of(entry, figures, now, self._timezone)
