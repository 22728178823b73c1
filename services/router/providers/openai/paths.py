"""Where OpenAI's API, and whoever speaks it, answers which type of call."""

from services.router.providers.base import CHAT

PATHS = {
    CHAT: "/chat/completions",
    "atext_completion": "/completions",
    "aembedding": "/embeddings",
    "aimage_generation": "/images/generations",
    "aimage_edit": "/images/edits",
    "aspeech": "/audio/speech",
    "atranscription": "/audio/transcriptions",
    "atranslation": "/audio/translations",
    "amoderation": "/moderations",
    "arerank": "/rerank",
    "aresponses": "/responses",
}
