"""The stream LEDGER: manifests, one after the other, written by one ledger at a time.

Each is stored only if the one before is still the newest. So a second ledger finds out with its first batch, before it
has written anything to ClickHouse.
"""

import asyncio
import itertools
from typing import NamedTuple

import msgspec
import structlog

from services.ledger.failures import CannotGoOn, new_epoch
from services.ledger.manifest import START_OF_CHAIN, Manifest, decode_manifest, encode_manifest
from shared import subjects
from shared.bus import Bus, BusError, Conflict, Stored, newest, read

log = structlog.get_logger()

RETRY_WAIT_S = 0.2


class Batch(NamedTuple):
    """A manifest and its number."""

    number: int
    manifest: Manifest


async def newest_batch(bus: Bus) -> Batch | None:
    """Return the newest batch, None when there is none yet; wait for NATS as long as it is away.

    Raises:
        CannotGoOn: what is there is no manifest.
    """
    while True:
        try:
            message = await newest(bus, subjects.LEDGER, subjects.MANIFEST)
        except (BusError, TimeoutError) as error:
            log.debug("the newest manifest cannot be read yet", error=str(error))
            await asyncio.sleep(RETRY_WAIT_S)
            continue
        return None if message is None else _batch(message)


async def batches(bus: Bus, first: int, last: int) -> list[Batch]:
    """Return the batches numbered `first` to `last`; wait for NATS as long as it is away.

    Raises:
        CannotGoOn: one of them is not there, or does not follow from the one before.
    """
    while True:
        try:
            messages = await read(
                bus, subjects.LEDGER, subject=subjects.MANIFEST, start=first, at_most=last - first + 1
            )
        except (BusError, TimeoutError) as error:
            log.debug("manifests cannot be read yet", error=str(error))
            await asyncio.sleep(RETRY_WAIT_S)
            continue
        found = [_batch(message) for message in messages]
        break
    if [batch.number for batch in found] != list(range(first, last + 1)):
        raise CannotGoOn(
            f"Manifests {first} to {last} of the stream {subjects.LEDGER} are not all there. Restore the stream"
        )
    for before, batch in itertools.pairwise(found):
        if batch.manifest.prev_hash != before.manifest.hash:
            raise CannotGoOn(
                f"Manifest {batch.number} does not follow from manifest {before.number}: one of them was changed. "
                "Restore the stream from a backup"
            )
    return found


async def append(bus: Bus, newest_known: Batch | None, manifest: Manifest) -> Batch:
    """Store `manifest` as the batch after `newest_known`; wait for NATS as long as it is away.

    Raises:
        CannotGoOn: another ledger was first, or the stream is not the one it was.
    """
    expected = newest_known.number if newest_known else 0
    payload = encode_manifest(manifest)
    while True:
        try:
            return Batch(await bus.store(subjects.MANIFEST, payload, expected_last=expected), manifest)
        except Conflict as error:
            log.debug("a manifest met another one", error=str(error))
        except BusError as error:
            log.warning("a manifest is not confirmed yet", error=str(error))
            await asyncio.sleep(RETRY_WAIT_S)
        found = await newest_batch(bus)
        if found is not None and found.manifest == manifest:
            return found  # it was stored, only the answer was lost
        if (found.number if found else 0) != expected:
            raise _not_ours(found, expected, manifest.epoch)


def check_newest(found: Batch | None, known: Batch | None, epoch: int) -> None:
    """Compare the newest batch of the stream with the one this ledger knows as such.

    Raises:
        CannotGoOn: they differ.
    """
    if found != known:
        raise _not_ours(found, known.number if known else 0, epoch)


def chain_end(newest_known: Batch | None) -> str:
    return newest_known.manifest.hash if newest_known else START_OF_CHAIN


def _batch(message: Stored) -> Batch:
    try:
        return Batch(message.seq, decode_manifest(message.data))
    except msgspec.DecodeError as error:
        raise CannotGoOn(
            f"Message {message.seq} of the stream {subjects.LEDGER} is no manifest ({error}). Restore the stream"
        ) from error


def _not_ours(found: Batch | None, expected: int, epoch: int) -> CannotGoOn:
    if found is not None and found.number > expected:
        return CannotGoOn(
            f"Another ledger is running: {found.manifest.writer} wrote batch {found.number}. "
            "One ledger is enough; this one ends"
        )
    end = f"ends at batch {found.number}" if found else "is empty"
    return CannotGoOn(
        f"This ledger had written batch {expected}, but the stream {subjects.LEDGER} {end}: "
        f"NATS lost it or made it anew. {new_epoch(epoch)}"
    )
