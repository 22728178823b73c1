"""How many partitions the tenants are divided into: written down once, since another number moves their budgets."""

import msgspec

from shared import subjects
from shared.bus import Bus, Conflict, newest
from shared.config import ConfigError

_SUBJECT = subjects.JOURNAL_SUBJECTS.replace("*", "layout")


class Layout(msgspec.Struct, tag="layout", frozen=True):
    partitions: int


_decode = msgspec.json.Decoder(Layout).decode


async def check_layout(bus: Bus, partitions: int) -> None:
    """Write down `partitions` at the very first start, compare it at every other.

    Raises:
        ConfigError: the budgets are kept in another number of partitions.
        BusError: the journal could not be read or written.
    """
    found = await newest(bus, subjects.JOURNAL, _SUBJECT)
    if found is None:
        try:
            await bus.store(_SUBJECT, msgspec.json.encode(Layout(partitions)), expected_last=0)
        except Conflict:
            found = await newest(bus, subjects.JOURNAL, _SUBJECT)
    if found is None:
        return
    known = _decode(found.data).partitions
    if known != partitions:
        raise ConfigError(
            None,
            f"general_settings.meterhouse.partitions is {partitions}, but budgets are kept in {known} partitions: "
            f"set it back to {known}. Tenants would move to partitions that do not know what they have spent",
        )
