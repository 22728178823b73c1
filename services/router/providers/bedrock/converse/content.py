"""The parts of one chat message, as Converse's content blocks, with cache points behind what is marked."""

from typing import Any

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.bedrock.converse.media import address_block, audio_block, file_block

Blocks = list[dict[str, Any]]

_OWN_BLOCKS = frozenset(
    {"text", "image", "document", "video", "audio", "guardContent", "cachePoint", "searchResult", "reasoningContent"}
)
"""Blocks in Converse's own form, which a caller may mix in; they go through untouched."""


def blocks_of(content: object, path: str, *, cache_points: bool) -> Blocks:
    """Translate a message's `content`: a string, a list of parts, or null. Bedrock refuses blank texts: they go."""
    if content is None:
        return []
    if isinstance(content, str):
        return [{"text": content}] if content.strip() else []
    if not isinstance(content, list):
        raise InvalidField(path, "must be a string or a list of content parts.")
    blocks: Blocks = []
    for index, part in enumerate(content):
        block = _block(part, f"{path}[{index}]")
        if block.get("text", "x").strip():
            blocks.append(block)
            blocks += cache_point(part, cache_points)
    return blocks


def cache_point(holder: object, wanted: bool) -> Blocks:
    """Return a cache point where `holder` (a part, a message, a tool) is marked with cache_control."""
    marker = holder.get("cache_control") if isinstance(holder, dict) else None
    if not wanted or not isinstance(marker, dict):
        return []
    point: dict[str, Any] = {"type": "default"}
    if marker.get("ttl") in ("5m", "1h"):
        point["ttl"] = marker["ttl"]
    return [{"cachePoint": point}]


def _block(part: object, path: str) -> dict[str, Any]:
    if not isinstance(part, dict):
        raise InvalidField(path, "must be an object with a type.")
    kind = part.get("type")
    if kind in ("text", "refusal"):
        text = part.get(str(kind))
        if not isinstance(text, str):
            raise InvalidField(f"{path}.{kind}", "must be a string.")
        return {"text": text}
    if kind == "guarded_text":  # LiteLLM's name for text that a guardrail is to look at
        return {"guardContent": {"text": {"text": part.get("text", "")}}}
    if kind in ("image_url", "video_url"):
        return address_block(part, str(kind), path)
    if kind == "input_audio":
        return audio_block(part, path)
    if kind == "file":
        return file_block(part, path)
    if kind is None and len(part) == 1 and part.keys() <= _OWN_BLOCKS and part.keys() != {"text"}:
        return part
    raise InvalidField(f"{path}.type", "must be one of text, image_url, video_url, input_audio, file, refusal.")
