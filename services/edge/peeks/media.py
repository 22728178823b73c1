"""How much of a request is text, and how many images or other media it has: what bounds its tokens."""

import re

import msgspec

ESCAPED_ASCII = re.compile(rb"\\u00[2-7]")  # a key can hide behind it: nobody who means well writes letters so
_MEDIA_KEYS = frozenset(("image_url", "input_audio", "file", "video_url"))
_COUNTED_BY_PIECE = frozenset(("image_url", "input_audio"))
"""Media whose bytes say nothing of their tokens. A file's or video's bytes stay counted: its tokens grow with them."""


class _Message(msgspec.Struct):
    content: msgspec.Raw = msgspec.Raw()


class _Conversation(msgspec.Struct):
    messages: list[_Message]


_messages = msgspec.json.Decoder(_Conversation).decode
_parts = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode


def text_and_media(body: bytes) -> tuple[int, int]:
    """Return how many bytes of `body`, a chat request, can be text, and how many parts are something else.

    A token has at least one byte, so the bytes bound the tokens. What is taken out are images and audio where a
    provider reads them as such: text that only looks like a data URL counts in full.
    """
    if (
        b'"image_url"' not in body
        and b'"input_audio"' not in body
        and b'"file"' not in body
        and b'"video_url"' not in body
        and (b"\\u00" not in body or not ESCAPED_ASCII.search(body))
    ):
        return len(body), 0
    media_bytes = pieces = 0
    for message in _messages(body).messages:
        if bytes(memoryview(message.content)[:1]) != b"[":
            continue
        try:
            parts = _parts(message.content)
        except msgspec.ValidationError:
            continue  # no list of parts: it counts as text, and its provider will refuse it
        for part in parts:
            media = part.keys() & _MEDIA_KEYS
            pieces += bool(media)
            media_bytes += sum(len(part[name]) for name in media & _COUNTED_BY_PIECE)
    return len(body) - media_bytes, pieces
