"""What is remembered of a conversation or an agent of Mistral's, so that the next turn can be held and paid for.

It stands in `Owned.shown`; the model is that entry's own.
"""

from typing import Any

import msgspec

AGENTS = "mistral agents"
"""The kind, among what is passed, of what a conversation can begin with."""


class Conversation(msgspec.Struct, frozen=True, omit_defaults=True):
    """`tokens` are those of the last turn, which read all before it: the next reads them again. `tools` it may use."""

    id: str
    object: str
    tokens: int = 0
    tools: list[dict[str, Any]] = []


encode_conversation = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Conversation).decode


def conversation_in(shown: bytes) -> Conversation:
    """Return what is remembered; of what was written before anything was, nothing but its name."""
    try:
        return _decode(shown)
    except msgspec.DecodeError:
        return Conversation("", "")


class Begun(msgspec.Struct, frozen=True):
    """What a body says of a conversation, or of an agent, that it makes."""

    model: Any = None
    agent_id: Any = None
    tools: Any = None

    @property
    def agent(self) -> str:
        return self.agent_id if isinstance(self.agent_id, str) else ""

    @property
    def own_tools(self) -> list[dict[str, Any]]:
        """Those that the provider runs, by their types alone: what a function is told of need not be remembered."""
        named = (
            [tool.get("type") for tool in self.tools if isinstance(tool, dict)] if isinstance(self.tools, list) else []
        )
        return [{"type": kind} for kind in named if isinstance(kind, str) and kind != "function"]


_begun = msgspec.json.Decoder(Begun).decode


def begun_by(body: bytes) -> Begun:
    """Return what `body` says; nothing where it cannot be read: whoever peeks at it says what is wrong."""
    try:
        return _begun(body)
    except (msgspec.DecodeError, RecursionError):
        return Begun()
