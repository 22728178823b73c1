"""Pieces of chat's answers, read for every dialect."""

from collections.abc import Iterable
from typing import Any

import orjson


def arguments_of(written: object) -> dict[str, Any]:
    """Return the arguments of a call as an object; what a model wrote that is none stands in one."""
    if not isinstance(written, str) or not written.strip():
        return {}
    try:
        given = orjson.loads(written)
    except orjson.JSONDecodeError:
        return {"arguments": written}
    return given if isinstance(given, dict) else {"arguments": given}


def join_thoughts(blocks: list[dict[str, Any]], pieces: Iterable[dict[str, Any]]) -> None:
    """Add pieces of thinking blocks to `blocks`: a block's signature is the last of its pieces."""
    for piece in pieces:
        last = blocks[-1] if blocks else None
        if last is None or last.get("signature") or last.get("type") != piece.get("type") or piece.get("data"):
            blocks.append({name: value for name, value in piece.items() if name != "index"})
        else:
            last["thinking"] = last.get("thinking", "") + piece.get("thinking", "")
            if piece.get("signature"):
                last["signature"] = piece["signature"]
