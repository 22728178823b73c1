"""The KEYS bucket, written so that an entry never goes back: not to an older version, and not from deleted to there."""

import msgspec
import structlog
from eventsourcing.persistence import OperationalError

from services.policy.control.keys.key_entry import entry_of
from services.policy.control.keys.virtual_key import VirtualKey
from shared import subjects
from shared.bus import Bus, BusError, Conflict, NotStored, Stored, header_value, newest, read
from shared.bus.kv import delete, kv_stream, kv_subject, put
from shared.keys import Key, decode_key, encode_key

log = structlog.get_logger()

_TRIES_MAX = 20


async def show(bus: Bus, key: VirtualKey) -> None:
    """Make the bucket show `key` as it is here, unless it shows it newer already.

    Raises:
        BusError: the bucket could not be read or written.
    """
    bucket, token = subjects.KEYS_BUCKET, key.token
    for _ in range(_TRIES_MAX):
        found = await newest(bus, kv_stream(bucket), kv_subject(bucket, token))
        if found is not None and _is_removal(found):
            return  # a key that was deleted never comes back
        if key.is_deleted:
            await delete(bus, bucket, token)
            return
        if found is not None and _version(found) >= key.version:
            return
        try:
            await put(bus, bucket, token, encode_key(entry_of(key)), expected=found.seq if found else 0)
        except Conflict:
            continue
        return
    raise NotStored(f"the entry of {token} changes too fast to be written")


async def entries(bus: Bus) -> list[Key]:
    """Return all entries, read from the bucket: some ten thousand a second. One that cannot be read is left out.

    Raises:
        OperationalError: it could not be read.
    """
    try:
        messages = await read(bus, kv_stream(subjects.KEYS_BUCKET), at_most=None)
    except BusError as error:
        raise OperationalError(f"the keys could not be read: {error}") from error
    found = [_entry(message) for message in messages if not _is_removal(message)]
    return [entry for entry in found if entry is not None]


def _is_removal(entry: Stored) -> bool:
    return header_value(entry.headers, "KV-Operation") is not None


def _version(entry: Stored) -> int:
    key = _entry(entry)
    return key.version if key is not None else 0


def _entry(message: Stored) -> Key | None:
    try:
        return decode_key(message.data)
    except msgspec.DecodeError as error:
        log.error("an entry cannot be read", subject=message.subject, error=str(error))
        return None
