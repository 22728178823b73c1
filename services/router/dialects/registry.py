"""Which types of calls can be translated, to chat or to a request for embeddings."""

from services.router.dialects.anthropic.translate import translate_messages
from services.router.dialects.completions.translate import translate_completions
from services.router.dialects.gemini.embed import translate_embed
from services.router.dialects.gemini.translate import translate_count, translate_generate
from services.router.dialects.outlet import Translate
from services.router.dialects.responses.translate import translate_responses

TRANSLATIONS: dict[str, Translate] = {
    "anthropic_messages": translate_messages,
    "acount_tokens": translate_messages,
    "aresponses": translate_responses,
    "aresponses_input_tokens": translate_responses,
    "atext_completion": translate_completions,
    "agenerate_content": translate_generate,
    "agemini_count_tokens": translate_count,
}

EMBEDDINGS: dict[str, Translate] = {"aembed_content": translate_embed}

COUNTS = {
    "acount_tokens": ("input_tokens", ""),
    "aresponses_input_tokens": ("input_tokens", "response.input_tokens"),
    "agemini_count_tokens": ("totalTokens", ""),
}
"""Those that only ask for the count of a request's tokens: the field of the answer that has it, and the `object` that
the answer calls itself, "" where it does not."""
