"""Signatures of thoughts, carried in the id of the tool call they belong to, as LiteLLM does it.

Gemini refuses the next step of a conversation whose calls come back without their signatures. Clients keep ids, while
most lose fields that they do not know; so the id is where a signature survives. Providers other than Gemini get the id
without it: OpenAI refuses ids of more than 40 letters.
"""

MARK = "__thought__"


def with_thought(call_id: str, signature: str | None) -> str:
    return f"{call_id}{MARK}{signature}" if signature else call_id


def split_thought(call_id: str) -> tuple[str, str | None]:
    """Return the id alone, and the signature in it."""
    own, _, signature = call_id.partition(MARK)
    return own, signature or None
