"""Thoughts that a provider signed, as one opaque text: a client of another dialect keeps it and sends it back.

It is no secret and proves nothing: whoever reads a request must look into it as into any other text.
"""

import base64
import binascii
from typing import Any

import orjson

SEALED = "meterhouse:"
"""Begins the encrypted_content of thoughts that another provider than OpenAI signed: its blocks and signatures."""


def sealed(blocks: list[dict[str, Any]]) -> str:
    return SEALED + base64.b64encode(orjson.dumps(blocks)).decode()


def unsealed(content: object) -> list[dict[str, Any]]:
    """Return the blocks; none for what is not of ours, or cannot be read."""
    if not isinstance(content, str) or not content.startswith(SEALED):
        return []
    try:
        blocks = orjson.loads(base64.b64decode(content[len(SEALED) :], validate=True))
    except (binascii.Error, ValueError):
        return []
    is_list = isinstance(blocks, list) and all(isinstance(block, dict) for block in blocks)
    return blocks if is_list else []
