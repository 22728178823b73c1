"""The parts of one chat message, as Gemini's parts."""

from typing import Any

from services.router.providers.answers.rejection import InvalidField
from services.router.providers.gemini.requests.media import audio_part, file_part, image_part

Parts = list[dict[str, Any]]


def parts_of(content: object, path: str) -> Parts:
    """Translate a message's `content`: a string, a list of parts, or null. Empty texts are left out."""
    if content is None:
        return []
    if isinstance(content, str):
        return [{"text": content}] if content else []
    if not isinstance(content, list):
        raise InvalidField(path, "must be a string or a list of content parts.")
    parts = [_part(part, f"{path}[{index}]") for index, part in enumerate(content)]
    return [part for part in parts if part.get("text") != ""]


def _part(part: object, path: str) -> dict[str, Any]:
    if not isinstance(part, dict):
        raise InvalidField(path, "must be an object with a type.")
    kind = part.get("type")
    if kind in ("text", "refusal"):
        text = part.get(str(kind))
        if not isinstance(text, str):
            raise InvalidField(f"{path}.{kind}", "must be a string.")
        return {"text": text}
    if kind in ("image_url", "video_url"):
        return image_part(part, path, str(kind))
    if kind == "input_audio":
        return audio_part(part, path)
    if kind == "file":
        return file_part(part, path)
    raise InvalidField(f"{path}.type", "must be one of text, image_url, video_url, input_audio, file, refusal.")
