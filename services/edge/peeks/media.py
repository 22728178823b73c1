"""How much of a request is text, and how many images or other media it has: what bounds its tokens."""

import re

import msgspec

ESCAPED_ASCII = re.compile(rb"\\u00[2-7]")  # a key can hide behind it: nobody who means well writes letters so
_ESCAPED = re.compile(rb"\\u00([2-7][0-9a-fA-F])")
_BEGINS = (b'"image', b'"input_', b'"document"', b'"audio"', b'"video', b'"file', b'"inline')
"""Of what the next three find; a search for plain bytes takes a tenth of their time."""
_TYPED = re.compile(
    rb'"type"\s*:\s*"(?:(?:input_)?(?:image|audio|video|file)|(?:image|video)_(?:url|base64)|document)"'
)
_KEYED = re.compile(rb'"(?:(?:image|video)_(?:url|base64)|input_audio)"\s*:')
_UNTYPED = re.compile(  # Gemini's and Bedrock's
    rb'"(?:inlineData|inline_data|fileData|file_data|image|document|video|audio)"\s*:\s*\{'
)
READ_PIXELS_MAX = 2_000_000
"""Of a picture that is embedded: a larger one is made smaller. https://docs.voyageai.com/docs/pricing"""

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


def media_in_any_form(body: bytes) -> int:
    """Return how many images and other media a body may have, whatever its API; rather too many than too few."""
    if b"\\u00" in body:
        body = _ESCAPED.sub(lambda escaped: bytes.fromhex(escaped[1].decode()), body)
    if not any(begin in body for begin in _BEGINS):
        return 0
    return max(len(_TYPED.findall(body)), len(_KEYED.findall(body))) + len(_UNTYPED.findall(body))
