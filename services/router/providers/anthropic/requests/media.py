"""Images and files of a chat message, as Anthropic's image and document blocks.

Sources: https://platform.claude.com/docs/en/build-with-claude/vision,
https://platform.claude.com/docs/en/build-with-claude/pdf-support.
"""

import base64
import binascii
from typing import Any

from services.router.providers.answers.rejection import InvalidField

IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")

_TYPE_OF_SUFFIX = {
    "pdf": "application/pdf",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "txt": "text/plain",
    "md": "text/plain",
    "csv": "text/plain",
}
_PDF_IN_BASE64 = "JVBERi0"  # %PDF-


def image_block(part: dict[str, Any], path: str) -> dict[str, Any]:
    """Translate an `image_url` part; its url may be http(s), or a data: URL of an image, a PDF or a text."""
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    path = f"{path}.image_url.url" if isinstance(image, dict) else f"{path}.image_url"
    if not isinstance(url, str) or not url:
        raise InvalidField(path, "must be an http(s) URL or a data: URL.")
    if url.startswith(("http://", "https://")):
        return {"type": "image", "source": {"type": "url", "url": url}}
    if not url.startswith("data:"):
        raise InvalidField(path, "must begin with https://, http:// or data:.")
    media_type, data = _data_url(url, path)
    given = image.get("format") if isinstance(image, dict) else None
    return _inline(given if isinstance(given, str) else media_type, data, path)


def file_block(part: dict[str, Any], path: str) -> dict[str, Any]:
    """Translate a `file` part: file_data (a data: URL or bare base64), or file_id (of the Files API, or a URL)."""
    file = part.get("file")
    path = f"{path}.file"
    if not isinstance(file, dict):
        raise InvalidField(path, "must be an object with file_data or file_id.")
    data, file_id, name = file.get("file_data"), file.get("file_id"), file.get("filename")
    declared = file.get("format") if isinstance(file.get("format"), str) else None
    if isinstance(data, str) and data:
        block = _from_data(data, declared, name, f"{path}.file_data")
    elif isinstance(file_id, str) and file_id:
        block = _from_id(file_id, declared)
    else:
        raise InvalidField(path, "must have file_data (base64) or file_id, as strings.")
    if isinstance(name, str) and name and block["type"] == "document":
        block["title"] = name
    return block


def _from_data(data: str, declared: str | None, name: object, path: str) -> dict[str, Any]:
    if data.startswith("data:"):
        media_type, data = _data_url(data, path)
        return _inline(declared or media_type, data, path)
    suffix = name.rpartition(".")[2].lower() if isinstance(name, str) else ""
    guessed = _TYPE_OF_SUFFIX.get(suffix) or ("application/pdf" if data.startswith(_PDF_IN_BASE64) else None)
    media_type = declared or guessed or ""
    if not media_type:
        raise InvalidField(path, "has no media type: begin it with data:application/pdf;base64, or give a filename.")
    return _inline(media_type, data, path)


def _from_id(file_id: str, declared: str | None) -> dict[str, Any]:
    if file_id.startswith(("http://", "https://")):
        return {"type": "document", "source": {"type": "url", "url": file_id}}
    kind = "image" if declared in IMAGE_TYPES else "document"
    return {"type": kind, "source": {"type": "file", "file_id": file_id}}


def _inline(media_type: str, data: str, path: str) -> dict[str, Any]:
    media_type = "image/jpeg" if media_type == "image/jpg" else media_type
    if media_type in IMAGE_TYPES:
        return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}
    if media_type == "application/pdf":
        return {"type": "document", "source": {"type": "base64", "media_type": media_type, "data": data}}
    if media_type.startswith("text/"):
        # Anthropic takes text of every kind, but only under this one name, and not as base64.
        source = {"type": "text", "media_type": "text/plain", "data": _text(data, path)}
        return {"type": "document", "source": source}
    allowed = ", ".join((*IMAGE_TYPES, "application/pdf", "text/plain"))
    raise InvalidField(path, f"has the media type {media_type or '(none)'}; Anthropic takes {allowed}.")


def _data_url(url: str, path: str) -> tuple[str, str]:
    """Return media type and base64 data; the data itself is not decoded, since it may be many megabytes."""
    header, comma, data = url[len("data:") :].partition(",")
    media_type, *parameters = header.split(";")
    if not comma or not data or "base64" not in parameters:
        raise InvalidField(path, "must have the form data:MEDIA/TYPE;base64,DATA.")
    return media_type.lower(), data


def _text(data: str, path: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as failure:
        raise InvalidField(path, f"is not base64 of a UTF-8 text: {failure}.") from failure
