"""An answer of generateContent, as an OpenAI chat completion.

Sources: https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse,
https://ai.google.dev/gemini-api/docs/google-search (grounding); the fields that OpenAI lacks (reasoning_content,
images, provider_specific_fields) are LiteLLM's.
"""

from typing import Any

from services.router.providers.gemini.answers.grounding import annotations_of
from services.router.providers.gemini.answers.usage import openai_usage
from services.router.providers.gemini.requests.function_calls import tool_call
from services.router.providers.gemini.requests.sound import joined_sound, sound_of
from shared.usage import Usage

_FINISH_REASONS = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
}
_PLAIN_ENDS = ("STOP", "MAX_TOKENS")


def to_completion(answer: dict[str, Any], head: dict[str, Any], usage: Usage | None) -> dict[str, Any]:
    """Return `answer` as a chat completion. `head` has its id (where Gemini gives none), time and model."""
    own_id = str(answer.get("responseId") or head["id"])
    choices = [_choice(candidate, place, own_id) for place, candidate in enumerate(answer.get("candidates") or ())]
    completion = {
        **head,
        "id": own_id,
        "object": "chat.completion",
        "choices": choices or [blocked_choice(answer, "message")],
    }
    if usage is not None:
        completion["usage"] = openai_usage(usage)
    return completion


def blocked_choice(answer: dict[str, Any], part: str) -> dict[str, Any]:
    """Return the choice for an answer without candidates: the prompt was blocked. `part`: message or delta."""
    feedback = answer.get("promptFeedback") or {}
    reason = str(feedback.get("blockReason") or "no candidates")
    told = str(feedback.get("blockReasonMessage") or f"The prompt was blocked: {reason}.")
    content = {
        "role": "assistant",
        "content": None,
        "refusal": told,
        "provider_specific_fields": {"prompt_feedback": feedback},
    }
    return {"index": 0, part: content, "finish_reason": "content_filter"}


def finish_reason_of(reason: object, *, calls_tools: bool) -> str:
    """Return OpenAI's word; a reason that is new or tells of a model's slip (MALFORMED_FUNCTION_CALL) is a stop."""
    found = _FINISH_REASONS.get(str(reason), "stop")
    return "tool_calls" if found == "stop" and calls_tools else found


def end_fields(candidate: dict[str, Any]) -> dict[str, Any]:
    """Return what a candidate's end tells beyond OpenAI's words: why it stopped, safety ratings, what it searched."""
    own: dict[str, Any] = {}
    reason = candidate.get("finishReason")
    if reason is not None and reason not in _PLAIN_ENDS:
        own["finish_reason"] = reason
        if candidate.get("finishMessage"):
            own["finish_message"] = candidate["finishMessage"]
        if candidate.get("safetyRatings"):
            own["safety_ratings"] = candidate["safetyRatings"]
    for ours, theirs in (
        ("grounding_metadata", "groundingMetadata"),
        ("url_context_metadata", "urlContextMetadata"),
        ("citation_metadata", "citationMetadata"),
    ):
        if candidate.get(theirs):
            own[ours] = candidate[theirs]
    return own


def logprobs_of(candidate: dict[str, Any]) -> dict[str, Any] | None:
    """Return OpenAI's logprobs of a candidate, None where it has none."""
    result = candidate.get("logprobsResult")
    if not isinstance(result, dict):
        return None
    chosen, alternatives = result.get("chosenCandidates") or [], result.get("topCandidates") or []
    content = []
    for place, token in enumerate(chosen):
        others = alternatives[place].get("candidates") or [] if place < len(alternatives) else []
        content.append({**_logprob(token), "top_logprobs": [_logprob(other) for other in others]})
    return {"content": content, "refusal": None}


def image_of(part: dict[str, Any]) -> dict[str, Any] | None:
    """Return an image of the answer as LiteLLM shows it, None where the part is none."""
    data = part.get("inlineData")
    if not isinstance(data, dict) or not str(data.get("mimeType")).startswith("image/"):
        return None
    return {"type": "image_url", "image_url": {"url": f"data:{data['mimeType']};base64,{data.get('data', '')}"}}


def _choice(candidate: dict[str, Any], place: int, answer_id: str) -> dict[str, Any]:
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    sounds: list[str] = []
    signatures: list[str] = []
    code: list[dict[str, Any]] = []
    for part in (candidate.get("content") or {}).get("parts") or ():
        if "functionCall" in part:
            calls.append(tool_call(part, f"{answer_id}_{place}_{len(calls)}"))
            continue
        if part.get("thoughtSignature"):
            signatures.append(part["thoughtSignature"])
        if part.get("thought"):
            thoughts.append(part.get("text") or "")
        elif "text" in part:
            texts.append(part["text"])
        elif (image := image_of(part)) is not None:
            images.append({"index": len(images), **image})
        elif (sound := sound_of(part)) is not None:
            sounds.append(sound)
        elif "executableCode" in part or "codeExecutionResult" in part:
            code.append({"index": len(code), **part})
    message: dict[str, Any] = {"role": "assistant", "content": "".join(texts) or None}
    if calls:
        message["tool_calls"] = calls
    if thoughts:
        message["reasoning_content"] = "".join(thoughts)
    if images:
        message["images"] = images
    if sounds:
        message["audio"] = {
            "id": answer_id,
            "data": joined_sound(sounds),
            "expires_at": 0,
            "transcript": "".join(texts),
        }
    if annotations := annotations_of(candidate, "".join(texts)):
        message["annotations"] = annotations
    own = end_fields(candidate)
    if signatures:
        own["thought_signatures"] = signatures
    if code:
        own["code_execution"] = code
    if own:
        message["provider_specific_fields"] = own
    reason = finish_reason_of(candidate.get("finishReason"), calls_tools=bool(calls))
    choice = {"index": candidate.get("index", place), "message": message, "finish_reason": reason}
    if (logprobs := logprobs_of(candidate)) is not None:
        choice["logprobs"] = logprobs
    return choice


def _logprob(token: dict[str, Any]) -> dict[str, Any]:
    text = str(token.get("token", ""))
    return {"token": text, "logprob": token.get("logProbability", 0.0), "bytes": list(text.encode())}
