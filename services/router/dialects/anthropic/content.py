"""Content blocks as the parts of a chat message.

Sources: https://platform.claude.com/docs/en/build-with-claude/vision,
https://platform.claude.com/docs/en/build-with-claude/pdf-support,
https://platform.claude.com/docs/en/build-with-claude/search-results
"""

from typing import Any

from services.router.providers.answers.rejection import InvalidField

Parts = list[dict[str, Any]]


def text_parts(content: object, path: str) -> Parts:
    """Return blocks of text alone as parts; those without a visible character are left out."""
    if not isinstance(content, list):
        raise InvalidField(path, "must be a string or a list of text blocks.")
    parts: Parts = []
    for index, block in enumerate(content):
        if not isinstance(block, dict) or block.get("type") != "text" or not isinstance(block.get("text"), str):
            raise InvalidField(f"{path}[{index}]", "must be a text block.")
        if block["text"].strip():
            parts.append(_cached({"type": "text", "text": block["text"]}, block))
    return parts


def parts_of(block: dict[str, Any], path: str, unsupported: dict[str, str]) -> Parts:
    """Return a block of a user, or of a tool's result, as parts: mostly one."""
    kind = block.get("type")
    if kind == "text":
        if not isinstance(block.get("text"), str):
            raise InvalidField(f"{path}.text", "must be a string.")
        return [_cached({"type": "text", "text": block["text"]}, block)]
    if kind == "image":
        return [_cached(_image(_source(block, path), f"{path}.source"), block)]
    if kind == "document":
        return [_cached(part, block) for part in _document(block, path, unsupported)]
    if kind == "search_result":
        return [_cached({"type": "text", "text": _search_result(block, path)}, block)]
    unsupported[path] = f"blocks of the type {kind}"
    return []


def _cached(part: dict[str, Any], block: dict[str, Any]) -> dict[str, Any]:
    marker = block.get("cache_control")
    return {**part, "cache_control": marker} if marker is not None else part


def _source(block: dict[str, Any], path: str) -> dict[str, Any]:
    source = block.get("source")
    if not isinstance(source, dict):
        raise InvalidField(f"{path}.source", "must be an object with a type.")
    return source


def _image(source: dict[str, Any], path: str) -> dict[str, Any]:
    kind = source.get("type")
    if kind == "base64":
        url = f"data:{_text(source, 'media_type', path)};base64,{_text(source, 'data', path)}"
        return {"type": "image_url", "image_url": {"url": url}}
    if kind == "url":
        return {"type": "image_url", "image_url": {"url": _text(source, "url", path)}}
    if kind == "file":
        return {"type": "file", "file": {"file_id": _text(source, "file_id", path), "format": "image/png"}}
    raise InvalidField(f"{path}.type", "must be base64, url or file.")


def _document(block: dict[str, Any], path: str, unsupported: dict[str, str]) -> Parts:
    """A PDF stays a file. Text in a document is text, under its title: chat has no other place for it."""
    source, title = _source(block, path), block.get("title")
    citations = block.get("citations")
    if isinstance(citations, dict) and citations.get("enabled"):
        unsupported[f"{path}.citations"] = "citations of documents"
    path = f"{path}.source"
    kind = source.get("type")
    name = title if isinstance(title, str) and title else None
    context = block.get("context")
    about: Parts = [{"type": "text", "text": context}] if isinstance(context, str) and context else []
    if kind == "base64":
        data = f"data:{_text(source, 'media_type', path)};base64,{_text(source, 'data', path)}"
        return [*about, {"type": "file", "file": {"filename": name or "document.pdf", "file_data": data}}]
    if kind == "url":
        return [*about, {"type": "file", "file": _named({"file_id": _text(source, "url", path)}, name)}]
    if kind == "file":
        return [*about, {"type": "file", "file": _named({"file_id": _text(source, "file_id", path)}, name)}]
    heading: Parts = [{"type": "text", "text": name}] if name else []
    if kind == "text":
        return [*about, *heading, {"type": "text", "text": _text(source, "data", path)}]
    if kind != "content":
        raise InvalidField(f"{path}.type", "must be base64, url, file, text or content.")
    content = source.get("content")
    if isinstance(content, str):
        return [*about, *heading, {"type": "text", "text": content}]
    if not isinstance(content, list) or not all(isinstance(inner, dict) for inner in content):
        raise InvalidField(f"{path}.content", "must be a string or a list of blocks.")
    inner_parts = [
        part for at, inner in enumerate(content) for part in parts_of(inner, f"{path}.content[{at}]", unsupported)
    ]
    return [*about, *heading, *inner_parts]


def _search_result(block: dict[str, Any], path: str) -> str:
    content = block.get("content")
    texts = [part["text"] for part in text_parts(content, f"{path}.content")] if content else []
    heads = [value for name in ("title", "source") if isinstance(value := block.get(name), str) and value]
    return "\n".join([*heads, *texts])


def _named(file: dict[str, Any], name: str | None) -> dict[str, Any]:
    return {**file, "filename": name} if name else file


def _text(holder: dict[str, Any], name: str, path: str) -> str:
    value = holder.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidField(f"{path}.{name}", "must be a string.")
    return value
