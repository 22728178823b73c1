"""Thoughts of which something was masked: their signature holds no more, and their maker would refuse them.

Sources: https://platform.claude.com/docs/en/build-with-claude/extended-thinking#preserving-thinking-blocks,
https://ai.google.dev/gemini-api/docs/thought-signatures
"""

from typing import Any

_SIGNED_BY = {"thinking": "signature", "text": "thoughtSignature"}
"""Where a thought's text stands, and the signature beside it: Anthropic's form, and Google's."""


def break_seal(holder: Any, at: str | int) -> None:
    """Take the signature from a thought whose text at `at` has been replaced."""
    name = _SIGNED_BY.get(at) if isinstance(at, str) else None
    if name is None or not isinstance(holder, dict):
        return
    for spelled in (name, "thought_signature") if at == "text" else (name,):
        if holder.get(spelled):
            holder[spelled] = None


def without_broken(value: Any) -> None:
    """Leave out, within `value`, the thoughts whose seal is broken: what they said is no part of a conversation.

    One that is all there is of a message becomes its text, for no provider takes an empty message.
    """
    places = [value]
    while places:
        place = places.pop()
        if isinstance(place, list):
            whole = [each for each in place if not _is_broken(each)]
            if len(whole) < len(place):
                place[:] = whole or [_as_text(each) for each in place[:1]]
            places += place
        elif isinstance(place, dict):
            for name in ("thoughtSignature", "thought_signature"):
                if name in place and place[name] is None:
                    del place[name]
            places += place.values()


def _is_broken(part: Any) -> bool:
    if not isinstance(part, dict):
        return False
    if part.get("type") == "thinking":
        return "signature" in part and part["signature"] is None
    signatures = [part[name] for name in ("thoughtSignature", "thought_signature") if name in part]
    return part.get("thought") is True and None in signatures


def _as_text(part: dict[str, Any]) -> dict[str, Any]:
    return {"type": "text", "text": part["thinking"]} if "thinking" in part else {"text": part["text"]}
