"""POST /images/generations and /images/edits."""

from typing import Any

import msgspec

from services.edge.peeks.form import count_of, is_true, ours_in, required, text_of, texts_bytes
from services.edge.peeks.json_body import decoded
from services.edge.peeks.peek import Ours, Peek, Units, peek_of, within
from shared.errors import InvalidRequest
from shared.payloads.forms import Field
from shared.payloads.picture_sizes import MOST, pixels_of

GENERATIONS = "/images/generations"
EDITS = "/images/edits"

PICTURE_TOKENS_MAX = 25_000
"""What one picture made can count as. A square of 1024 at high quality has 4,160 tokens, one of 1536 by 1024 has 6,208;
the largest that can be asked for has four times its area. https://platform.openai.com/docs/guides/image-generation"""


class _Image(Ours, kw_only=True):
    prompt: str
    n: int | None = None
    size: Any = None
    stream: bool | None = None


class _Edit(_Image, kw_only=True):
    images: list[Any] = []
    mask: Any = None


_decode_image = msgspec.json.Decoder(_Image).decode
_decode_edit = msgspec.json.Decoder(_Edit).decode


def peek_image(body: bytes) -> Peek:
    """Return what is asked for.

    Raises:
        InvalidRequest
    """
    asked = decoded(_decode_image, body, GENERATIONS)
    n = _pictures(asked.n, GENERATIONS)
    _check_prompt(asked.prompt, GENERATIONS)
    return peek_of(asked, GENERATIONS, len(body), stream=bool(asked.stream), units=_units(n, asked.size))


def peek_edit(body: bytes) -> Peek:
    """Return what is asked for by JSON, which refers to its pictures; those are no text.

    Raises:
        InvalidRequest
    """
    asked = decoded(_decode_edit, body, EDITS)
    _check_prompt(asked.prompt, EDITS)
    n = _pictures(asked.n, EDITS)
    pieces = len(asked.images) + (asked.mask is not None)
    text_bytes = len(asked.prompt.encode())
    return peek_of(asked, EDITS, text_bytes, stream=bool(asked.stream), images=pieces, units=_units(n, asked.size))


def peek_edit_form(fields: tuple[Field, ...], _: int) -> Peek:
    """Return what is asked for by a form with pictures in it.

    Raises:
        InvalidRequest
    """
    _check_prompt(text_of(fields, "prompt") or "", EDITS)
    required(fields, "image", "image[]", route=EDITS)
    n = _pictures(count_of(fields, "n", EDITS), EDITS)
    return peek_of(
        ours_in(fields, EDITS),
        EDITS,
        texts_bytes(fields),
        stream=is_true(fields, "stream"),
        images=sum(field.filename is not None for field in fields),
        units=_units(n, text_of(fields, "size")),
    )


def _pictures(n: int | None, route: str) -> int:
    if n is None:
        return 1
    within(1, n, "n", route, 100)
    return n


def _check_prompt(prompt: str, route: str) -> None:
    if not prompt:
        raise InvalidRequest(f"{route}: 'prompt' must hold a text.", param="prompt")


def _units(pictures: int, size: object) -> Units:
    pixels = pictures * (pixels_of(size) or MOST)
    return (("images", pictures), ("image_output", pictures * PICTURE_TOKENS_MAX), ("pixels", pixels))
