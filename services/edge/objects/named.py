"""Which objects of a provider's a body names by their ids: files, stores, containers, ... Pure.

A body is built only where one of an endpoint's words stands in it: who names nothing pays for a search of its bytes.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote

from shared.errors import InvalidRequest
from shared.payloads.forms import Field

NAMED_MAX = 2_000
"""Objects that one body may name: as many as a batch of files that goes into a vector store.
https://platform.openai.com/docs/api-reference/vector-stores-file-batches"""

ID_MAX = 512
_PATH_MAX = 4_096
"""Characters of an id, and of a path that ends with one: what is longer is none."""

_GOOGLES = (b'achedContent"', b'ached_content"', b"googleapis.com/v1")
"""What Google keeps can be named in any chat, a file by its address."""

CHAT = (b"file_id", *_GOOGLES)
RESPONSES = (b"file_id", b"vector_store_id", b'"container"', *_GOOGLES)
MESSAGES = (b"file_id", b'"container"', b"skill_id", *_GOOGLES)
GENERATE = (
    *(b'ileUri"', b'ile_uri"', b'achedContent"', b'ached_content"'),
    *(b'ileSearchStoreNames"', b'ile_search_store_names"', b'"uri"'),
    *(b"revious_interaction_id", b"reviousInteractionId", b'agent"', b'nvironment"', b"nvironment_id", b'"voice"'),
    b'"credential"',
)
ANY_OPENAI = (
    *RESPONSES,
    *(b"assistant_id", b"thread_id", b"eval_id", b"skill_id", b'"conversation"', b'"training_file"'),
    *(b'"validation_file"', b'"video"', b"previous_response_id", b"agent_id", b"library_ids"),
)
"""The words of each API: pieces of the names below."""

PREVIOUS = "previous_response_id"

_FIELDS = frozenset(
    (
        *("file_id", "file_ids", "input_file_id", "vector_store_id", "vector_store_ids", "container", "conversation"),
        *("assistant_id", "thread_id", "eval_id", "skill_id", "training_file", "validation_file", "video", PREVIOUS),
        *("agent_id", "library_ids"),
        *("fileUri", "file_uri", "cachedContent", "cached_content"),
        *("fileSearchStoreNames", "file_search_store_names", "uri", "previous_interaction_id", "previousInteractionId"),
        *("agent", "base_agent", "environment", "base_environment", "environment_id", "voice", "credential"),
    )
)
_ADDRESSES = frozenset(("url", "image_url", "video_url", "file_url", "file_data"))
_GOOGLES_FILE = re.compile(r"https?://[\w.-]*googleapis\.com/v1\w*/files/")
_ESCAPED_LETTER = re.compile(rb"\\u00[4-7]")
"""A name can hide behind it: nobody who means well writes letters so."""


class Named(NamedTuple):
    """`field` is where it stands; `id` is without the path by which Google names what it keeps."""

    field: str
    id: str


def may_name(body: bytes, words: tuple[bytes, ...]) -> bool:
    """Return whether one of an endpoint's words stands in the body, or could be hidden in it."""
    for word in words:
        if word in body:
            return True
    return b"\\" in body and b"\\u00" in body and _ESCAPED_LETTER.search(body) is not None


def named_in(body: bytes) -> tuple[Named, ...]:
    """Return what a JSON body names, each once; nothing of one that is no JSON.

    Raises:
        InvalidRequest: it cannot be read, or a name stands twice in one object: its provider may read it otherwise.
    """
    found: dict[str, Named] = {}

    def look(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        for each in _of_object(pairs):
            found.setdefault(each.id, each)
        fields = dict(pairs)
        if len(fields) != len(pairs):
            raise _twice(pairs)
        return fields

    try:
        json.loads(body, object_pairs_hook=look)
    except (ValueError, RecursionError) as error:
        if body.lstrip()[:1] not in (b"{", b"["):
            return ()
        raise InvalidRequest(f"The body cannot be read: {error}", param="request_body") from error
    return _bounded(found)


def named_in_form(fields: tuple[Field, ...]) -> tuple[Named, ...]:
    """Return what the plain fields of a form name: `file_id`, `file_ids[]`, ..."""
    found: dict[str, Named] = {}
    for field in fields:
        name = field.name.partition("[")[0]
        if field.filename is None and name in _FIELDS:
            for each in _ids(field.value.decode()):
                found.setdefault(each, Named(name, each))
    return _bounded(found)


def _of_object(pairs: list[tuple[str, Any]]) -> Iterator[Named]:
    for name, value in pairs:
        if name in _FIELDS:
            for each in _ids(value):
                yield Named(name, each)
        elif name in _ADDRESSES and isinstance(value, str) and _GOOGLES_FILE.match(value):
            yield from (Named(name, each) for each in _ids(value))
        elif name == "id" and isinstance(value, str) and ("type", "file_id") in pairs:
            yield Named(name, value)


def _ids(value: Any) -> Iterator[str]:
    """Yield the ids in a field's value: a text, a list of them, or an object that has an `id`."""
    if isinstance(value, dict):
        value = value.get("id")
    for each in value if isinstance(value, list) else (value,):
        if isinstance(each, str) and len(each) <= _PATH_MAX:
            object_id = unquote(each.partition("?")[0]).rstrip("/").rpartition("/")[2]
            if 0 < len(object_id) <= ID_MAX:
                yield object_id


def _bounded(found: dict[str, Named]) -> tuple[Named, ...]:
    if len(found) > NAMED_MAX:
        field = next(iter(found.values())).field
        raise InvalidRequest(f"The request names more than {NAMED_MAX} objects: send several.", param=field)
    return tuple(found.values())


def _twice(pairs: list[tuple[str, Any]]) -> InvalidRequest:
    seen: set[str] = set()
    name = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
    return InvalidRequest(f"'{name[:100]}' stands twice in one object: which of them counts?", param=name[:100])
