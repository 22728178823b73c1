"""Images, sound, films and files of a chat message, as Gemini's inlineData and fileData parts.

Sources: https://ai.google.dev/gemini-api/docs/file-input-methods, https://ai.google.dev/gemini-api/docs/audio.
"""

import mimetypes
from typing import Any
from urllib.parse import urlsplit

from services.router.providers.answers.rejection import InvalidField

_PDF_IN_BASE64 = "JVBERi0"  # %PDF-
_AUDIO_TYPES = {"mp3": "audio/mp3", "wav": "audio/wav", "pcm16": "audio/pcm"}
_ADDRESSES = ("http://", "https://", "gs://")


def image_part(part: dict[str, Any], path: str, name: str = "image_url") -> dict[str, Any]:
    """Translate an `image_url` or `video_url` part; its url may be an address, or a data: URL of any kind."""
    image = part.get(name)
    url = image.get("url") if isinstance(image, dict) else image
    path = f"{path}.{name}.url" if isinstance(image, dict) else f"{path}.{name}"
    if not isinstance(url, str) or not url:
        raise InvalidField(path, "must be an address (https://, gs://) or a data: URL.")
    declared = image.get("format") if isinstance(image, dict) else None
    return _from_address(url, declared if isinstance(declared, str) else None, path)


def audio_part(part: dict[str, Any], path: str) -> dict[str, Any]:
    """Translate an `input_audio` part."""
    audio = part.get("input_audio")
    path = f"{path}.input_audio"
    if not isinstance(audio, dict):
        raise InvalidField(path, "must be an object with data and format.")
    data, kind = audio.get("data"), audio.get("format")
    if not isinstance(data, str) or not data:
        raise InvalidField(f"{path}.data", "must be base64.")
    if not isinstance(kind, str) or not kind:
        raise InvalidField(f"{path}.format", "must be wav, mp3 or another format of sound.")
    return _inline(_AUDIO_TYPES.get(kind, kind if "/" in kind else f"audio/{kind}"), data)


def file_part(part: dict[str, Any], path: str) -> dict[str, Any]:
    """Translate a `file` part: file_data (a data: URL or bare base64), or file_id (an address of a file)."""
    file = part.get("file")
    path = f"{path}.file"
    if not isinstance(file, dict):
        raise InvalidField(path, "must be an object with file_data or file_id.")
    data, file_id = file.get("file_data"), file.get("file_id")
    declared = file.get("format") if isinstance(file.get("format"), str) else None
    if isinstance(data, str) and data:
        if data.startswith(("data:", *_ADDRESSES)):
            return _from_address(data, declared, f"{path}.file_data")
        name = file.get("filename")
        guessed = mimetypes.guess_type(name)[0] if isinstance(name, str) else None
        media_type = declared or guessed or ("application/pdf" if data.startswith(_PDF_IN_BASE64) else None)
        if media_type is None:
            raise InvalidField(
                f"{path}.file_data", "has no media type: begin it with data:application/pdf;base64, or give a filename."
            )
        return _inline(media_type, data)
    if isinstance(file_id, str) and file_id:
        return _from_address(file_id, declared, f"{path}.file_id")
    raise InvalidField(path, "must have file_data (base64) or file_id, as strings.")


def _from_address(url: str, declared: str | None, path: str) -> dict[str, Any]:
    if url.startswith("data:"):
        header, comma, data = url[len("data:") :].partition(",")
        media_type, *parameters = header.split(";")
        if not comma or not data or "base64" not in parameters:
            raise InvalidField(path, "must have the form data:MEDIA/TYPE;base64,DATA.")
        return _inline(declared or media_type.lower(), data)
    if not url.startswith(_ADDRESSES):
        raise InvalidField(path, "must be an address (https://, gs://) or a data: URL.")
    try:
        guessed = declared or mimetypes.guess_type(urlsplit(url).path)[0]
    except ValueError as error:
        raise InvalidField(path, f"is no address: {error}.") from error
    file = {"fileUri": url}
    return {"fileData": {"mimeType": guessed, **file} if guessed else file}


def _inline(media_type: str, data: str) -> dict[str, Any]:
    media_type = "image/jpeg" if media_type == "image/jpg" else media_type
    return {"inlineData": {"mimeType": media_type, "data": data}}
