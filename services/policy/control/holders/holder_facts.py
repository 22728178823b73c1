"""From an event of a holder, and the holder as the event left it, to the fact that everybody may read. Pure."""

from typing import Any

import msgspec
from eventsourcing.domain import AggregateEvent

from services.policy.control.holders.aggregate import HolderAggregate
from services.policy.control.holders.entry import entry_of
from services.policy.control.terms.budgets import ANCHORS
from shared.facts.control import BudgetTerms
from shared.facts.holders import HOLDER_FACTS, HolderTerms, OfHolder, OfHolderTerms
from shared.identity.holders import Holder

_BY_KIND = {fact.KIND: fact for fact in HOLDER_FACTS}
_VERBS: dict[type[AggregateEvent], str] = {
    HolderAggregate.Created: "created",
    HolderAggregate.Recreated: "created",
    HolderAggregate.Updated: "updated",
    HolderAggregate.Blocked: "blocked",
    HolderAggregate.Unblocked: "unblocked",
    HolderAggregate.Deleted: "deleted",
}
_NOT_NAMED = frozenset(ANCHORS.values())  # ours alone: they follow what they are anchors of


def fact_of(event: AggregateEvent, holder: HolderAggregate, seq: int) -> OfHolder:
    """Return the fact of `event`, stored at `seq`; `holder` is at the event's version.

    Raises:
        TypeError: there is no fact for such an event.
    """
    verb = next((verb for kind, verb in _VERBS.items() if isinstance(event, kind)), "")
    make = _BY_KIND.get(f"{holder.KIND}.{verb}")
    if make is None:
        raise TypeError(f"no fact is published of a {type(event).__qualname__}")
    entry = entry_of(holder)
    head: dict[str, Any] = {
        "id": f"control_{seq}",
        "ts_ms": round(event.timestamp.timestamp() * 1000),
        "tenant": entry.tenant,
        "holder_id": entry.id,
        "holder_version": event.originator_version,
        "alias": entry.alias or "",
        "user_id": entry.user_id or (entry.id if entry.kind == "user" else ""),
        "team_id": entry.team_id or (entry.id if entry.kind == "team" else ""),
        "organization_id": entry.organization_id or (entry.id if entry.kind == "organization" else ""),
        "by": entry.updated_by,
    }
    if not issubclass(make, OfHolderTerms):
        return make(**head)
    changed = event.changes.keys() - _NOT_NAMED if isinstance(event, HolderAggregate.Updated) else ()
    return make(**head, terms=_terms(entry), changed=tuple(sorted(changed)))


def _terms(entry: Holder) -> HolderTerms:
    return HolderTerms(
        models=entry.models,
        budgets=tuple(BudgetTerms(**msgspec.structs.asdict(window)) for window in entry.budgets),
        soft_budget_pico=entry.soft_budget_pico,
        increase_pico=entry.increase_pico,
        increase_until_ms=round(entry.increase_until * 1000),
        budget_id=entry.budget_id or "",
        spent_before_pico=entry.correction.pico if entry.correction is not None else 0,
        rpm_limit=entry.limits.rpm,
        tpm_limit=entry.limits.tpm,
        tpd_limit=entry.limits.tpd,
        max_parallel_requests=entry.limits.parallel,
        model_rpm_limit=entry.limits.model_rpm,
        model_tpm_limit=entry.limits.model_tpm,
        blocked=entry.blocked,
        tags=entry.tags,
        metadata=entry.metadata,
        others=entry.extra,
    )
