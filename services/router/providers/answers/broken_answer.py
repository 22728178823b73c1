"""How an answer that began with 200 can go wrong.

* BrokenAnswer
  * ProviderStreamError   the provider reports an error where the answer should be, or in the middle of it
  * UnreadableAnswer      it is not what the provider's documentation says
"""

_STATUS = {
    "authentication_error": 401,
    "billing_error": 402,
    "context_length_exceeded": 400,
    "insufficient_quota": 429,
    "invalid_request_error": 400,
    "not_found_error": 404,
    "overloaded_error": 529,
    "permission_error": 403,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "request_too_large": 413,
    "timeout_error": 504,
}
"""The status that OpenAI and Anthropic give to an error of that type where they can still choose one."""


class BrokenAnswer(Exception):
    """`before` is what the client gets of the events that came whole in front of the broken one."""

    before: bytes = b""


class UnreadableAnswer(BrokenAnswer):
    pass


class ProviderStreamError(BrokenAnswer):
    """`type` is the provider's own word for it (overloaded_error, ...), or malformed_stream where it broke the form."""

    def __init__(self, type: str, message: str, *, status: int | None = None) -> None:
        """`status` is the HTTP status that the provider gives in its report, if it does."""
        super().__init__(f"{type}: {message}")
        self.type = type
        self.message = message
        self.status = status or _STATUS.get(type, 502)
