"""OpenAI's chat completions API, and every provider that speaks it: bytes pass through, a few fields are set."""

from services.router.providers.openai.answer import OpenAIAnswer
from services.router.providers.openai.body import max_tokens_fields, outgoing_body

__all__ = ["OpenAIAnswer", "max_tokens_fields", "outgoing_body"]
