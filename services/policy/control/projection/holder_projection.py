"""The HOLDERS bucket: entries of teams, users and all other holders."""

from services.policy.control.holders.aggregate import HolderAggregate
from services.policy.control.holders.entry import entry_of
from services.policy.control.projection import bucket
from shared import subjects
from shared.bus import Bus
from shared.identity.holders import encode_holder, entry_name


async def show(bus: Bus, holder: HolderAggregate) -> None:
    """Make the bucket show `holder` as it is here, unless it shows it newer already.

    Raises:
        BusError: the bucket could not be read or written.
    """
    value = None if holder.is_deleted else encode_holder(entry_of(holder))
    name = entry_name(holder.KIND, holder.holder_id)
    await bucket.show(bus, subjects.HOLDERS_BUCKET, name, holder.version, value)
