"""Whose budget an account is, and what it may spend: found by the account's name alone. Pure."""

import re
from collections.abc import Mapping
from typing import NamedTuple, cast, get_args

from services.policy.budgets.charges import pattern_of
from services.policy.budgets.shared_terms import increase_of, lent_windows
from services.policy.budgets.soft import counted_window, soft_budget_of, whole_window
from services.policy.budgets.tree import TreeRules
from shared import subjects
from shared.identity.holders import (
    GLOBAL_ACCOUNT,
    Holder,
    HolderKind,
    Window,
    account_of,
    entry_name,
    home_of,
    home_of_provider,
)
from shared.identity.keys import Key

_HEAD = re.compile(r"(?P<kind>[a-z_]+)(?:[~@][^:]*)?:(?P<id>.*)", re.DOTALL)


class Terms(NamedTuple):
    """Money in pico-dollars; `limit` with an increase that holds now, None: there is none."""

    kind: str
    holder: str
    tenant: str
    limit: int | None
    soft: int | None = None
    alias: str = ""
    duration: str = ""
    model: str = ""
    user_id: str = ""
    team_id: str = ""
    organization_id: str = ""
    pattern: str = ""  # how its windows follow each other, as `charges.pattern_of` has it
    anchor: float = 0.0


class Directory:
    """All who can have a budget, as the mirrored buckets and the configuration have them."""

    def __init__(self, keys: Mapping[str, Key], holders: Mapping[str, Holder], rules: TreeRules) -> None:
        self._keys = keys
        self._holders = holders
        self._rules = rules

    def terms_of(self, account: str, now: float) -> Terms | None:
        """Return the terms of an account at `now` (seconds since 1970), None where nothing is to be told of it."""
        if account == GLOBAL_ACCOUNT:
            return self._of_config(account, "global", "", GLOBAL_ACCOUNT, self._rules.global_budget)
        head = _HEAD.fullmatch(account)
        if head is None:
            key = self._keys.get(account)
            return self._of_key(account, key, now) if key else None
        kind, holder_id = head["kind"], head["id"]
        if kind == "key":
            key = self._keys.get(holder_id)
            return self._of_key(account, key, now) if key else None
        if kind == "provider":
            window = self._rules.providers.get(holder_id)
            return self._of_config(account, kind, holder_id, home_of_provider(holder_id), window)
        if kind not in get_args(HolderKind):
            return None
        return self._of_holder(account, cast(HolderKind, kind), holder_id, now)

    def is_home(self, terms: Terms, partition: int) -> bool:
        """Return whether the account is counted in that partition."""
        return subjects.partition_of(terms.tenant, self._rules.partitions) == partition

    def _of_key(self, account: str, key: Key, now: float) -> Terms | None:
        lends = None if key.budgets or key.increase_pico else self._shared_holder(key.budget_id)
        increase = _increase_at(now, *increase_of(key, lends))
        windows = key.budgets or self._shared(key.budget_id)
        window = next((one for one in windows if account_of("key", key.token, one) == account), None)
        limit = window.limit_pico if window else key.max_budget_pico if account == key.token else None
        is_main = account == key.token
        if limit is None and not is_main:
            return None
        dated = {**key.extra, "budget_duration": key.budget_duration, "budget_anchor": key.budget_anchor}
        shown = window or whole_window(dated)
        return Terms(
            "key",
            key.token,
            key.tenant,
            None if limit is None else limit + increase,
            soft_budget_of(key, self._shared_holder(key.budget_id)) if is_main else None,
            key.key_alias or "",
            shown.duration,
            shown.model,
            key.user_id or "",
            key.team_id or "",
            key.organization_id or "",
            self._pattern(shown),
            shown.anchor,
        )

    def _of_holder(self, account: str, kind: HolderKind, holder_id: str, now: float) -> Terms | None:
        holder = self._holder(kind, holder_id)
        default = self._rules.end_user_budget if kind == "end_user" else None
        if holder is None:
            is_main = account == account_of(kind, holder_id)
            tenant = home_of(kind, holder_id)
            return self._of_config(account, kind, holder_id, tenant, default) if default and is_main else None
        windows = holder.budgets or self._shared(holder.budget_id)
        window = next((one for one in windows if account_of(kind, holder.id, one) == account), None)
        is_main = account == account_of(kind, holder.id)
        if window is None and not is_main:
            return None
        lends = None if holder.budgets or holder.increase_pico else self._shared_holder(holder.budget_id)
        increase = _increase_at(now, *increase_of(holder, lends))
        shared = self._shared_holder(holder.budget_id)
        shown = window or counted_window(holder, shared)
        hard = window if window is not None or windows else default
        return Terms(
            kind,
            holder.id,
            holder.tenant,
            None if hard is None else hard.limit_pico + increase,
            soft_budget_of(holder, shared) if is_main else None,
            holder.alias or "",
            shown.duration,
            shown.model,
            (holder.id if kind == "user" else holder.user_id) or "",
            (holder.id if kind == "team" else holder.team_id) or "",
            (holder.id if kind == "organization" else holder.organization_id) or "",
            self._pattern(shown),
            shown.anchor,
        )

    def _holder(self, kind: HolderKind, holder_id: str) -> Holder | None:
        """An id that is very long stands in the name of its account as a hash."""
        found = self._holders.get(entry_name(kind, holder_id))
        if found is None and holder_id.startswith("~"):
            wanted = account_of(kind, holder_id)
            of_kind = (one for one in self._holders.values() if one.kind == kind)
            return next((one for one in of_kind if account_of(kind, one.id) == wanted), None)
        return found

    def _shared(self, budget_id: str | None) -> tuple[Window, ...]:
        return lent_windows(self._shared_holder(budget_id))

    def _shared_holder(self, budget_id: str | None) -> Holder | None:
        return self._holders.get(entry_name("budget", budget_id)) if budget_id else None

    def _of_config(self, account: str, kind: str, holder: str, tenant: str, hard: Window | None) -> Terms | None:
        soft = self._rules.soft.get(account)
        shown = hard or soft
        if shown is None:
            return None
        limit, soft_limit = hard.limit_pico if hard else None, soft.limit_pico if soft else None
        pattern = self._pattern(shown)
        return Terms(kind, holder, tenant, limit, soft_limit, duration=shown.duration, pattern=pattern)

    def _pattern(self, window: Window) -> str:
        return pattern_of(window, self._rules.timezone)


def _increase_at(now: float, pico: int, until_ms: int) -> int:
    return pico if now * 1000 < until_ms else 0
