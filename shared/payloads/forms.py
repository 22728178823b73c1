"""multipart/form-data: a form's fields out of a body, and a body made of them.

Whoever changes or examines a form writes it anew: what was examined is what is sent, however another parser might have
read the original.
"""

import secrets
from collections.abc import Iterable
from typing import NamedTuple

from multipart import (
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    content_disposition_quote,
    parse_options_header,
)

FORM = "multipart/form-data"
FIELDS_MAX = 1_000
HEADER_BYTES_MAX = 4_096


class BadForm(Exception):
    """The body is no form; the message says why."""


class Field(NamedTuple):
    """`filename` None: a plain field, whose value is text in UTF-8. `content_type` "" where none is given."""

    name: str
    value: bytes
    filename: str | None = None
    content_type: str = ""


def is_form(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == FORM


def read_form(body: bytes, content_type: str) -> tuple[Field, ...]:
    """Return the fields in their order; a name may stand several times.

    Raises:
        BadForm: it is not one, is cut off, or a plain field is not UTF-8.
    """
    boundary = _boundary_of(content_type)
    fields: list[Field] = []
    segment: MultipartSegment | None = None
    parts: list[bytes] = []
    try:
        parser = PushMultipartParser(
            boundary,
            content_length=len(body),
            max_header_size=HEADER_BYTES_MAX,
            max_segment_count=FIELDS_MAX,
            strict=True,
        )
        with parser:
            for event in (*parser.parse(body), *parser.parse(b"")):
                if isinstance(event, MultipartSegment):
                    segment, parts = event, []
                elif event:
                    parts.append(bytes(event))
                elif segment is not None:
                    fields.append(_field(segment, b"".join(parts)))
                    segment = None
    except (MultipartError, UnicodeDecodeError) as error:
        raise BadForm(str(error)) from error
    return tuple(fields)


def write_form(fields: Iterable[Field], content_type: str = "") -> tuple[bytes, str]:
    """Return a body, and the content type that says its boundary: the given one, or a new one.

    A given boundary must be of the form that the fields were read from: then none of them contains it.
    """
    boundary = _boundary_of(content_type) if content_type else f"meterhouse-{secrets.token_hex(16)}"
    parts: list[bytes] = []
    for field in fields:
        head = f"--{boundary}\r\ncontent-disposition: form-data; name={content_disposition_quote(field.name)}"
        if field.filename is not None:
            head += f"; filename={content_disposition_quote(field.filename)}"
        if field.content_type:
            head += f"\r\ncontent-type: {field.content_type}"
        parts += (head.encode(), b"\r\n\r\n", field.value, b"\r\n")
    parts.append(f"--{boundary}--\r\n".encode())
    return b"".join(parts), content_type or f"{FORM}; boundary={boundary}"


def _boundary_of(content_type: str) -> str:
    kind, options = parse_options_header(content_type)
    boundary: str | None = options.get("boundary")
    if kind.lower() != FORM or not boundary:
        raise BadForm(f"the content type must be {FORM} with a boundary")
    return boundary


def _field(segment: MultipartSegment, value: bytes) -> Field:
    if segment.name is None:
        raise BadForm("a part without a name")
    content_type = segment.header("content-type") or ""
    if not (content_type.isascii() and content_type.isprintable()):
        raise BadForm("a part's content type is not text")
    if segment.filename is None:
        value.decode()
    return Field(segment.name, value, segment.filename, content_type)
