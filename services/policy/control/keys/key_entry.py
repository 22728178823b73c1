"""A key's state as the entry that edge and policy watch. Pure."""

from typing import Any

import msgspec

from services.policy.control.keys.virtual_key import VirtualKey
from services.policy.control.terms.budgets import ANCHORS, increase_of, windows_of
from services.policy.control.terms.limits import COUNTS, limits_of
from shared.identity.keys import Key

_FIELDS = frozenset(field.name for field in msgspec.structs.fields(Key))
_IN_OTHER_FIELDS = frozenset({*COUNTS, *ANCHORS.values()})
"""Terms that are not shown under their own names: they are in `limits` and `budgets`."""


def entry_of(key: VirtualKey) -> Key:
    """Return the entry of `key`. Tags and guardrails are those of its metadata, where LiteLLM keeps them.

    Raises:
        msgspec.ValidationError: a term has not the type its field has.
        InvalidRequest: a term cannot be meant.
    """
    metadata = key.terms.get("metadata", {})
    increase = increase_of(metadata)
    values: dict[str, Any] = {
        "token": key.token,
        "version": key.version,
        "tenant": key.tenant,
        "key_name": key.key_name,
        "created_at": key.created_on.timestamp(),
        "created_by": key.created_by,
        "updated_at": key.modified_on.timestamp(),
        "updated_by": key.updated_by,
        "secret": "" if key.secret == key.token else key.secret,
        "retired": key.retired,
        "rotations": key.rotations,
        "rotated_at": key.rotated_on.timestamp() if key.rotated_on else None,
        "correction": key.correction,
        "taken_off_pico": key.taken_off_pico,
        "tags": _names(metadata, "tags"),
        "guardrails": _names(metadata, "guardrails"),
        "budgets": windows_of(key.terms),
        "increase_pico": increase.pico,
        "increase_until": increase.until,
        "limits": limits_of(key.terms),
        "extra": {
            field: value for field, value in key.terms.items() if field not in _FIELDS and field not in _IN_OTHER_FIELDS
        },
    }
    return msgspec.convert({**{field: key.terms[field] for field in key.terms.keys() & _FIELDS}, **values}, Key)


def _names(metadata: Any, field: str) -> list[str]:
    names = metadata.get(field) if isinstance(metadata, dict) else None
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
