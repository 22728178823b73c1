"""The events of Mistral's conversations. https://docs.mistral.ai/studio-api/agents/agents-api"""

from services.router.cuts.cut import Ending
from services.router.cuts.wire import Sse, Told, Wire
from services.router.providers.mistral.conversations import said_in
from shared.usage import Usage

_DONE = "conversation.response.done"


class ConversationCut:
    """A `Cut`. No event of theirs says why a message ended."""

    reason = "length"

    def __init__(self) -> None:
        self.wire: Wire = Sse(named=True)

    def alike(self, event: bytes) -> tuple[bytes, bytes]:
        return b"", b""

    def texts(self, told: Told) -> list[tuple[int, str]]:
        place = told.fields.get("output_index")
        return [(place if isinstance(place, int) else 0, text) for text in said_in(told.fields)]

    def note(self, told: Told) -> None:
        return None

    def shortened(self, event: bytes, told: Told, text: str) -> bytes | None:
        fields = told.fields
        if fields.get("type") != "message.output.delta" or not isinstance(fields.get("content"), str):
            return None
        return self.wire.write("message.output.delta", {**fields, "content": text}, in_place_of=event)

    def ending(self, answer_id: str, model: str, usage: Usage, *, shows_usage: bool) -> Ending:
        counts = {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.total_tokens,
        }
        return Ending(b"", self.wire.write(_DONE, {"type": _DONE, "usage": counts}))
