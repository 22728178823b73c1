"""Which limits concern a request: its key's, and those of everybody above and beside the key.

A key's limits are found once and kept until the key or any holder changes: a request finds them by one look-up.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from services.policy.limits.counters import TokenType
from services.policy.limits.room import Limit
from shared import subjects
from shared.calls import Caller
from shared.identity.holders import (
    GLOBAL_ACCOUNT,
    AccountKind,
    Holder,
    HolderKind,
    Limits,
    Window,
    account_of,
    account_of_model,
    entry_name,
    member_id,
)
from shared.identity.keys import Key
from shared.identity.model_terms import names_for

KNOWN_MAX = 100_000
"""So many keys' limits are kept at most."""

_entry_name = lru_cache(maxsize=65_536)(entry_name)
_UNLIMITED = Limits()

_KINDS: Mapping[AccountKind, str] = {"key": "api_key", "member": "team_member"}
"""LiteLLM's names of holders, where they are not ours."""


_SPAN_TENANTS = ("user", "end_user", "tag")


class LimitRules(NamedTuple):
    """What the configuration says about limits."""

    partitions: int
    global_parallel: int | None = None
    counts: TokenType = "total"
    least_answer: int = 1_024
    models: Mapping[str, Limits] = MappingProxyType({})  # of a model, whoever calls it


class _Known(NamedTuple):
    """`by_model`: the limits of calls to one model alone."""

    key: Key | None
    generation: int
    always: tuple[Limit, ...]
    by_model: Mapping[str, tuple[Limit, ...]]


class LimitTree:
    """One instance serves all partitions of a process."""

    def __init__(self, holders: Mapping[str, Holder], rules: LimitRules) -> None:
        """`holders` mirrors the HOLDERS bucket; `changed` must be called when it changes."""
        self._holders = holders
        self.rules = rules
        self._generation = 0
        self._known: dict[str, _Known] = {}
        self._global: tuple[Limit, ...] = ()
        if rules.global_parallel is not None:
            home = self._home(GLOBAL_ACCOUNT)
            self._global = (
                Limit(GLOBAL_ACCOUNT, home, "global", "all", parallel=rules.global_parallel, spans_tenants=True),
            )

        self._models = {name: (self._of_model(name, limits),) for name, limits in rules.models.items()}

    def changed(self, name: str = "", holder: Holder | None = None) -> None:
        """An entry of the bucket has changed: what is known of keys may be wrong."""
        self._generation += 1

    def limits(self, caller: Caller, key: Key | None, model: str, group: str) -> tuple[Limit, ...]:
        """Return the limits of a request to `model`; `group` is the configuration's name of that model.

        `key` None is the master key, which only the limits of the end user, the model and all together bind.
        """
        known = self._known.get(caller.key)
        if known is None or known.key is not key or known.generation != self._generation:
            known = self._know(caller.key, key)
        if not (known.by_model or self._models or caller.tags or caller.end_user):
            return known.always
        found = list(known.always)
        for name in names_for(known.by_model, group, model) if known.by_model else ():
            found += known.by_model[name]
        for name in dict.fromkeys((group, model)) if self._models else ():
            found += self._models.get(name, ())
        for tag in dict.fromkeys(caller.tags) if key is not None else ():
            found += self._of_holder("tag", tag, tag, group, model)
        if caller.end_user:
            found += self._of_holder("end_user", caller.end_user, caller.end_user, group, model)
        return tuple(found)

    def _know(self, token: str, key: Key | None) -> _Known:
        always: list[Limit] = []
        by_model: dict[str, tuple[Limit, ...]] = {}
        for model, limit in self._levels(key):
            if model:
                by_model[model] = (*by_model.get(model, ()), limit)
            else:
                always.append(limit)
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        known = self._known[token] = _Known(key, self._generation, (*always, *self._global), by_model)
        return known

    def _levels(self, key: Key | None) -> Iterator[tuple[str, Limit]]:
        if key is None:
            return
        limits = self._filled_in(key.limits, key.budget_id)
        yield from self._each("key", key.token, key.token, key.tenant, limits)
        if key.team_id:
            yield from self._of_known("team", key.team_id, key.team_id)
            if key.user_id:
                member = member_id(key.team_id, key.user_id)
                yield from self._of_known("member", member, f"{key.team_id}:{key.user_id}")
        if key.user_id:
            yield from self._of_known("user", key.user_id, key.user_id)
        if key.organization_id:
            yield from self._of_known("organization", key.organization_id, key.organization_id)

    def _of_known(self, kind: HolderKind, holder_id: str, name: str) -> Iterator[tuple[str, Limit]]:
        holder = self._holders.get(_entry_name(kind, holder_id))
        if holder is not None:
            limits = self._filled_in(holder.limits, holder.budget_id)
            yield from self._each(kind, holder_id, name, holder.tenant, limits)

    def _of_holder(self, kind: HolderKind, holder_id: str, name: str, group: str, model: str) -> Iterator[Limit]:
        known = list(self._of_known(kind, holder_id, name))
        called = names_for([of for of, _ in known if of], group, model)
        yield from (limit for of, limit in known if not of or of in called)

    def _filled_in(self, limits: Limits, budget_id: str | None) -> Limits:
        """Return the limits with what a shared budget adds where they say nothing."""
        shared = self._holders.get(_entry_name("budget", budget_id)) if budget_id else None
        if shared is None or shared.limits == _UNLIMITED:
            return limits
        given = msgspec.structs.asdict(shared.limits)
        own = {name: value for name, value in msgspec.structs.asdict(limits).items() if value not in (None, {})}
        return Limits(**{**given, **own})

    def _each(
        self, kind: AccountKind, holder_id: str, name: str, tenant: str, limits: Limits
    ) -> Iterator[tuple[str, Limit]]:
        """Yield a model's name ("": all) and the limit of calls to it."""
        if limits == _UNLIMITED:
            return
        home, known_as, spans = self._home(tenant), _KINDS.get(kind, kind), kind in _SPAN_TENANTS
        rpm, tpm, tpd, parallel = limits.rpm, limits.tpm, limits.tpd, limits.parallel
        if any(maximum is not None for maximum in (rpm, tpm, tpd, parallel)):
            yield "", Limit(account_of(kind, holder_id), home, known_as, name, rpm, tpm, tpd, parallel, spans)
        by_model = f"model_per_{'key' if kind == 'key' else known_as}"
        for model in dict.fromkeys((*limits.model_rpm, *limits.model_tpm)):
            account = account_of(kind, holder_id, Window(0, model=model))
            rpm, tpm = limits.model_rpm.get(model), limits.model_tpm.get(model)
            yield model, Limit(account, home, by_model, f"{name}:{model}", rpm, tpm, spans_tenants=spans)

    def _of_model(self, model: str, limits: Limits) -> Limit:
        account = account_of_model(model)
        maxima = (limits.rpm, limits.tpm, limits.tpd, limits.parallel)
        return Limit(account, self._home(account), "model", model, *maxima, spans_tenants=True)

    def _home(self, tenant: str) -> int:
        return subjects.partition_of(tenant, self.rules.partitions)
