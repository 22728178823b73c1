"""Gemini's `usageMetadata`, of AI Studio, Vertex AI and the Live API.

Source: https://ai.google.dev/api/generate-content#UsageMetadata
"""

from typing import Any

from shared.usage.classes import Usage, usage_of
from shared.usage.reading import count, count_or_0, first_count, unread
from shared.usage.shares import Answer, Prompt, answer_classes, prompt_classes
from shared.usage.tier import tier_of


def usage_from_gemini(
    metadata: object, *, searches: int = 0, map_searches: int = 0, finds_are_free: bool = False
) -> Usage | None:
    """Return the disjoint form of a `usageMetadata`, None if it is none. `searches` are those billed for grounding.

    promptTokenCount includes the cached tokens, but not those of tool results (toolUsePromptTokenCount). Thoughts stand
    beside candidatesTokenCount; where the total says that they are in it, they are taken out. `finds_are_free`: the
    tools were searches of the web alone, whose finds are read and not charged. https://ai.google.dev/gemini-api/docs/pricing
    """
    if not isinstance(metadata, dict):
        return None
    prompt = count(metadata, "promptTokenCount")
    written = count(metadata, "candidatesTokenCount")
    if written is None:
        written = count(metadata, "responseTokenCount")  # the Live API's name
    total = count(metadata, "totalTokenCount")
    if prompt is None and written is None and total is None:
        return None
    if prompt is None and written is None:  # of a cache that was made, where nothing came out
        prompt = (total or 0) - count_or_0(metadata, "thoughtsTokenCount")
    prompt, written = max(0, prompt or 0), written or 0
    tools, thoughts = count_or_0(metadata, "toolUsePromptTokenCount"), count_or_0(metadata, "thoughtsTokenCount")
    came_out, problem = written + thoughts, ""
    more = 0 if total is None else total - prompt - tools - came_out
    if more and thoughts and more == -thoughts:
        came_out = written
    elif more and tools and more == -tools:
        prompt -= min(prompt, tools)  # the tools' results are in the prompt already
    elif more:
        problem = f"totalTokenCount is {total}, its parts are {prompt + tools + came_out}"
        thoughts, came_out = thoughts + max(0, more), came_out + max(0, more)
    charged = 0 if finds_are_free else tools
    went_in = _by_modality(
        metadata.get("promptTokensDetails"), metadata.get("toolUsePromptTokensDetails") if charged else None
    )
    cached = _by_modality(metadata.get("cacheTokensDetails"))
    read_classes, read_problem = prompt_classes(
        Prompt(
            prompt + charged,
            count_or_0(metadata, "cachedContentTokenCount"),
            audio=went_in["AUDIO"],
            image=went_in["IMAGE"],
            video=went_in["VIDEO"],
            cached_audio=cached["AUDIO"],
            cached_image=cached["IMAGE"],
        )
    )
    answered = _by_modality(metadata.get("candidatesTokensDetails") or metadata.get("responseTokensDetails"))
    written_classes, written_problem = answer_classes(
        Answer(came_out, thoughts, answered["AUDIO"], answered["IMAGE"], answered["VIDEO"])
    )
    return usage_of(
        {**read_classes, **written_classes, "web_searches": searches, "map_searches": map_searches},
        tier=tier_of(metadata.get("serviceTier")) or tier_of(metadata.get("trafficType")),
        mismatch=problem or read_problem or written_problem or unread(metadata, *_COUNTS),
    )


def newest(known: object, told: object) -> object:
    """Return the `usageMetadata` of a stream by now: an event may tell the type of traffic alone, before the counts."""
    if not isinstance(told, dict) or not told:
        return known
    if not isinstance(known, dict):
        return told
    if usage_from_gemini(told) is None:
        return {**known, **told}
    return {"trafficType": known["trafficType"], **told} if "trafficType" in known else told


_COUNTS = ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "totalTokenCount")


def _by_modality(*details: Any) -> dict[str, int]:
    """Return the tokens of each medium. The pages of a document are read as pictures and cost as such."""
    counts = {"TEXT": 0, "AUDIO": 0, "IMAGE": 0, "VIDEO": 0}
    for entries in details:
        for entry in entries if isinstance(entries, list) else ():
            modality = str(entry.get("modality")) if isinstance(entry, dict) else ""
            name = "IMAGE" if modality == "DOCUMENT" else modality
            if name in counts:
                counts[name] += first_count((entry, "tokenCount"))
    return counts
