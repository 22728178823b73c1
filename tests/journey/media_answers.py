"""What OpenAI's API answers beside text, as documented: pictures, sound, moderation; and reranking in Cohere's form.

Sources: https://platform.openai.com/docs/api-reference/images, https://platform.openai.com/docs/api-reference/audio,
https://platform.openai.com/docs/api-reference/moderations, https://docs.cohere.com/reference/rerank
"""

import json
from typing import Any

PICTURE = "iVBORw0KGgo="
SOUND = b"ID3" + bytes(3_000)
IMAGE_USAGE = {
    "total_tokens": 1_100,
    "input_tokens": 40,
    "output_tokens": 1_060,
    "input_tokens_details": {"text_tokens": 30, "image_tokens": 10},
}
HEARD = "Hello from the recording"
HEARD_USAGE = {
    "type": "tokens",
    "input_tokens": 14,
    "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
    "output_tokens": 6,
    "total_tokens": 20,
}


def media_answer(path: str, body: dict[str, Any]) -> tuple[bytes, str] | None:
    """Return the bytes of an answer and their type, None for paths that are of text."""
    if path.endswith("/images/generations"):
        return _pictures("image_generation", body)
    if path.endswith("/images/edits"):
        return _pictures("image_edit", body)
    if path.endswith("/audio/speech"):
        return _speech(body)
    if "/audio/tra" in path:
        return _heard(body)
    if path.endswith("/moderations"):
        results = [{"flagged": False, "categories": {"violence": False}, "category_scores": {"violence": 0.01}}]
        return _json({"id": "modr-1", "model": body["model"], "results": results})
    if path.endswith("/rerank"):
        results = [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.2}]
        meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}
        return _json({"id": "rank-1", "results": results[: body.get("top_n")], "meta": meta})
    return None


def _pictures(event: str, body: dict[str, Any]) -> tuple[bytes, str]:
    if not _wants_stream(body):
        pictures = [{"b64_json": PICTURE} for _ in range(int(body.get("n") or 1))]
        return _json({"created": 1_700_000_000, "data": pictures, "usage": IMAGE_USAGE})
    partial = {"type": f"{event}.partial_image", "b64_json": PICTURE, "partial_image_index": 0}
    completed = {"type": f"{event}.completed", "b64_json": PICTURE, "usage": IMAGE_USAGE}
    return _events(partial, completed)


def _speech(body: dict[str, Any]) -> tuple[bytes, str]:
    if body.get("stream_format") != "sse":
        return SOUND, "audio/mpeg"
    usage = {"input_tokens": 4, "output_tokens": 50, "total_tokens": 54}
    return _events({"type": "speech.audio.delta", "audio": "SUQz"}, {"type": "speech.audio.done", "usage": usage})


def _heard(body: dict[str, Any]) -> tuple[bytes, str]:
    if _wants_stream(body):
        delta = {"type": "transcript.text.delta", "delta": HEARD}
        return _events(delta, {"type": "transcript.text.done", "text": HEARD, "usage": HEARD_USAGE})
    if body.get("response_format") in ("text", "srt", "vtt"):
        return HEARD.encode(), "text/plain; charset=utf-8"
    if body.get("response_format") == "verbose_json":
        return _json({"task": "transcribe", "duration": 2.5, "text": HEARD, "segments": []})
    return _json({"text": HEARD, "usage": HEARD_USAGE})


def _wants_stream(body: dict[str, Any]) -> bool:
    return body.get("stream") in (True, "true")


def _json(answer: dict[str, Any]) -> tuple[bytes, str]:
    return json.dumps(answer).encode(), "application/json"


def _events(*events: dict[str, Any]) -> tuple[bytes, str]:
    written = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]
    return "".join(written).encode(), "text/event-stream"
