"""Images, films, sound and documents of a chat message, as Converse's blocks.

Sources: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html and the blocks it names.
"""

import re
from typing import Any

from services.router.providers.answers.rejection import InvalidField

_IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
_VIDEOS = {
    "video/x-matroska": "mkv",
    "video/quicktime": "mov",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "video/x-flv": "flv",
    "video/mpeg": "mpeg",
    "video/x-ms-wmv": "wmv",
    "video/3gpp": "three_gp",
    "video/mpg": "mpg",
}
_AUDIO = {"audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/wav": "wav", "audio/x-wav": "wav", "audio/flac": "flac"} | {
    f"audio/{name}": name for name in ("opus", "aac", "ogg", "mp4", "m4a", "webm", "pcm")
}
_DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
_SUFFIXES = {
    **{name: ("image", name) for name in ("png", "jpeg", "gif", "webp")},
    "jpg": ("image", "jpeg"),
    **{name: ("video", name) for name in ("mkv", "mov", "mp4", "webm", "flv", "mpeg", "mpg", "wmv")},
    "3gp": ("video", "three_gp"),
    **{name: ("audio", name) for name in ("mp3", "wav", "flac", "ogg", "opus", "aac", "m4a")},
    **{name: ("document", name) for name in _DOCUMENTS.values()},
}
_KINDS = {"image": _IMAGES, "video": _VIDEOS, "audio": _AUDIO, "document": _DOCUMENTS}
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9 ()\[\]-]+")
_PDF_IN_BASE64 = "JVBERi0"  # %PDF-


def address_block(part: dict[str, Any], name: str, path: str) -> dict[str, Any]:
    """Translate an `image_url` or `video_url` part; its url may be a data: URL or an s3:// address."""
    holder = part.get(name)
    url = holder.get("url") if isinstance(holder, dict) else holder
    path = f"{path}.{name}.url" if isinstance(holder, dict) else f"{path}.{name}"
    declared = holder.get("format") if isinstance(holder, dict) else None
    return _block(url, declared, None, path)


def audio_block(part: dict[str, Any], path: str) -> dict[str, Any]:
    """Translate an `input_audio` part."""
    audio = part.get("input_audio")
    data, kind = (audio.get("data"), audio.get("format")) if isinstance(audio, dict) else (None, None)
    if not isinstance(data, str) or not data or not isinstance(kind, str):
        raise InvalidField(f"{path}.input_audio", "must be an object with data (base64) and format.")
    return _inline("audio", _AUDIO.get(f"audio/{kind}", kind), data, "")


def file_block(part: dict[str, Any], path: str) -> dict[str, Any]:
    """Translate a `file` part: file_data (a data: URL or bare base64), or file_id (an s3:// address)."""
    file = part.get("file")
    path = f"{path}.file"
    if not isinstance(file, dict):
        raise InvalidField(path, "must be an object with file_data or file_id.")
    data, file_id, name = file.get("file_data"), file.get("file_id"), file.get("filename")
    if isinstance(data, str) and data and not data.startswith(("data:", "s3://")):
        suffix = name.rpartition(".")[2].lower() if isinstance(name, str) else ""
        kind, form = _SUFFIXES.get(suffix, ("", ""))
        if isinstance(file.get("format"), str):
            kind, form = _kind_of(file["format"], f"{path}.format")
        elif not kind and data.startswith(_PDF_IN_BASE64):
            kind, form = "document", "pdf"
        if not kind:
            raise InvalidField(
                f"{path}.file_data", "has no media type: begin it with data:application/pdf;base64, or give a filename."
            )
        return _inline(kind, form, data, _name(name, path))
    given, place = (data, "file_data") if data else (file_id, "file_id")
    return _block(given, file.get("format"), name, f"{path}.{place}")


def _block(url: object, declared: object, name: object, path: str) -> dict[str, Any]:
    if not isinstance(url, str) or not url.startswith(("data:", "s3://")):
        raise InvalidField(path, "must be a data: URL or an s3:// address: Bedrock fetches nothing else.")
    if url.startswith("s3://"):
        suffix = url.rpartition(".")[2].lower()
        kind, form = _kind_of(declared, path) if isinstance(declared, str) else _SUFFIXES.get(suffix, ("", ""))
        if not kind:
            raise InvalidField(path, "has no suffix that tells what it is; give `format`, such as application/pdf.")
        block: dict[str, Any] = {"format": form, "source": {"s3Location": {"uri": url}}}
        return {kind: {**block, "name": _name(name or url.rpartition("/")[2], path)} if kind == "document" else block}
    header, comma, data = url[len("data:") :].partition(",")
    media_type, *parameters = header.split(";")
    if not comma or not data or "base64" not in parameters:
        raise InvalidField(path, "must have the form data:MEDIA/TYPE;base64,DATA.")
    kind, form = _kind_of(declared if isinstance(declared, str) else media_type, path)
    return _inline(kind, form, data, _name(name, path))


def _kind_of(media_type: str, path: str) -> tuple[str, str]:
    for kind, forms in _KINDS.items():
        if (form := forms.get(media_type.lower())) is not None:
            return kind, form
    if media_type.startswith("text/"):
        return "document", "txt"
    raise InvalidField(path, f"has the media type {media_type[:80] or '(none)'}, which Bedrock does not take.")


def _inline(kind: str, form: str, data: str, name: str) -> dict[str, Any]:
    block: dict[str, Any] = {"format": form, "source": {"bytes": data}}
    return {kind: {**block, "name": name} if kind == "document" else block}


def _name(given: object, path: str) -> str:
    """Return a document's name in the letters that Bedrock takes; its place in the request where it has none."""
    clean = " ".join(_NOT_IN_NAMES.sub(" ", given if isinstance(given, str) else path).split())
    return clean or "document"
