"""Why a provider refuses a request, told apart where a client or a fallback does something else about it.

By the provider's code where it has one; else by the words that its errors are known to have. Words can come from the
request itself, which some providers repeat in their errors: that does no more than choose the fallback.
Sources: the errors pages of the providers, and the sentences that LiteLLM maps to ContextWindowExceededError and
ContentPolicyViolationError.
"""

from collections.abc import Iterable

CONTEXT_WINDOW = "context_window_exceeded"
CONTENT_POLICY = "content_policy_violation"

_CODES = {
    "context_length_exceeded": CONTEXT_WINDOW,
    "model_max_prompt_tokens_exceeded": CONTEXT_WINDOW,  # GitHub
    "content_filter": CONTENT_POLICY,
    "content_policy_violation": CONTENT_POLICY,
    "moderation_blocked": CONTENT_POLICY,
    "invalid_prompt": CONTENT_POLICY,  # OpenAI, of what its usage policy forbids
    "ResponsibleAIPolicyViolation": CONTENT_POLICY,
}
_TOO_LONG_TEXT = "string_above_max_length"
_TEXTS = ("messages", "input", "prompt", "instructions")
"""Fields of a prompt; of others, as `user`, OpenAI uses that code too."""

_TOO_LONG = (
    "maximum context length",
    "maximum context limit",
    "exceed context limit",
    "exceeds the context length",
    "longer than the model's context length",
    "exceeded this model context window limit",
    "exceeds the context window",
    "exceeds the available context size",
    "exceeds the maximum number of tokens allowed",
    "exceed the total tokens limit",
    "input tokens exceed the configured limit",
    "`inputs` tokens + `max_new_tokens` must be",
    "prompt has too many tokens",
    "prompt is too long",
    "prompt: length",
    "length limit exceeded",
)
_TOO_LONG_OF = {
    "bedrock": ("too many tokens", "too many input tokens", "expected maxlength:", "input is too long"),
    "cohere": ("too many tokens",),
    "gemini": ("request payload size exceeds",),
    "replicate": ("input is too long",),
    "sagemaker": ("instance type with more cpu capacity or memory",),
    "vertex_ai": ("request payload size exceeds",),
}
"""Words that say it of one provider, and might say something else of others."""

_TOO_LONG_PAIRS = (("current length is", "while limit is"), ("maximum input length is", "tokens"))

_FORBIDDEN = (
    "responsibleaipolicyviolation",
    "content management policy",
    "output blocked by content filtering policy",
    "rejected as a result of our safety system",
    "rejected as a result of the safety system",
    "task failed as a result of our safety system",
    "the model produced invalid content",
    "the response was blocked",
    "violating our usage policy",
    "violates usage guidelines",
)
_ABOUT_OTHERS = (401, 402, 404, 408, 429)
"""Statuses that say already what is wrong."""


def reason_of(provider: str, status: int, codes: Iterable[str], message: str, param: str) -> str:
    """Return CONTEXT_WINDOW or CONTENT_POLICY, "" where it is neither."""
    if status in _ABOUT_OTHERS:
        return ""
    for code in codes:
        if code in _CODES:
            return _CODES[code]
        if code == _TOO_LONG_TEXT:
            return CONTEXT_WINDOW if param.startswith(_TEXTS) else ""
    words = message.lower()
    if any(sign in words for sign in (*_TOO_LONG, *_TOO_LONG_OF.get(provider, ()))):
        return CONTEXT_WINDOW
    if any(first in words and second in words for first, second in _TOO_LONG_PAIRS):
        return CONTEXT_WINDOW
    return CONTENT_POLICY if any(sign in words for sign in _FORBIDDEN) else ""
