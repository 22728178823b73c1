"""Thoughts that another provider than Google signed, in the place of Google's signatures: bytes in base64."""

import base64
import binascii
from typing import Any

import orjson

_SEAL = b"meterhouse:"


def sealed(blocks: list[dict[str, Any]]) -> str:
    return base64.b64encode(_SEAL + orjson.dumps(blocks)).decode()


def unsealed(signature: object) -> list[dict[str, Any]]:
    """Return the blocks; none where the signature is Google's own."""
    if not isinstance(signature, str):
        return []
    try:
        raw = base64.b64decode(signature.replace("-", "+").replace("_", "/"))
        blocks = orjson.loads(raw[len(_SEAL) :]) if raw.startswith(_SEAL) else []
    except (binascii.Error, orjson.JSONDecodeError):
        return []
    is_list = isinstance(blocks, list) and all(isinstance(block, dict) for block in blocks)
    return blocks if is_list else []
