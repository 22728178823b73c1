"""What a journal's message has that this version does not know: said so that an operator knows what to do. Pure.

A reader that passed over an entry, or over one field of it, would count other sums than the process that wrote it. So
every type of the journal refuses what it does not know.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

REMEDY = (
    "A newer version of policy has written to it: run that version in all policy processes. What is not known is never "
    "passed over, since budgets and limits would be counted wrongly (docs/deployment.md, Upgrades)"
)


class NotUnderstood(msgspec.DecodeError):
    """`args[0]` names what is not known, who wrote it, and the remedy."""


def not_understood(message: bytes, entry_type: Any, error: msgspec.DecodeError) -> NotUnderstood:
    """Return what is to be said of a message that could not be read because of `error`.

    `entry_type` is the union of the entries that are known.
    """
    try:
        found = msgspec.json.decode(message)
    except msgspec.DecodeError:
        return NotUnderstood(f"a message of it is damaged: {error}")
    if not isinstance(found, dict):
        return NotUnderstood(f"a message of it is damaged: {error}")
    owner, kind = found.get("owner", "somebody"), found.get("type")
    if kind == "group" and isinstance(found.get("entries"), list):
        what = _unknown_entries(found["entries"], entry_type)
    elif kind == "snapshot":
        what = f"a snapshot with what this version does not know ({error})"
    else:
        what = f"a message of the kind {kind!r}, which this version does not know"
    return NotUnderstood(f"{owner} wrote {what or f'a group that cannot be read ({error})'}. {REMEDY}")


def _unknown_entries(entries: Iterable[Any], entry_type: Any) -> str:
    for entry in entries:
        try:
            msgspec.convert(entry, entry_type)
        except msgspec.ValidationError as error:
            kind = entry.get("type") if isinstance(entry, dict) else None
            if "Invalid value" in str(error) and "$.type" in str(error):
                return f"an entry of the kind {kind!r}, which this version does not know"
            return f"an entry of the kind {kind!r} with what this version does not know ({error})"
    return ""
