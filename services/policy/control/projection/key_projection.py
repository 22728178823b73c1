"""The KEYS bucket: entries of keys."""

from services.policy.control.keys.key_entry import entry_of
from services.policy.control.keys.virtual_key import VirtualKey
from services.policy.control.projection import bucket
from shared import subjects
from shared.bus import Bus
from shared.identity.keys import encode_key, entry_names


async def show(bus: Bus, key: VirtualKey) -> None:
    """Make the bucket show `key` as it is here, under each of its names, unless it shows it newer already.

    Raises:
        BusError: the bucket could not be read or written.
    """
    entry = entry_of(key)
    value = None if key.is_deleted else encode_key(entry)
    gone = [secret for secret in key.withdrawn if secret != key.token]
    for name in gone:
        await bucket.show(bus, subjects.KEYS_BUCKET, name, key.version, None)
    for name in entry_names(entry):
        await bucket.show(bus, subjects.KEYS_BUCKET, name, key.version, value)
