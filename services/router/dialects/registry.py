"""Which types of calls can be translated to chat."""

from services.router.dialects.anthropic.translate import translate_messages
from services.router.dialects.outlet import Translate

TRANSLATIONS: dict[str, Translate] = {
    "anthropic_messages": translate_messages,
    "acount_tokens": translate_messages,
}

COUNTS = {"acount_tokens": "input_tokens"}
"""Those that only ask for the count of a request's tokens, and the field of the answer that has it."""
