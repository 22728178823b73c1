"""What happens to aliases when a key gets, loses or exchanges its own. Saved together with the key, or not at all."""

from datetime import datetime

from services.policy.control.keys.key_alias import KeyAlias
from services.policy.control.keys.virtual_key import VirtualKey
from services.policy.control.store.aggregates import Aggregates


async def alias_changes(
    aggregates: Aggregates, key: VirtualKey, before: str | None, after: str | None, at: datetime
) -> list[KeyAlias]:
    """Return the aliases that change, unsaved.

    Raises:
        AliasIsTaken: another key has `after`.
        OperationalError: the event store could not be read.
    """
    if before == after:
        return []
    changed: list[KeyAlias] = []
    if before is not None:
        left = await aggregates.load(KeyAlias, KeyAlias.id_of(before))
        if left is not None:
            left.release(key.token, at=at)
            changed.append(left)
    if after is not None:
        taken = await aggregates.load(KeyAlias, KeyAlias.id_of(after))
        if taken is None:
            taken = KeyAlias.appear(after, key.token, at=at)
        else:
            taken.claim(key.token, at=at)
        changed.append(taken)
    return changed
