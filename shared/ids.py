"""Prefixed, time-ordered ids: `req_`, `evt_`, ... They sort by the millisecond they were made in."""

import os
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no letter reads as a digit


def new_id(prefix: str) -> str:
    """Return `prefix_` and 26 characters: 48 bits of milliseconds, 82 random bits. Legal as a NATS token."""
    number = (time.time_ns() // 1_000_000) << 82 | int.from_bytes(os.urandom(11), "big") & ((1 << 82) - 1)
    return f"{prefix}_{_base32(number)}"


def _base32(number: int) -> str:
    return "".join([_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5)])
