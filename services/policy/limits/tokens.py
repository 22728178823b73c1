"""How many tokens a request reserves of the limits that count them, before anybody knows how many it uses. Pure."""

from services.policy.limits.counters import TokenType
from shared.calls import WRITING, Admit

BYTES_PER_TOKEN = 2
"""Of text, at least, in most languages and in code: English has more than four. What a request turns out to use beyond
its reservation is counted, too."""

REQUEST_TOKENS = 4
"""What a chat template adds beyond the JSON around each message, whose bytes are counted."""

IMAGE_TOKENS = 1_000
"""Of an image of a usual size: https://platform.openai.com/docs/guides/images-vision has 765 for 1024 x 1024 pixels."""


def reserved_tokens(request: Admit, counts: TokenType, unbounded_output: int, grown_bytes: int = 0) -> int:
    """Return what `request` reserves: a fair bound of its input, and the longest text it allows for an answer.

    `unbounded_output` stands for the answer of a request that sets no maximum; `grown_bytes` is by how much its text
    has become longer since edge counted it.
    """
    tokens = 0
    if counts != "output":
        text_bytes = request.input_bytes + grown_bytes
        tokens += -(-text_bytes // BYTES_PER_TOKEN) + REQUEST_TOKENS + request.images * IMAGE_TOKENS
    if counts != "input" and request.call_type in WRITING:
        tokens += (request.max_tokens if request.max_tokens is not None else unbounded_output) * request.n
    return tokens
