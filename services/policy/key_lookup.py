"""A key that is not in this process's mirror, looked up where it is written down."""

from shared import subjects
from shared.bus import Bus, header_value, kv, newest
from shared.identity.keys import Key, decode_key


async def look_key_up(bus: Bus, token: str) -> Key | None:
    """Return the key as it is now, None where there is none or it was deleted.

    Raises:
        BusError: it could not be read.
    """
    bucket = subjects.KEYS_BUCKET
    found = await newest(bus, kv.kv_stream(bucket), kv.kv_subject(bucket, token))
    if found is None or header_value(found.headers, "KV-Operation") is not None:
        return None
    return decode_key(found.data)
