"""The budget tree: from whom a request is counted to, to the accounts it is counted in.

A key's accounts are found once and kept until the key or any holder changes: a request finds them by one look-up.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from services.policy.budgets.charges import Charge, Charges, charges_of, pattern_of
from services.policy.budgets.shared_terms import increase_of, lent_windows
from services.policy.budgets.soft import counted_window, soft_window, whole_window
from shared import subjects
from shared.calls import Caller
from shared.identity.holders import (
    GLOBAL_ACCOUNT,
    AccountKind,
    Holder,
    HolderKind,
    Window,
    account_of,
    entry_name,
    home_of,
    home_of_provider,
    member_id,
    organization_member_id,
)
from shared.identity.keys import MASTER_KEY_ID, Key
from shared.identity.model_terms import names_for

_entry_name = lru_cache(maxsize=65_536)(entry_name)
member_id_of = lru_cache(maxsize=65_536)(member_id)
organization_member_id_of = lru_cache(maxsize=65_536)(organization_member_id)

_COUNTED_AT_HOME: frozenset[AccountKind] = frozenset({"organization", "team", "member"})
"""Whose spend is counted without a budget, too, as their keys'."""

KNOWN_MAX = 100_000
"""So many keys' accounts are kept at most."""


class TreeRules(NamedTuple):
    """What the configuration says about budgets. `providers` by provider; `soft` by account, its limit soft."""

    partitions: int
    global_budget: Window | None = None
    providers: Mapping[str, Window] = {}
    end_user_budget: Window | None = None  # of those without a budget of their own
    user_budget_on_team_keys: bool = False
    timezone: str = "UTC"  # of windows that do not say one
    soft: Mapping[str, Window] = {}


class _Known(NamedTuple):
    """What is known of a key. `by_model`: the accounts that count one model's calls alone."""

    key: Key | None
    generation: int
    charges: Charges
    by_model: Mapping[str, tuple[Charge, ...]]


class BudgetTree:
    """One instance serves all partitions of a process."""

    def __init__(self, holders: Mapping[str, Holder], rules: TreeRules) -> None:
        """`holders` mirrors the HOLDERS bucket; `changed` must be called when it changes."""
        self._holders = holders
        self._rules = rules
        self._generation = 0
        self._known: dict[str, _Known] = {}
        self._global: tuple[Charge, ...] = ()
        if rules.global_budget is not None or GLOBAL_ACCOUNT in rules.soft:
            self._global = (self._of_config("global", "", rules.global_budget),)
        heads = [account.partition(":") for account in rules.soft]
        tracked = [name for kind, _, name in heads if kind == "provider"]
        self._providers = {
            name: self._of_config("provider", name, rules.providers.get(name))
            for name in dict.fromkeys((*rules.providers, *tracked))
        }

    @property
    def budgets_providers(self) -> bool:
        """Whether it matters who may come to serve a request."""
        return bool(self._providers)

    def changed(self, name: str = "", holder: Holder | None = None) -> None:
        """An entry of the bucket has changed: what is known of keys may be wrong."""
        self._generation += 1

    def charges(
        self, caller: Caller, key: Key | None, model: str, group: str, providers: tuple[str, ...] = ()
    ) -> Charges:
        """Return what a request to `model` is counted in; `group` is the configuration's name of that model.

        `providers` are those that may come to serve it. `key` None is the master key, which no budget binds but the
        end user's, the providers' and the global one.
        """
        known = self._known.get(caller.key)
        if known is None or known.key is not key or known.generation != self._generation:
            known = self._know(caller.key, key)
        is_plain = not (known.by_model or self._global or caller.tags or caller.end_user)
        if is_plain and not self._providers:
            return known.charges
        must = list(known.charges.must)
        for name in names_for(known.by_model, group, model) if known.by_model else ():
            must += known.by_model[name]
        for tag in dict.fromkeys(caller.tags) if key is not None else ():
            must += self._limited("tag", tag, f"Tag={tag}", model, group)
        if caller.end_user:
            must += self._of_end_user(caller.end_user, model, group)
        must += self._global
        paid: tuple[Charge, ...] = ()
        if any(name in self._providers for name in providers):
            paid = tuple(self._providers.get(name) or self._unlimited(name) for name in providers)
        return charges_of(tuple(must), paid)

    def _know(self, token: str, key: Key | None) -> _Known:
        every = list(self._levels(key))
        by_model: dict[str, tuple[Charge, ...]] = {}
        for charge in every:
            if charge.model:
                by_model[charge.model] = (*by_model.get(charge.model, ()), charge)
        always = tuple(charge for charge in every if not charge.model)
        charges = charges_of(always)
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        known = self._known[token] = _Known(key, self._generation, charges, by_model)
        return known

    def _levels(self, key: Key | None) -> Iterator[Charge]:
        """Yield the accounts of the key and of all above it: those with a limit, and those that count without one.

        Without a limit, an account that is at home here is counted when the request ends; one that is at home elsewhere
        (the key was made before its team moved, or has moved itself) is held as with a limit, so that its home hears.
        """
        if key is None:
            yield Charge(MASTER_KEY_ID, None, self._home(MASTER_KEY_ID), "key", "Key=master")
            return
        home = self._home(key.tenant)
        yield from self._of_key(key, home)
        if key.organization_id:
            yield from self._counted("organization", key.organization_id, f"Organization={key.organization_id}", home)
            if key.user_id:
                yield from self._of_organization_member(key.organization_id, key.user_id, home)
        if key.team_id:
            yield from self._counted("team", key.team_id, f"Team={key.team_id}", home)
            if key.user_id:
                member = member_id_of(key.team_id, key.user_id)
                yield from self._counted("member", member, f"TeamMember={key.user_id}:{key.team_id}", home)
        if key.user_id and (not key.team_id or self._rules.user_budget_on_team_keys):
            yield from self._limited("user", key.user_id, key.user_id)

    def _of_key(self, key: Key, home: int) -> Iterator[Charge]:
        name = f"Key={key.key_alias or 'key'} ({key.key_name})"
        windows = key.budgets or self._shared(key.budget_id)
        main = next((window for window in windows if _is_main(window)), None)
        limit = key.max_budget_pico
        own = whole_window({**key.extra, "budget_duration": key.budget_duration, "budget_anchor": key.budget_anchor})
        if main is not None:
            limit, own = main.limit_pico, main
        lends = None if key.budgets or key.increase_pico else self._shared_holder(key.budget_id)
        increase, until_ms = increase_of(key, lends)
        yield Charge(
            key.token,
            limit,
            home,
            "key",
            name,
            "",
            self._pattern(own),
            own.anchor,
            increase,
            until_ms,
            correction=key.correction,
        )
        for window in windows:
            if _is_main(window):
                continue
            if window.model:
                name = f"LiteLLM Virtual Key: {key.token}, key_alias: {key.key_alias}"
            else:
                name = f"Key={key.token}:{window.duration}"
            yield Charge(
                account_of("key", key.token, window),
                window.limit_pico,
                home,
                "key",
                name,
                window.model,
                self._pattern(window),
                window.anchor,
                increase,
                until_ms,
            )

    def _of_organization_member(self, organization_id: str, user_id: str, home: int) -> Iterator[Charge]:
        """Only where there is such a member: few are given a budget in an organisation beside their teams'."""
        member = organization_member_id_of(organization_id, user_id)
        if _entry_name("member", member) in self._holders:
            yield from self._counted("member", member, f"OrganizationMember={user_id}:{organization_id}", home)

    def _counted(self, kind: HolderKind, holder_id: str, name: str, home: int) -> Iterator[Charge]:
        charges = list(self._limited(kind, holder_id, name))
        main = account_of(kind, holder_id)
        if all(charge.account != main for charge in charges):
            holder = self._holders.get(_entry_name(kind, holder_id))
            if holder is None:
                yield Charge(main, None, home, kind, name)
            else:
                yield self._unlimited_of(kind, holder, name, tracked=self._home(holder.tenant) != home)
        yield from charges

    def _limited(
        self, kind: HolderKind, holder_id: str, name: str, model: str | None = None, group: str = ""
    ) -> Iterator[Charge]:
        """Yield the accounts that have a limit or a soft budget, and the main one of who is counted without; with
        `model`, only those that count calls to it.
        """
        holder = self._holders.get(_entry_name(kind, holder_id))
        if holder is None:
            return
        windows = holder.budgets or self._shared(holder.budget_id)
        lends = None if holder.budgets or holder.increase_pico else self._shared_holder(holder.budget_id)
        by_model = [window.model for window in windows if window.model] if model is not None else ()
        called = names_for(by_model, group, model or "") if by_model else ()
        for window in windows:
            if model is None or not window.model or window.model in called:
                yield self._charge(kind, holder_id, name, window, holder.tenant, holder, lends)
        if not any(_is_main(window) for window in windows):
            soft = soft_window(holder, self._shared_holder(holder.budget_id))
            if soft is not None:
                tracked = self._charge(kind, holder_id, name, soft, holder.tenant, holder)
                yield tracked._replace(limit=None, tracked=True)
            elif holder.counted and kind not in _COUNTED_AT_HOME:
                yield self._unlimited_of(kind, holder, name, tracked=True)

    def _unlimited_of(self, kind: HolderKind, holder: Holder, name: str, *, tracked: bool) -> Charge:
        """Return the main account of a holder that has no budget now, and may have one again."""
        window = counted_window(holder, self._shared_holder(holder.budget_id))
        charge = self._charge(kind, holder.id, name, window, holder.tenant, holder)
        return charge._replace(limit=None, tracked=tracked)

    def _of_end_user(self, end_user: str, model: str, group: str) -> Iterable[Charge]:
        found = tuple(self._limited("end_user", end_user, end_user, model, group))
        default = self._rules.end_user_budget
        if default is None:
            return found
        holder = self._holders.get(_entry_name("end_user", end_user))
        if holder is None:
            return (self._charge("end_user", end_user, end_user, default, home_of("end_user", end_user)),)
        if holder.budgets or self._shared(holder.budget_id):
            return found
        unlimited = self._unlimited_of("end_user", holder, end_user, tracked=False)
        return (unlimited._replace(limit=default.limit_pico),)

    def _shared(self, budget_id: str | None) -> tuple[Window, ...]:
        shared = self._shared_holder(budget_id)
        return lent_windows(shared)

    def _shared_holder(self, budget_id: str | None) -> Holder | None:
        return self._holders.get(_entry_name("budget", budget_id)) if budget_id else None

    def _charge(
        self,
        kind: AccountKind,
        holder_id: str,
        name: str,
        window: Window,
        tenant: str,
        holder: Holder | None = None,
        lends: Holder | None = None,
    ) -> Charge:
        """`lends` is the shared budget whose increase counts, where the holder has none itself."""
        increase, until_ms = increase_of(holder, lends) if holder is not None else (0, 0)
        return Charge(
            account_of(kind, holder_id, window),
            window.limit_pico,
            self._home(tenant),
            kind,
            f"{name}:{window.duration}" if window.listed else name,
            window.model,
            self._pattern(window),
            window.anchor,
            increase,
            until_ms,
            correction=holder.correction if holder is not None and _is_main(window) else None,
        )

    def _of_config(self, kind: str, name: str, limited: Window | None) -> Charge:
        """Without a limit it is tracked, for the soft budget it must have then."""
        account, tenant = (
            (GLOBAL_ACCOUNT, GLOBAL_ACCOUNT)
            if kind == "global"
            else (account_of("provider", name), home_of_provider(name))
        )
        window = limited or self._rules.soft[account]
        limit = limited.limit_pico if limited is not None else None
        pattern, tracked = self._pattern(window), limited is None
        return Charge(account, limit, self._home(tenant), kind, name, "", pattern, window.anchor, tracked=tracked)

    def _unlimited(self, provider: str) -> Charge:
        return Charge(account_of("provider", provider), None, -1, "provider", provider)

    def _pattern(self, window: Window) -> str:
        return pattern_of(window, self._rules.timezone)

    def _home(self, tenant: str) -> int:
        return subjects.partition_of(tenant, self._rules.partitions)


def counted_without_hold(organization_id: str, team_id: str, user_id: str) -> tuple[str, ...]:
    """Return the accounts, besides the key's, that count what a request without a hold costs.

    They are counted in the partition that admitted it: where they are at home, what was spent before a budget was set
    is known when it is.
    """
    accounts = []
    if organization_id:
        accounts.append(account_of("organization", organization_id))
        if user_id:
            accounts.append(account_of("member", organization_member_id_of(organization_id, user_id)))
    if team_id:
        accounts.append(account_of("team", team_id))
        if user_id:
            accounts.append(account_of("member", member_id_of(team_id, user_id)))
    return tuple(accounts)


def _is_main(window: Window) -> bool:
    return not window.listed and not window.model
