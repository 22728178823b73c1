"""A manifest fixes a batch before it is written: which facts, and a hash over them and over all batches before.

Its sequence in the stream LEDGER is the number of the batch. docs/decisions/0004-exactly-once.md says why.
"""

import hashlib
from collections.abc import Iterable

import msgspec

START_OF_CHAIN = "0" * 64


class Manifest(msgspec.Struct, frozen=True):
    """Facts `first` to `last` of the stream FACTS, all of them. Hashes are SHA-256, hex."""

    epoch: int
    first: int
    last: int
    count: int
    prev_hash: str  # the hash of the manifest before, START_OF_CHAIN for the first one
    hash: str
    writer: str  # which process wrote it: to know one's own again when the answer got lost

    def token(self, stream: str) -> str:
        """What an insert of this batch is known by: the same for every repetition, never used for other facts."""
        return f"{stream}:{self.epoch}:{self.first}-{self.last}"


encode_manifest = msgspec.json.Encoder().encode
decode_manifest = msgspec.json.Decoder(Manifest).decode


def chain_hash(prev_hash: str, payloads: Iterable[bytes]) -> str:
    """Return SHA-256 over the hash before and each payload with its length in front (8 bytes, big-endian)."""
    digest = hashlib.sha256(bytes.fromhex(prev_hash))
    for payload in payloads:
        digest.update(len(payload).to_bytes(8, "big"))
        digest.update(payload)
    return digest.hexdigest()
