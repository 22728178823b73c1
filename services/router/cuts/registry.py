"""Which form of a stream is cut how."""

from collections.abc import Callable

from services.router.cuts.chat import DONE, ChatCut
from services.router.cuts.cohere import CohereCut
from services.router.cuts.contained import ContainedCut
from services.router.cuts.conversation import ConversationCut
from services.router.cuts.converse import ConverseCut
from services.router.cuts.cut import Cut
from services.router.cuts.generate import GenerateCut
from services.router.cuts.interactions import InteractionsCut
from services.router.cuts.messages import MessagesCut
from services.router.cuts.ollama import OllamaCut
from services.router.cuts.responses import ResponsesCut
from services.router.cuts.wire import AwsChunks, JsonArray, Sse

CUTS: dict[str, Callable[[], Cut]] = {
    "chat": ChatCut,
    "chat-to-its-end": lambda: ChatCut(end=DONE),
    "messages": lambda: MessagesCut(Sse(named=True)),
    "messages-invoked": lambda: MessagesCut(AwsChunks()),
    "generate": lambda: GenerateCut(Sse()),
    "generate-array": lambda: GenerateCut(JsonArray()),
    "responses": ResponsesCut,
    "interactions": InteractionsCut,
    "converse": ConverseCut,
    "conversation": ConversationCut,
    "contained": ContainedCut,
    "cohere": CohereCut,
    "ollama": OllamaCut,
    "ollama-generate": lambda: OllamaCut(generates=True),
}
"""By `OwnForm.cut_as`."""
