"""A holder's state as the entry that edge and policy watch. Pure."""

from typing import Any

import msgspec

from services.policy.control.holders.aggregate import HolderAggregate
from services.policy.control.terms.budgets import ANCHORS, increase_of, windows_of
from services.policy.control.terms.limits import COUNTS, limits_of
from shared.identity.holders import Correction, Holder

_FIELDS = frozenset(field.name for field in msgspec.structs.fields(Holder))
_IN_OTHER_FIELDS = frozenset({*COUNTS, *ANCHORS.values(), "spent_before"} - {"budget_anchor"})


def _first_correction(spent_before: list[Any] | None) -> Correction | None:
    """What was spent before the first budget, and when that was set, as its account counts it: once for ever."""
    if spent_before is None:
        return None
    at, pico = spent_before
    return Correction(1, pico, round(at * 1000), at_least=True)


def entry_of(holder: HolderAggregate) -> Holder:
    """Return the entry of `holder`. `extra` keeps what LiteLLM's API shows besides, budgets as they were given too.

    Raises:
        msgspec.ValidationError: a term has not the type its field has.
        InvalidRequest: a term cannot be meant.
    """
    terms = holder.terms
    metadata = terms.get("metadata")
    increase = increase_of(metadata)
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    values: dict[str, Any] = {
        "kind": holder.KIND,
        "id": holder.holder_id,
        "version": holder.version,
        "tenant": holder.tenant,
        "created_at": holder.made_on.timestamp(),
        "updated_at": holder.modified_on.timestamp(),
        "created_by": holder.created_by,
        "updated_by": holder.updated_by,
        "blocked": holder.is_blocked,
        "budgets": windows_of(terms),
        "increase_pico": increase.pico,
        "increase_until": increase.until,
        "limits": limits_of(terms),
        "counted": holder.was_counted,
        "correction": _first_correction(terms.get("spent_before")),
        "tags": [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else [],
        "extra": {
            field: value for field, value in terms.items() if field not in _FIELDS and field not in _IN_OTHER_FIELDS
        },
    }
    return msgspec.convert({**{field: terms[field] for field in terms.keys() & _FIELDS}, **values}, Holder)
