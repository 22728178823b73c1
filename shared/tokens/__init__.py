"""How many tokens a text has: by OpenAI's tokenizer, and at most by anybody's."""

from shared.tokens.of_request import request_tokens
from shared.tokens.tokenizer import beginning, count, is_loaded, most

__all__ = ["beginning", "count", "is_loaded", "most", "request_tokens"]
