"""How many tokens a session's next response will read at most. Pure.

The provider tells after each response what it has read and written; until then all that was said since is bound by its
bytes, and sound by its length.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import orjson

TEMPLATE_TOKENS = 64
"""What a provider may write around a conversation, and around the instructions and tools of a session."""

ITEM_TOKENS = 16
"""The same, around each item."""

HEARD_MS = 100
SPOKEN_MS = 50
"""A token of sound that is heard, and of sound that the model speaks.
https://platform.openai.com/docs/guides/realtime-costs"""

_PCM_BYTES_PER_MS = 48  # 24 kHz, 16 bits
_TELEPHONE_BYTES_PER_MS = 8  # G.711
_PCM = (None, "audio/pcm", "pcm16")


class Mark(NamedTuple):
    """What a conversation came to when a response was asked for."""

    tokens: int
    images: int


@dataclass(slots=True)
class Context:
    """`tokens` bounds what the next response reads; `images` are those that no usage has told of yet."""

    tokens: int = TEMPLATE_TOKENS
    images: int = 0
    bytes_per_ms: int = _PCM_BYTES_PER_MS
    _buffered: int = 0  # bytes of sound that are not committed
    _started_ms: int | None = None
    _spoken: list[int] = field(default_factory=list)

    def opened(self, session: dict[str, Any]) -> None:
        """The provider tells how the session is at its beginning: with instructions of its own."""
        self.tokens += len(orjson.dumps({name: session.get(name) for name in ("instructions", "tools")}))

    def updated(self, sent_bytes: int) -> None:
        """The client sets the session, in so many bytes."""
        self.tokens += sent_bytes

    def added(self, item: dict[str, Any]) -> None:
        """An item of the client goes into the conversation."""
        self.tokens += item_tokens(item, self.bytes_per_ms)
        self.images += _images(item)

    def buffered(self, characters: int) -> None:
        """So many characters of sound in base64 go into the buffer."""
        self._buffered += _sound_bytes(characters)

    def cleared(self) -> None:
        self._buffered = 0

    def speech_began(self, at_ms: int) -> None:
        self._started_ms = at_ms

    def speech_ended(self, at_ms: int) -> None:
        if self._started_ms is not None:
            self._spoken.append(max(0, at_ms - self._started_ms))
            self._started_ms = None

    def heard_ms(self, characters: int) -> int:
        """Return how long so many characters of sound in base64 are."""
        return -(-_sound_bytes(characters) // self.bytes_per_ms)

    def committed(self) -> int:
        """What is in the buffer becomes an item: the turn that was heard in it, or all of it. Return its length."""
        if self._spoken:
            heard_ms = self._spoken.pop(0)
            self._buffered = 0
        else:
            heard_ms, self._buffered = -(-self._buffered // self.bytes_per_ms), 0
        self.tokens += heard_ms // HEARD_MS + 1 + ITEM_TOKENS
        return heard_ms

    @property
    def mark(self) -> Mark:
        return Mark(self.tokens, self.images)

    def responded(self, mark: Mark, read: int, written: int) -> None:
        """A response of the conversation, asked for at `mark`, has read and written so many."""
        self.tokens = max(0, self.tokens - mark.tokens) + read + written + TEMPLATE_TOKENS
        self.images = max(0, self.images - mark.images)


def bytes_per_ms(session: dict[str, Any], side: str) -> int:
    """Return how much sound a millisecond is, in OpenAI's present form of a session or its first one."""
    told = session.get(f"{side}_audio_format")
    audio = session.get("audio")
    if isinstance(audio, dict) and isinstance(audio.get(side), dict):
        told = audio[side].get("format") or told
    if isinstance(told, dict):
        told = told.get("type")
    return _PCM_BYTES_PER_MS if told in _PCM else _TELEPHONE_BYTES_PER_MS


def item_tokens(item: dict[str, Any], per_ms: int) -> int:
    """Return a bound of the tokens of an item: its bytes, but for sound and pictures."""
    tokens = ITEM_TOKENS
    content = item.get("content")
    rest = {name: value for name, value in item.items() if name != "content"}
    for part in content if isinstance(content, list) else ():
        if not isinstance(part, dict):
            tokens += len(msgspec.json.encode(part))
            continue
        audio, image = part.get("audio"), part.get("image_url")
        if isinstance(audio, str):
            tokens += -(-_sound_bytes(len(audio)) // (per_ms * HEARD_MS)) + 1
        kept = {
            name: value
            for name, value in part.items()
            if not (name == "audio" and isinstance(value, str)) and not (name == "image_url" and image is not None)
        }
        tokens += len(msgspec.json.encode(kept))
    if not isinstance(content, list):
        rest["content"] = content
    return tokens + len(msgspec.json.encode(rest))


def _images(item: dict[str, Any]) -> int:
    content = item.get("content")
    parts = content if isinstance(content, list) else []
    return sum(isinstance(part, dict) and part.get("image_url") is not None for part in parts)


def _sound_bytes(characters: int) -> int:
    return characters * 3 // 4
