"""From an event of a key, and the key as the event left it, to the fact that everybody may read. Pure.

Events are the control plane's own and may change with it; facts are published and spell every field out.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from eventsourcing.domain import AggregateEvent

from services.policy.control.keys.key_entry import entry_of
from services.policy.control.keys.virtual_key import VirtualKey
from services.policy.control.terms.budgets import ANCHORS
from shared.facts.control import (
    BudgetTerms,
    KeyBlocked,
    KeyDeleted,
    KeyGenerated,
    KeyRegenerated,
    KeySpendReset,
    KeyTerms,
    KeyUnblocked,
    KeyUpdated,
    OfKey,
)
from shared.identity.keys import Key

_NOT_NAMED = frozenset(ANCHORS.values())  # ours alone: they follow what they are anchors of


def fact_of(event: AggregateEvent, key: VirtualKey, seq: int) -> OfKey:
    """Return the fact of `event`, stored at `seq`; `key` is at the event's version.

    Raises:
        TypeError: there is no fact for such an event.
    """
    make = _FACTS.get(type(event))
    if make is None:
        raise TypeError(f"no fact is published of a {type(event).__qualname__}")
    entry = entry_of(key)
    head: dict[str, Any] = {
        "id": f"control_{seq}",
        "ts_ms": round(event.timestamp.timestamp() * 1000),
        "tenant": entry.tenant,
        "key": entry.token,
        "key_version": event.originator_version,
        "key_name": entry.key_name,
        "key_alias": entry.key_alias or "",
        "user_id": entry.user_id or "",
        "team_id": entry.team_id or "",
        "organization_id": entry.organization_id or "",
        "by": entry.updated_by,
    }
    return make(event, entry, head)


def _generated(_: Any, entry: Key, head: dict[str, Any]) -> OfKey:
    return KeyGenerated(**head, terms=_terms(entry))


def _updated(event: VirtualKey.Updated, entry: Key, head: dict[str, Any]) -> OfKey:
    changed = sorted(event.changes.keys() - _NOT_NAMED)
    return KeyUpdated(**head, changed=tuple(changed), terms=_terms(entry))


def _regenerated(event: VirtualKey.Regenerated, entry: Key, head: dict[str, Any]) -> OfKey:
    return KeyRegenerated(
        **head,
        rotations=entry.rotations,
        grace_until_ms=round(event.grace_until * 1000),
        changed=tuple(sorted(event.changes.keys() - _NOT_NAMED)),
        terms=_terms(entry),
    )


def _spend_reset(event: VirtualKey.SpendReset, _: Key, head: dict[str, Any]) -> OfKey:
    return KeySpendReset(**head, spend_pico=event.spend_pico, previous_pico=event.previous_pico)


def _terms(entry: Key) -> KeyTerms:
    return KeyTerms(
        models=entry.models,
        aliases=entry.aliases,
        allowed_routes=entry.allowed_routes,
        max_budget_pico=entry.max_budget_pico,
        soft_budget_pico=entry.soft_budget_pico,
        budget_duration=entry.budget_duration,
        expires_ms=None if entry.expires is None else round(entry.expires * 1000),
        budgets=tuple(BudgetTerms(**msgspec.structs.asdict(window)) for window in entry.budgets),
        increase_pico=entry.increase_pico,
        increase_until_ms=round(entry.increase_until * 1000),
        budget_id=entry.budget_id or "",
        rpm_limit=entry.limits.rpm,
        tpm_limit=entry.limits.tpm,
        tpd_limit=entry.limits.tpd,
        max_parallel_requests=entry.limits.parallel,
        model_rpm_limit=entry.limits.model_rpm,
        model_tpm_limit=entry.limits.model_tpm,
        blocked=bool(entry.blocked),
        tags=entry.tags,
        guardrails=entry.guardrails,
        metadata=entry.metadata,
    )


_FACTS: dict[type[Any], Callable[[Any, Key, dict[str, Any]], OfKey]] = {
    VirtualKey.Generated: _generated,
    VirtualKey.Updated: _updated,
    VirtualKey.Blocked: lambda _event, _entry, head: KeyBlocked(**head),
    VirtualKey.Unblocked: lambda _event, _entry, head: KeyUnblocked(**head),
    VirtualKey.Regenerated: _regenerated,
    VirtualKey.SpendReset: _spend_reset,
    VirtualKey.Deleted: lambda _event, _entry, head: KeyDeleted(**head),
}
