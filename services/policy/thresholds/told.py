"""What has been told of a budget: one entry of the TOLD bucket each, written once the fact is stored."""

import hashlib

import msgspec


class Told(msgspec.Struct, frozen=True):
    """The thresholds of an account that were told in `window`, by their names."""

    account: str
    window: int
    levels: tuple[str, ...]


def name_of(account: str) -> str:
    """Return the entry's name, legal for every account."""
    return hashlib.sha256(account.encode()).hexdigest()[:40]


def fact_id(account: str, window: int, level: str) -> str:
    """Return the id of the fact: whoever tells it again, the stream has it once."""
    return f"thr_{name_of(account)}_{window}_{level}"


encode_told = msgspec.json.Encoder().encode
decode_told = msgspec.json.Decoder(Told).decode
