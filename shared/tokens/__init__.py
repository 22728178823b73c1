"""How many tokens a text has: by OpenAI's tokenizer, and at most by anybody's."""

from shared.tokens.tokenizer import count, is_loaded, most

__all__ = ["count", "is_loaded", "most"]
