"""The names of OpenAI's Realtime API while it was a preview, as Azure's dated versions have them still. Pure.

Source: the types of openai-python's `beta.realtime`, and
https://learn.microsoft.com/azure/ai-foundry/openai/realtime-audio-reference
"""

from typing import Any

_EVENTS = {
    "response.output_text.delta": "response.text.delta",
    "response.output_audio.delta": "response.audio.delta",
    "conversation.item.added": "conversation.item.created",
}
_LATER = {"conversation.item.done"}
_SESSION = {
    *("modalities", "instructions", "voice", "input_audio_format", "output_audio_format", "turn_detection", "tools"),
    *("input_audio_transcription", "input_audio_noise_reduction", "tool_choice", "temperature", "speed", "tracing"),
    "max_response_output_tokens",
}
_RESPONSE = {
    *("modalities", "instructions", "voice", "output_audio_format", "tools", "tool_choice", "temperature"),
    *("max_response_output_tokens", "conversation", "metadata", "input"),
}


def unknown_in(event: dict[str, Any]) -> str:
    """Return the first parameter of a client's event that the preview did not have, as its error names it."""
    for part, known in (("session", _SESSION), ("response", _RESPONSE)):
        for name in sorted((event.get(part) or {}).keys() - known):
            return f"{part}.{name}"
    return ""


def in_present_form(event: dict[str, Any]) -> dict[str, Any]:
    """Return a client's event as the present API has it."""
    if event["type"] == "session.update":
        given = event["session"]
        heard = {"turn_detection": "turn_detection", "input_audio_transcription": "transcription"}
        audio = {"input": {heard[name]: value for name, value in given.items() if name in heard}}
        return {**event, "session": {**_named(given), **({"audio": audio} if audio["input"] else {})}}
    if event["type"] == "response.create":
        return {**event, "response": _named(event.get("response") or {})}
    return event


def _named(given: dict[str, Any]) -> dict[str, Any]:
    shown = {name: given[name] for name in ("instructions", "tools") if name in given}
    if "modalities" in given:
        shown["output_modalities"] = ["audio"] if "audio" in given["modalities"] else ["text"]
    if "max_response_output_tokens" in given:
        shown["max_output_tokens"] = given["max_response_output_tokens"]
    return shown


def in_first_form(event: dict[str, Any]) -> dict[str, Any] | None:
    """Return a server's event as the preview had it; None where it had none."""
    if event["type"] in _LATER:
        return None
    shown = {**event, "type": _EVENTS.get(event["type"], event["type"])}
    if "session" in event:
        shown["session"] = _session(event["session"])
    if "response" in event:
        response = dict(event["response"])
        response["modalities"] = _modalities(response.pop("output_modalities"))
        shown["response"] = response
    return shown


def _session(session: dict[str, Any]) -> dict[str, Any]:
    heard = session["audio"]["input"]
    return {
        **{name: session[name] for name in ("id", "object", "model", "instructions", "tools")},
        "modalities": _modalities(session["output_modalities"]),
        "voice": "alloy",
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16",
        "input_audio_transcription": heard.get("transcription"),
        "turn_detection": heard["turn_detection"],
        "tool_choice": "auto",
        "temperature": 0.8,
        "max_response_output_tokens": session["max_output_tokens"],
    }


def _modalities(output: list[str]) -> list[str]:
    return ["text", "audio"] if output == ["audio"] else ["text"]
